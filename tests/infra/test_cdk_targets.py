"""What is deployed on one machine is what goes to the cloud, but for a short list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from cdk.constructs import layers
from cdk.settings import DeploymentSettings, LayerSource
from daymark.core.errors import InvalidInput, NotFound

# Where local and cloud templates of the primary region may differ, and why. Anything else is a defect.
ALLOWED = {
    r"Operations/.*Layers.*": "dependency layers are for another processor; the emulator's environment has the packages",
    r"Api/.*Layers.*": "dependency layers are for another processor; the emulator's environment has the packages",
    r"MarketData/.*Layers.*": "dependency layers are for another processor; the emulator's environment has the packages",
    r"Monitoring/.*Layers.*": "dependency layers are for another processor; the emulator's environment has the packages",
    r"Monitoring/Outputs/WebSocketAddress/.*": "the embedded cloud serves every API below its own address",
    r"(Api|Monitoring)/.*/DAYMARK_WEBSOCKET_ENDPOINT/.*": "the embedded cloud serves every API below its own address",
    r"Operations/Resources/\w+Schedule\w*/Properties/State": "the emulator ignores time zones; the day is driven by hand",
    r"Identity/Resources/UsersApp\w+/Properties/ExplicitAuthFlows/.*": "signing in without a browser or an authenticator app",
    r"Identity/Resources/Users\w+/Properties/(MfaConfiguration|EnabledMfas.*)": "signing in without a browser or an authenticator app",
    r"Identity/Resources/Users\w+/Properties/(KeyConfiguration|IssuerConfiguration)": "its tokens have the original issuer, and no replica",
    r"Identity/(Resources/DirectoryKey|Outputs/UserPoolKeyArn).*": "it has one region, so there is no pool to replicate",
    r"Identity/Outputs/UserPoolIssuer/.*": "its tokens have the original issuer",
    r"Api/.*/DAYMARK_IDENTITY_CLIENTS/.*": "its tokens have the original issuer",
    r"Data/Resources/CopiesRole\w+": "there is no other region to copy to",
    r"Data/Resources/(Prices|Documents|Seals)\w+/Properties/ReplicationConfiguration": "there is no other region to copy to",
    r"\w+/Outputs/ExportsOutput\w+": "stacks of the cloud alone refer to more",
    r"Data/Resources/\w+/Properties/Replicas/.*": "the emulator creates no replica in another region",
    r"Data/Resources/Fence\w+/Properties/(MultiRegionConsistency|GlobalTableWitnesses.*)": "one region is consistent with itself",
    r"Data/Resources/\w+/Properties/StreamSpecification": "replication reads the table's stream",
    r"Data/Resources/\w+Records\w+/Properties/(ShardCount|StreamModeDetails.*)": "streams on one machine have a fixed number of shards",
    r"(MarketData|Monitoring)/Resources/\w+Reader(Consumer|Mapping)\w+(/Properties/EventSourceArn/.*)?": "it has no consumers",
    r"(MarketData|Monitoring)/Resources/(IngestTicks|MarkPortfolios)RoleDefaultPolicy\w+/.*": "rights to consumers and network interfaces",
    r"MarketData/Resources/Quotes": "the cache on one machine is started beside the emulator",
    r"MarketData/.*/DAYMARK_REDIS_URL.*": "the cache on one machine is started beside the emulator",
    r"MarketData/Resources/IngestTicksFunction\w+/Properties/VpcConfig": "on one machine there is nothing to keep apart",
    r"Operations/.*/DAYMARK_(SYNTHETIC_TICKS|TICK_GROUPS|PORTFOLIO_BUCKETS)": "ticks are made on one machine, and few",
    r"Monitoring/.*/DAYMARK_PORTFOLIO_BUCKETS": "portfolios are few on one machine",
}


def differences(left: Any, right: Any, path: str = "") -> Iterator[str]:
    """Paths at which two documents differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left.keys() | right.keys():
            if key not in left or key not in right:
                yield f"{path}/{key}"
            else:
                yield from differences(left[key], right[key], f"{path}/{key}")
    elif isinstance(left, list) and isinstance(right, list):
        for place in range(max(len(left), len(right))):
            if place >= min(len(left), len(right)):
                yield f"{path}/{place}"
            else:
                yield from differences(left[place], right[place], f"{path}/{place}")
    elif neutral(left) != neutral(right):
        yield path


def neutral(value: Any) -> Any:
    """A leaf without the account, which is a setting."""
    return value.replace("000000000000", "111122223333") if isinstance(value, str) else value


def template_differences(cloud: Any, local: Any) -> set[str]:
    found = set()
    for (region, stack), template in local.templates.items():
        for path in differences(template, cloud.templates[region, stack], stack):
            if "/Metadata" not in path and "BootstrapVersion" not in path:
                found.add(path)
    return found


def test_the_embedded_cloud_gets_the_primary_region(local):
    assert {region for region, _ in local.templates} == {"us-east-1"}


# What the embedded cloud refuses, or one machine has no use for, in stacks of its own.
CLOUD_ONLY = {
    "Compute": "it refuses Batch; simulations run on the processor",
    "Edge": "it refuses to associate a firewall",
    "Failover": "it has one region, no health checks and no plans to switch",
    "Network": "one machine has nothing to keep apart",
    "Recovery": "it takes no backup selections and injects no faults",
    "Watch": "it refuses metric math and composite alarms, and there is nobody to page",
}


def test_both_targets_have_the_same_stacks_but_for_those_of_the_cloud(cloud, local):
    assert {stack for _, stack in cloud.templates} == {stack for _, stack in local.templates} | set(CLOUD_ONLY)
    assert not {stack for _, stack in local.templates} & set(CLOUD_ONLY)


def test_local_differs_from_cloud_in_the_listed_places_only(cloud, local):
    unexplained = {path for path in template_differences(cloud, local) if not any(re.fullmatch(pattern, path) for pattern in ALLOWED)}

    assert unexplained == set()


@pytest.mark.parametrize("pattern", sorted(ALLOWED))
def test_every_allowed_difference_exists(cloud, local, pattern):
    assert any(re.fullmatch(pattern, path) for path in template_differences(cloud, local))


def test_no_stack_outgrows_its_limit(cloud):
    # CloudFormation refuses 501; a deployment that grows needs room to be split first.
    assert max(len(template["Resources"]) for template in cloud.templates.values()) < 400


# Where the other region is named, by what things are called there: replicas and copies; how late they are; the vault of copied backups;
# the plan that switches. Nothing there has to exist for the template to deploy but the destinations of copies, which come first.
NAMING_THE_OTHER = {"us-east-1": ("Data", "Watch", "Recovery", "Failover"), "us-west-2": ("Watch", "Recovery")}


def test_no_region_refers_to_another(cloud):
    for (region, stack), found in cloud.stacks.items():
        assert found["region"] == region, stack
        other = ({"us-east-1", "us-west-2"} - {region}).pop()
        if stack not in NAMING_THE_OTHER.get(region, ()):
            assert other not in str(cloud.templates[region, stack]), (region, stack)
        # A reference would have brought a custom resource that writes and reads parameters across regions.
        assert "Custom::" not in str(cloud.templates[region, stack]), (region, stack)


def test_a_target_that_is_neither_is_refused():
    with pytest.raises(InvalidInput, match="target must be one of local, cloud") as refused:
        DeploymentSettings.read({"target": "moon", "layers": "built"}.get, {"CDK_DEFAULT_ACCOUNT": "1"})
    assert refused.value.field == "target"


def test_the_cloud_needs_an_account():
    with pytest.raises(InvalidInput, match="CDK_DEFAULT_ACCOUNT"):
        DeploymentSettings.read({"target": "cloud", "layers": "built"}.get, {})


def test_a_witness_in_a_replica_region_is_refused():
    context = {"target": "cloud", "layers": "built", "witness": "us-west-2"}
    with pytest.raises(InvalidInput, match="three different regions"):
        DeploymentSettings.read(context.get, {"CDK_DEFAULT_ACCOUNT": "1"})


def test_layers_that_were_not_built_are_refused_with_the_way_to_build_them(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "PROJECT", tmp_path)
    with pytest.raises(NotFound, match="run make layers first"):
        layers._folder(layers.Layer.SCIENCE, LayerSource.BUILT)
