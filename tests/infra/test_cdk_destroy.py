"""``cdk destroy`` cannot take data with it: what holds any is retained, and a stack that holds more than logs refuses to go."""

from __future__ import annotations

import pytest

from tests.infra.conftest import Assembly

# What holds data that nothing else can make again, or the means to read it.
STATEFUL = {
    "AWS::Backup::BackupVault",
    "AWS::CertificateManager::Certificate",
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::ECR::Repository",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::Lambda::LayerVersion",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
}
# Retained, but made again by the next deployment: their stacks may go.
MADE_AGAIN = {"AWS::Lambda::LayerVersion", "AWS::Logs::LogGroup"}
# These hold something, and may go with their stack.
LET_GO = {
    "AWS::SQS::Queue": "pointers to what is still in the journal or the stream, for two weeks",
    "AWS::SecretsManager::Secret": "signs page cursors; a new one voids open pages, and the service keeps the old one for 30 days",
    "AWS::ElastiCache::ServerlessCache": "hot quotes, filled again by the ticks that come",
    "AWS::SNS::Topic": "subscriptions are made again",
    "AWS::Route53::RecordSet": "names of what goes with it",
    "AWS::Backup::BackupPlan": "what it made is in the vault",
}
# Everything else holds nothing. A new type has to be put into one of these three lists.
STATELESS_SERVICES = {
    "AWS::ARCRegionSwitch",
    "AWS::ApiGateway",
    "AWS::ApiGatewayV2",
    "AWS::Batch",
    "AWS::CDK",
    "AWS::CloudWatch",
    "AWS::EC2",
    "AWS::Events",
    "AWS::FIS",
    "AWS::IAM",
    "AWS::Scheduler",
    "AWS::StepFunctions",
    "AWS::WAFv2",
}
STATELESS = {
    "AWS::Backup::BackupSelection",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolGroup",
    "AWS::KMS::Alias",
    "AWS::Kinesis::StreamConsumer",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::ResourcePolicy",
    "AWS::Route53::HealthCheck",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SNS::Subscription",
    "AWS::SQS::QueuePolicy",
}


def types(assembly: Assembly) -> set[str]:
    return {resource["Type"] for template in assembly.templates.values() for resource in template["Resources"].values()}


def test_somebody_decided_about_every_type(cloud: Assembly, local: Assembly) -> None:
    undecided = {
        kind
        for kind in types(cloud) | types(local)
        if kind not in STATEFUL | LET_GO.keys() | STATELESS and kind.rpartition("::")[0] not in STATELESS_SERVICES
    }

    assert undecided == set()
    assert types(cloud) >= STATEFUL


@pytest.mark.parametrize("kind", sorted(STATEFUL))
def test_nothing_stateful_goes_with_its_stack_or_its_successor(cloud: Assembly, local: Assembly, kind: str) -> None:
    found = [*cloud.resources(kind), *local.resources(kind)]

    assert found
    for where, resource in found:
        assert resource.get("DeletionPolicy") == "Retain", where
        assert resource.get("UpdateReplacePolicy") == "Retain", where


def test_every_stack_that_holds_data_is_protected_in_the_cloud_and_none_on_one_machine(cloud: Assembly, local: Assembly) -> None:
    holding = {
        where
        for where, template in cloud.templates.items()
        if {resource["Type"] for resource in template["Resources"].values()} & (STATEFUL - MADE_AGAIN)
    }
    protected = {where for where, stack in cloud.stacks.items() if stack.get("terminationProtection")}

    assert protected >= holding
    assert {stack for _, stack in protected} == {"Data", "Identity", "Recovery", "Compute", "Failover"}
    assert not [where for where, stack in local.stacks.items() if stack.get("terminationProtection")]


def test_tables_and_the_pool_refuse_deletion_by_themselves(cloud: Assembly) -> None:
    for where, table in cloud.resources("AWS::DynamoDB::GlobalTable"):
        assert all(replica["DeletionProtectionEnabled"] for replica in table["Properties"]["Replicas"]), where
    for where, pool in cloud.resources("AWS::Cognito::UserPool"):
        assert pool["Properties"]["DeletionProtection"] == "ACTIVE", where


def test_no_bucket_is_emptied_for_its_deletion(cloud: Assembly, local: Assembly) -> None:
    # The resource behind auto_delete_objects; the repositories' twin is Custom::ECRAutoDeleteImages.
    for assembly in (cloud, local):
        assert not [kind for kind in types(assembly) if kind.startswith("Custom::")]
