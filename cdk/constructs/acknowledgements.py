"""Findings of the rule pack that we live with: which, where, why, who answers for it and until when.

An acknowledgement past its day is not applied any more, so the finding stops the next deployment until somebody decides again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from aws_cdk import Acknowledgment, Environment, Stack, Validations

from cdk.constructs.phase_machine import machine_name
from cdk.functions import BOOK_API, CONNECTIONS, INGEST_TICKS, MARK_PORTFOLIOS, OPERATIONS_API, STEPS, TASKS
from daymark.operations.models import OperationPhase

PLATFORM = "platform engineering"
SECURITY = "security engineering"
_UNTIL = date(2027, 11, 30)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One finding of one rule in named stacks."""

    finding: str
    stacks: tuple[str, ...]
    reason: str
    owner: str = PLATFORM
    expires: date = _UNTIL


RULES = (
    Acknowledgement(
        "AwsSolutions-IAM5[Resource::*]",
        ("Operations", "MarketData", "Monitoring", "Api"),
        "X-Ray's trace actions and CloudWatch's log-delivery actions take no resource, and Lambda checks that it may manage a placed "
        "function's network interfaces anywhere, which the function's own code is denied; no other action is granted on *.",
        SECURITY,
    ),
    Acknowledgement(
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        ("Monitoring",),
        "API Gateway's account-wide logging role accepts only this managed policy's actions.",
        SECURITY,
    ),
    Acknowledgement(
        "AwsSolutions-L1",
        ("Operations", "MarketData", "Monitoring", "Api"),
        "The runtime is python3.13, the newest that every pinned wheel is published for.",
    ),
    Acknowledgement(
        "AwsSolutions-KDS3",
        ("Data",),
        "The rule warns of what a key of our own costs; the streams carry what the tables hold, under the same key.",
        SECURITY,
    ),
    Acknowledgement("AwsSolutions-SQS3", ("Operations", "MarketData", "Monitoring"), "This queue is itself a dead-letter queue."),
    Acknowledgement("AwsSolutions-APIG4", ("Api",), "The API's own documentation is public; it holds no customer data."),
    Acknowledgement(
        "AwsSolutions-APIG4",
        ("Monitoring",),
        "A one-time ticket, which only a signed-in user gets, is redeemed by $connect itself; no route answers before that has let in.",
        SECURITY,
    ),
    Acknowledgement("AwsSolutions-COG4", ("Api",), "The API's own documentation is public; it holds no customer data."),
    Acknowledgement("AwsSolutions-APIG3", ("Api",), "The web firewall is associated by the edge stack.", SECURITY),
    Acknowledgement("AwsSolutions-SMG4", ("Api",), "The secret signs page cursors only; a new one voids open pages at once.", SECURITY),
)

_PREFIX_REASON = "One key prefix of one bucket: S3 has no narrower resource for keys made of dates, tenants and portfolios."


def key_prefixes(bucket_arns: Mapping[str, str]) -> Iterable[Acknowledgement]:
    """The wildcard behind each key prefix that some function reads or writes.

    Args:
        bucket_arns: How the rule pack spells the ARN of each bucket.
    """
    users: dict[tuple[str, str], set[str]] = {}
    for stack, definitions in {
        "Operations": (*STEPS, *TASKS),
        "MarketData": (INGEST_TICKS,),
        "Monitoring": (*CONNECTIONS, MARK_PORTFOLIOS),
        "Api": (BOOK_API, OPERATIONS_API),
    }.items():
        for access in (access for definition in definitions for access in definition.objects):
            users.setdefault((access.bucket, access.prefix), set()).add(stack)
    for (bucket, prefix), stacks in sorted(users.items()):
        finding = f"AwsSolutions-IAM5[Resource::{bucket_arns[bucket]}/{prefix}*]"
        yield Acknowledgement(finding, tuple(sorted(stacks)), _PREFIX_REASON, SECURITY)


_EXECUTION_REASON = "The executions of one phase's machine: each is named by its run, which no template knows."


def executions(environment: Environment) -> Iterable[Acknowledgement]:
    """The wildcard behind looking at the executions of each phase's machine."""
    for phase in OperationPhase:
        arn = f"arn:aws:states:{environment.region}:{environment.account}:execution:{machine_name(phase)}:*"
        yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{arn}]", ("Api",), _EXECUTION_REASON, SECURITY)


_CONNECTIONS_REASON = "Connections of one stage of one API: their ids are drawn when clients connect."


def connections(resources: Iterable[str]) -> Iterable[Acknowledgement]:
    """The wildcard behind posting to the WebSocket's connections and closing them.

    Args:
        resources: How the rule pack spells the ARNs.
    """
    for arn in resources:
        yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{arn}]", ("Monitoring",), _CONNECTIONS_REASON, SECURITY)


def acknowledge(stacks: Iterable[Stack], acknowledgements: Iterable[Acknowledgement], today: date) -> None:
    """Apply what has not expired."""
    by_name = {stack.node.id: stack for stack in stacks}
    for each in acknowledgements:
        if each.expires < today:
            continue
        for name in each.stacks:
            reason = f"{each.reason} Owner: {each.owner}. Until {each.expires}."
            Validations.of(by_name[name]).acknowledge(Acknowledgment(id=each.finding, reason=reason))
