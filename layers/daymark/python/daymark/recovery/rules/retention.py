"""Rule: nothing that holds data goes with its stack: it is retained, and its stack is protected against termination.

A switch is the moment of hurried deployments and rollbacks; what they delete or replace by mistake must stay.
"""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment

# What cannot be made again from the templates.
HOLDING = (
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::KMS::ReplicaKey",
    "AWS::Kinesis::Stream",
    "AWS::Cognito::UserPool",
    "AWS::Backup::BackupVault",
)
_KEPT = ("Retain", "RetainExceptOnCreate")
Found = Iterator[Breach | Unknown]


def deletable(deployment: Deployment, _: Situation) -> Found:
    """Resources that a deployment can delete or replace with all they hold."""
    for resource in deployment.every(*HOLDING):
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.body.get(policy) not in _KEPT:
                said = resource.body.get(policy, "Delete, the default")
                yield Breach.at(resource, policy, f"what it holds goes with it: {policy} is {said}", "retain it")


def terminable(deployment: Deployment, _: Situation) -> Found:
    """Stacks with data that one call can delete."""
    holding = sorted({(resource.region, resource.stack) for resource in deployment.every(*HOLDING)})
    if deployment.protected is None:
        yield Unknown("termination protection", "the manifest of a cloud assembly; templates do not tell")
        return
    for region, stack in holding:
        if (region, stack) not in deployment.protected:
            yield Breach(
                region, stack, "", "terminationProtection", "the stack holds data and can be deleted", "protect it against termination"
            )


RULES = (
    Rule("data-retained", "Whatever holds data is retained", Severity.BLOCKS, HOLDING, deletable, needed=True),
    Rule("stack-protected", "Stacks that hold data are protected against termination", Severity.WARNS, HOLDING, terminable),
)
