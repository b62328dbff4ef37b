"""Rule: whatever stands in the primary stands in the secondary beforehand, because a switch calls no control plane that could make it.

All types are asked for, so that a new one is not forgotten, but those that other rules judge and those that are of one region on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource

PERMISSION = "AWS::Lambda::Permission"
JUDGED_ELSEWHERE = (
    *("AWS::ApiGateway::Method", "AWS::ApiGatewayV2::Route", "AWS::WAFv2::WebACLAssociation"),
    *("AWS::Lambda::Function", "AWS::Lambda::LayerVersion", "AWS::Lambda::EventSourceMapping", "AWS::Scheduler::Schedule"),
    *("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::KMS::Key", "AWS::KMS::ReplicaKey", "AWS::KMS::Alias"),
    *("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm", "AWS::Logs::LogGroup"),
    *("AWS::Backup::BackupPlan", "AWS::Backup::BackupVault", "AWS::Backup::BackupSelection"),
    *("AWS::Route53::RecordSet", "AWS::Route53::HealthCheck", "AWS::ApiGateway::DomainName", "AWS::CertificateManager::Certificate"),
    PERMISSION,
)
# Tables, users and the plan are declared once, for both regions.
OF_ONE_REGION = (
    *("AWS::DynamoDB::GlobalTable", "AWS::ARCRegionSwitch::Plan"),
    *("AWS::Cognito::UserPool", "AWS::Cognito::UserPoolReplica", "AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPoolGroup"),
)
# A deployment of an API is called by a hash of its content and its stack: stages and routes are compared instead.
HASHED = ("AWS::ApiGateway::Deployment",)
Found = Iterator[Breach | Unknown]


def missing_services(deployment: Deployment, _: Situation) -> Found:
    """What the secondary would have to make first."""
    for resource in deployment.everything(deployment.primary):
        if resource.kind not in (*JUDGED_ELSEWHERE, *OF_ONE_REGION, *HASHED) and deployment.counterpart(resource) is None:
            wrong = f"{resource.kind} of the primary is missing in this region"
            yield Breach(deployment.secondary, resource.stack, resource.name, "", wrong, "declare it in both regions")


def missing_permissions(deployment: Deployment, _: Situation) -> Found:
    """Callers that a function admits in the primary alone. Logical ids of permissions carry the region: they are paired by content."""
    there = [_said(deployment, each) for each in deployment.every(PERMISSION, region=deployment.secondary)]
    for permission in deployment.every(PERMISSION, region=deployment.primary):
        said = _said(deployment, permission)
        if said not in there:
            wrong = f"{said['Principal']} may not call {said['FunctionName']} as it may in {permission.region}"
            yield Breach(deployment.secondary, permission.stack, permission.name, "", wrong, "allow it in both regions")


def _said(deployment: Deployment, permission: Resource) -> dict[str, object]:
    names = ("Action", "FunctionName", "Principal", "SourceAccount", "SourceArn")
    return {name: deployment.plain(permission, permission.at(name)) for name in names}


RULES = (
    Rule("service-missing", "Whatever stands in the primary stands in the secondary", Severity.BLOCKS, (), missing_services),
    Rule("function-callers", "Functions admit the same callers in both regions", Severity.BLOCKS, (PERMISSION,), missing_permissions),
)
