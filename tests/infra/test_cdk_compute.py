"""Compute: nothing runs and nothing has a way out while no job waits; a job has its key prefix and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.compute_settings import ComputeSettings
from daymark.core.errors import InvalidInput
from tests.infra.conftest import Assembly

REGIONS = ("us-east-1", "us-west-2")


def one(assembly: Assembly, kind: str, region: str) -> dict[str, Any]:
    ((_, resource),) = ((where, body) for where, body in assembly.resources(kind, region) if where[1] == "Compute")
    return resource["Properties"]


def held(assembly: Assembly, region: str, role: str) -> dict[str, Any]:
    """Resources by action."""
    return {
        action: statement["Resource"]
        for (_, stack, _), policy in assembly.resources("AWS::IAM::Policy", region)
        if stack == "Compute" and policy["Properties"]["Roles"][0]["Ref"].startswith(role)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in (statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]])
    }


@pytest.mark.parametrize("region", REGIONS)
def test_there_are_no_machines_while_nothing_waits(cloud: Assembly, region: str) -> None:
    environment = one(cloud, "AWS::Batch::ComputeEnvironment", region)
    resources = environment["ComputeResources"]

    assert environment["Type"] == "MANAGED"
    assert resources["MinvCpus"] == 0 and "DesiredvCpus" not in resources
    assert resources["MaxvCpus"] == 64
    assert resources["InstanceTypes"] == ["g6", "g5"]
    assert resources["Ec2Configuration"] == [{"ImageType": "ECS_AL2023_NVIDIA"}]
    assert len(resources["Subnets"]) == 3 and "Isolated" in json.dumps(resources["Subnets"])


@pytest.mark.parametrize("region", REGIONS)
def test_machines_are_encrypted_give_metadata_to_sessions_alone_and_have_no_address(cloud: Assembly, region: str) -> None:
    machine = one(cloud, "AWS::EC2::LaunchTemplate", region)["LaunchTemplateData"]

    assert machine["MetadataOptions"] == {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    (disk,) = machine["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    # The subnets give none, and nothing here asks for one.
    assert "NetworkInterfaces" not in machine and "KeyName" not in machine
    for _, subnet in cloud.resources("AWS::EC2::Subnet", region):
        assert subnet["Properties"]["MapPublicIpOnLaunch"] is False


@pytest.mark.parametrize("region", REGIONS)
def test_machines_reach_what_batch_needs_and_nothing_else(cloud: Assembly, region: str) -> None:
    endpoints = {
        body["Properties"]["ServiceName"].removeprefix(f"com.amazonaws.{region}.")
        for _, body in cloud.resources("AWS::EC2::VPCEndpoint", region)
    }
    groups = {
        body["Properties"]["GroupDescription"]: (where[2], body["Properties"])
        for where, body in cloud.resources("AWS::EC2::SecurityGroup", region)
    }
    name, machines = next(found for description, found in groups.items() if description.startswith("GPU machines"))

    # AWS documentation, Batch interface VPC endpoints and ECS interface VPC endpoints, read 2026-11-23; Kinesis is ingest's.
    assert endpoints == {"ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs", "s3", "kinesis-streams"}
    ways = {(rule["FromPort"], rule["ToPort"], "DestinationPrefixListId" in rule) for rule in machines["SecurityGroupEgress"]}
    assert ways == {(443, 443, False), (443, 443, True)}
    assert not [rule for rule in machines["SecurityGroupEgress"] if "CidrIp" in rule]
    admitted = [
        body["Properties"]
        for _, body in cloud.resources("AWS::EC2::SecurityGroupIngress", region)
        if name in json.dumps(body["Properties"]["SourceSecurityGroupId"])
    ]
    assert [(rule["FromPort"], rule["ToPort"]) for rule in admitted] == [(443, 443)]


@pytest.mark.parametrize("region", REGIONS)
def test_a_job_has_a_gpu_a_limit_and_no_rights_on_its_machine(cloud: Assembly, region: str) -> None:
    job = one(cloud, "AWS::Batch::JobDefinition", region)
    container = job["ContainerProperties"]

    assert {each["Type"]: each["Value"] for each in container["ResourceRequirements"]} == {"GPU": "1", "VCPU": "4", "MEMORY": "14000"}
    assert json.dumps(container["Image"]).endswith(':2026-11-23"]]}')
    assert container["ReadonlyRootFilesystem"] is True and container["Privileged"] is False
    assert container["User"].split(":")[0] not in ("0", "root", "")
    assert job["Timeout"] == {"AttemptDurationSeconds": 7200}
    # A machine that was taken away is tried again; a job that failed is not.
    assert job["RetryStrategy"] == {
        "Attempts": 3,
        "EvaluateOnExit": [{"Action": "RETRY", "OnStatusReason": "Host EC2*"}, {"Action": "EXIT", "OnReason": "*"}],
    }
    assert container["LogConfiguration"]["LogDriver"] == "awslogs"


@pytest.mark.parametrize("region", REGIONS)
def test_a_job_may_touch_its_prefix_and_its_key(cloud: Assembly, region: str) -> None:
    rights = held(cloud, region, "GpuJobRole")

    assert {action for action in rights if not action.startswith("kms:")} == {"s3:GetObject", "s3:PutObject"}
    assert json.dumps(rights["s3:PutObject"]).endswith('/simulations/*"]]}')
    assert "DataKey" in json.dumps(rights["kms:Decrypt"])


@pytest.mark.parametrize("region", REGIONS)
def test_a_machines_agent_may_join_its_cluster_pull_its_image_and_log(cloud: Assembly, region: str) -> None:
    rights = held(cloud, region, "GpuMachineRole")

    assert {action for action, resource in rights.items() if resource == "*"} == {"ecr:GetAuthorizationToken", "ecs:DiscoverPollEndpoint"}
    assert rights["ecs:Poll"] == [
        f"arn:aws:ecs:{region}:111122223333:cluster/AWSBatch-daymark-gpu-*",
        f"arn:aws:ecs:{region}:111122223333:container-instance/AWSBatch-daymark-gpu-*",
    ]
    assert {action.split(":")[0] for action in rights} == {"ecs", "ecr", "logs"}


@pytest.mark.parametrize("region", REGIONS)
def test_images_are_never_replaced_and_always_scanned(cloud: Assembly, region: str) -> None:
    images = one(cloud, "AWS::ECR::Repository", region)

    assert images["ImageTagMutability"] == "IMMUTABLE"
    assert images["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert images["EncryptionConfiguration"]["EncryptionType"] == "KMS"
    assert len(json.loads(images["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]) == 2


def test_nobody_has_machines_unasked(local: Assembly) -> None:
    assert ComputeSettings() == ComputeSettings.read({}.get)
    assert ComputeSettings().gpu is False
    assert not list(local.resources("AWS::Batch::JobQueue"))


def test_what_is_none_is_refused() -> None:
    for context, field in (
        ({"gpu": "perhaps"}, "gpu"),
        ({"gpu_image": "2026-11-23"}, "gpu_image"),
        ({"gpu": "true", "gpu_image": "no tag"}, "gpu_image"),
        ({"gpu_types": "m7i.large"}, "gpu_types"),
        ({"gpu_most_cpus": "0"}, "gpu_most_cpus"),
    ):
        with pytest.raises(InvalidInput) as refused:
            ComputeSettings.read(context.get)
        assert refused.value.field == field
