"""Findings of the rule pack that we live with: which, where, why, who answers for it and until when.

An acknowledgement past its day is not applied any more, so the finding stops the next deployment until somebody decides again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from aws_cdk import Acknowledgment, Environment, Stack, Validations

from cdk.constructs.faults import NETWORK_POLICY
from cdk.constructs.gpu_machines import NAME as GPU_NAME
from cdk.constructs.gpu_machines import PREFIX
from cdk.constructs.phase_machine import machine_name
from cdk.constructs.replication import REPLICATED
from cdk.constructs.tables import EVENTUAL, table_name
from cdk.constructs.vault import BACKING_UP, RESTORING, managed_name
from cdk.functions import BOOK_API, CONNECTIONS, INGEST_TICKS, MARK_PORTFOLIOS, OPERATIONS_API, STEPS, TASKS
from daymark.adapters.dynamodb.tables import TABLES
from daymark.operations.models import OperationPhase

PLATFORM = "platform engineering"
SECURITY = "security engineering"
_UNTIL = date(2027, 11, 30)
# The stacks that have functions.
FUNCTIONS = ("Operations", "MarketData", "Monitoring", "Api")


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
        ("Operations", "MarketData", "Monitoring", "Api", "Recovery", "Compute"),
        "X-Ray's trace actions, CloudWatch's log-delivery actions, looking for resources by tag and signing in to ECR and ECS take no "
        "resource, and Lambda checks that it may manage a placed function's network interfaces anywhere, which the function's own code "
        "is denied; no other action is granted on *.",
        SECURITY,
    ),
    *(
        Acknowledgement(
            f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]",
            ("Recovery",),
            "What backing up, restoring and cutting off a subnet need changes with the service: AWS's own policies for its own services.",
            SECURITY,
        )
        for policy in (*map(managed_name, (*BACKING_UP, *RESTORING)), f"service-role/{NETWORK_POLICY}")
    ),
    Acknowledgement(
        "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]",
        ("Monitoring",),
        "API Gateway's account-wide logging role accepts only this managed policy's actions.",
        SECURITY,
    ),
    *(
        Acknowledgement(finding, FUNCTIONS, "The runtime is python3.13, the newest that every pinned wheel is published for.")
        for finding in ("AwsSolutions-L1", "Serverless-LambdaLatestVersion")
    ),
    Acknowledgement(
        "AwsSolutions-KDS3",
        ("Data",),
        "The rule warns of what a key of our own costs; the streams carry what the tables hold, under the same key.",
        SECURITY,
    ),
    *(
        Acknowledgement(finding, ("Operations", "MarketData", "Monitoring"), "This queue is itself a dead-letter queue.")
        for finding in ("AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
    ),
    Acknowledgement("AwsSolutions-APIG4", ("Api",), "The API's own documentation is public; it holds no customer data."),
    Acknowledgement(
        "AwsSolutions-APIG4",
        ("Monitoring",),
        "A one-time ticket, which only a signed-in user gets, is redeemed by $connect itself; no route answers before that has let in.",
        SECURITY,
    ),
    Acknowledgement("AwsSolutions-COG4", ("Api",), "The API's own documentation is public; it holds no customer data."),
    *(
        Acknowledgement(finding, ("Api",), "The web firewall is associated by the edge stack.", SECURITY)
        for finding in ("AwsSolutions-APIG3", "NIST.800.53.R5-APIGWAssociatedWithWAF")
    ),
    *(
        Acknowledgement(finding, ("Api",), "The secret signs page cursors only; a new one voids open pages at once.", SECURITY)
        for finding in ("AwsSolutions-SMG4", "NIST.800.53.R5-SecretsManagerRotationEnabled")
    ),
    *(
        Acknowledgement(
            f"NIST.800.53.R5-{rule}",
            ("Api",),
            "Answers are of one caller, so the stage has no cache; behind it are functions alone, which the gateway calls by IAM and not "
            "by a certificate.",
            SECURITY,
        )
        for rule in ("APIGWCacheEnabledAndEncrypted", "APIGWSSLEnabled")
    ),
    Acknowledgement(
        "NIST.800.53.R5-S3BucketReplicationEnabled",
        ("Data",),
        "Prices, documents and seals are copied to the other region; what is left is rebuilt from the streams and the book, is a log of "
        "one region, or is itself the copy.",
    ),
    Acknowledgement(
        "NIST.800.53.R5-S3DefaultEncryptionKMS",
        ("Data",),
        "S3 writes its access logs only into a bucket that is encrypted by S3's own key.",
        SECURITY,
    ),
    Acknowledgement(
        "NIST.800.53.R5-IAMNoInlinePolicy",
        ("Data", "Network", *FUNCTIONS, "Recovery", "Failover", "Compute", "Delivery"),
        "Each role has one policy, written for it and gone with it; shared managed policies would tie roles together.",
        SECURITY,
    ),
    Acknowledgement(
        "NIST.800.53.R5-LambdaConcurrency",
        FUNCTIONS,
        "Streams bound their readers by shards and the APIs theirs by throttles; a share set aside for each function would idle, and the "
        "account's concurrency has an alarm.",
    ),
    *(
        Acknowledgement(
            finding,
            FUNCTIONS,
            "Gateways, state machines and streams wait for the answer and retry by rules of their own; the two functions that events call "
            "keep what failed in their destination.",
        )
        for finding in ("NIST.800.53.R5-LambdaDLQ", "Serverless-LambdaDLQ")
    ),
    Acknowledgement(
        "NIST.800.53.R5-LambdaInsideVPC",
        ("Operations", "Monitoring", "Api"),
        "Only the ingest needs the network, for the cache; the others call AWS's own endpoints, by roles that name every resource.",
        SECURITY,
    ),
    Acknowledgement(
        "NIST.800.53.R5-VPCDefaultSecurityGroupClosed",
        ("Network",),
        "The default group is given to nothing; each function and endpoint has a group of its own.",
        SECURITY,
    ),
    Acknowledgement(
        "Serverless-EventBusDLQ",
        ("Watch",),
        "A page that is not taken is sent again for a day; a queue under the key that was just disabled would take it no better.",
    ),
)

_PREFIX_REASON = "One key prefix of one bucket: S3 has no narrower resource for keys made of dates, tenants, portfolios and executions."


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
    users.setdefault(("documents", PREFIX), set()).add("Compute")
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


_COPIES_REASON = "Every object of the copied buckets, and the other region's data key, which a policy names by the condition on its alias."


def copies(environment: Environment, other: str) -> Iterable[Acknowledgement]:
    """The wildcards behind copying whole buckets to the other region."""
    wildcards = [f"arn:aws:kms:{other}:{environment.account}:key/*"]
    for region in (environment.region, other):
        wildcards += [f"arn:aws:s3:::daymark-{name}-{environment.account}-{region}/*" for name in REPLICATED]
    for arn in wildcards:
        yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{arn}]", ("Data",), _COPIES_REASON, SECURITY)


_NAMED_REASON = (
    "What AWS names itself: the one stream of a table, by the moment it was made, and the cluster of the GPU machines, by letters that "
    "Batch draws."
)


def named_by_aws(environment: Environment) -> Iterable[Acknowledgement]:
    """The wildcards behind what AWS names itself: streams of tables, and the cluster of Batch."""
    where = f"{environment.region}:{environment.account}"
    for table in EVENTUAL:
        arn = f"arn:aws:dynamodb:{where}:table/{table_name(TABLES[table])}/stream/*"
        yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{arn}]", ("Recovery",), _NAMED_REASON, SECURITY)
    for kind in ("cluster", "container-instance"):
        arn = f"arn:aws:ecs:{where}:{kind}/AWSBatch-{GPU_NAME}-*"
        yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{arn}]", ("Compute",), _NAMED_REASON, SECURITY)


_LOOK_REASON = "CloudWatch tells of composite alarms only to whoever may look at every alarm; looking is all that it allows."
_TEMPLATES_REASON = "The templates of Daymark's own stacks; CloudFormation ends a stack's ARN with an id that it draws."


# Decided for the regions' stacks, and for the same reasons here.
_LIKE_ELSEWHERE = {
    "NIST.800.53.R5-IAMNoInlinePolicy",
    "NIST.800.53.R5-S3BucketReplicationEnabled",
    "NIST.800.53.R5-S3DefaultEncryptionKMS",
    "Serverless-EventBusDLQ",
}


def delivery(environment: Environment, other: str, artifacts: str) -> Iterable[Acknowledgement]:
    """The wildcards of the pipeline's steps.

    Args:
        environment: The pipeline's own.
        other: The other region that it deploys to.
        artifacts: How the rule pack spells the keys of what is handed on.
    """
    for rule in RULES:
        if rule.finding in _LIKE_ELSEWHERE:
            yield replace(rule, stacks=("Delivery",))
    yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{artifacts}]", ("Delivery",), _PREFIX_REASON, SECURITY)
    yield Acknowledgement("AwsSolutions-IAM5[Resource::*]", ("Delivery",), _LOOK_REASON, SECURITY)
    for region in (environment.region, other):
        arn = f"arn:aws:cloudformation:{region}:{environment.account}:stack/daymark-*/*"
        yield Acknowledgement(f"AwsSolutions-IAM5[Resource::{arn}]", ("Delivery",), _TEMPLATES_REASON, SECURITY)


def acknowledge(stacks: Iterable[Stack], acknowledgements: Iterable[Acknowledgement], today: date) -> None:
    """Apply what has not expired. A stack that this deployment does not have needs none."""
    by_name = {stack.node.id: stack for stack in stacks}
    for each in acknowledgements:
        if each.expires < today:
            continue
        for name in sorted(by_name.keys() & set(each.stacks)):
            reason = f"{each.reason} Owner: {each.owner}. Until {each.expires}."
            Validations.of(by_name[name]).acknowledge(Acknowledgment(id=each.finding, reason=reason))
