"""Failover: everything stands beforehand in both regions, DNS forgets within a minute, and a switch changes no record."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.recovery_settings import RecoverySettings
from daymark.core.errors import InvalidInput
from tests.infra.conftest import Assembly

REGIONS = ("us-east-1", "us-west-2")
DOMAIN, ZONE = "api.example.com", "Z0123456789ABCDEFGHIJ"


def bodies(assembly: Assembly, kind: str, region: str) -> dict[str, dict[str, Any]]:
    return {name: body["Properties"] for (_, stack, name), body in assembly.resources(kind, region) if stack == "Failover"}


def records(assembly: Assembly, region: str) -> dict[str, dict[str, Any]]:
    return {body["Name"]: body for body in bodies(assembly, "AWS::Route53::RecordSet", region).values()}


def checks(assembly: Assembly, region: str) -> dict[str, dict[str, Any]]:
    found = bodies(assembly, "AWS::Route53::HealthCheck", region)
    return {body["HealthCheckConfig"]["Type"]: body["HealthCheckConfig"] | {"id": name} for name, body in found.items()}


@pytest.mark.parametrize(("region", "role"), [("us-east-1", "PRIMARY"), ("us-west-2", "SECONDARY")])
def test_each_region_answers_under_the_shared_name_by_its_own_health(cloud: Assembly, region: str, role: str) -> None:
    found = records(cloud, region)
    shared, regional = found[f"{DOMAIN}."], found[f"{region}.{DOMAIN}."]

    assert set(found) == {f"{DOMAIN}.", f"{region}.{DOMAIN}."}
    assert (shared["Failover"], shared["SetIdentifier"]) == (role, region)
    assert shared["AliasTarget"] == {"DNSName": f"{region}.{DOMAIN}", "HostedZoneId": ZONE, "EvaluateTargetHealth": True}
    assert shared["HealthCheckId"]["Fn::GetAtt"][0] == checks(cloud, region)["CALCULATED"]["id"]
    assert "Failover" not in regional
    # An alias to API Gateway is answered for 60 seconds, which is AWS's and cannot be more; no record has a life of its own.
    assert not [record for record in found.values() if "TTL" in record]


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_well_if_its_rest_api_answers_without_touching_data(cloud: Assembly, region: str) -> None:
    found = checks(cloud, region)
    endpoint, region_check = found["HTTPS"], found["CALCULATED"]
    public = {
        body["Properties"]["PathPart"] for (_, stack, _), body in cloud.resources("AWS::ApiGateway::Resource", region) if stack == "Api"
    }

    assert f".execute-api.{region}.amazonaws.com" in json.dumps(endpoint["FullyQualifiedDomainName"])
    assert endpoint["ResourcePath"] == "/live/openapi.json" and "openapi.json" in public
    # 3 failures, 10 seconds apart: detected within 30 seconds or so, well under the 90 that a switch may count on.
    assert (endpoint["RequestInterval"], endpoint["FailureThreshold"]) == (10, 3)
    assert region_check["HealthThreshold"] == len(region_check["ChildHealthChecks"]) == 1


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_a_certificate_and_a_domain_of_its_own(cloud: Assembly, region: str) -> None:
    (certificate,) = bodies(cloud, "AWS::CertificateManager::Certificate", region).items()
    (domain,) = bodies(cloud, "AWS::ApiGateway::DomainName", region).values()
    (mapping,) = bodies(cloud, "AWS::ApiGateway::BasePathMapping", region).values()

    assert certificate[1]["DomainName"] == domain["DomainName"] == DOMAIN
    assert certificate[1]["ValidationMethod"] == "DNS"
    assert domain["RegionalCertificateArn"] == {"Ref": certificate[0]}
    assert domain["SecurityPolicy"] == "TLS_1_2"
    assert domain["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert mapping["Stage"] == "live"


def test_the_plan_moves_both_regions_and_a_person_approves_first(cloud: Assembly) -> None:
    (plan,) = bodies(cloud, "AWS::ARCRegionSwitch::Plan", "us-east-1").values()

    assert not bodies(cloud, "AWS::ARCRegionSwitch::Plan", "us-west-2")
    assert (plan["RecoveryApproach"], plan["PrimaryRegion"]) == ("activePassive", "us-east-1")
    assert plan["Regions"] == list(REGIONS)
    assert plan["RecoveryTimeObjectiveMinutes"] == 15
    assert {flow["WorkflowTargetRegion"]: flow["WorkflowTargetAction"] for flow in plan["Workflows"]} == dict.fromkeys(REGIONS, "activate")
    for flow in plan["Workflows"]:
        assert [step["ExecutionBlockType"] for step in flow["Steps"]] == ["ManualApproval", "Route53HealthCheck"]
        moved = flow["Steps"][1]["ExecutionBlockConfiguration"]["Route53HealthCheckConfig"]
        assert (moved["HostedZoneId"], moved["RecordName"]) == (ZONE, DOMAIN)
        # The identifiers that the records really have.
        assert {each["RecordSetIdentifier"] for each in moved["RecordSets"]} == {
            record["SetIdentifier"] for region in REGIONS for record in records(cloud, region).values() if "SetIdentifier" in record
        }


def test_the_plan_follows_the_services_own_model(cloud: Assembly) -> None:
    """Names of blocks and actions as the service's published model lists them."""
    import botocore.session  # noqa: PLC0415 - reads a model of a megabyte

    model = botocore.session.get_session().get_service_model("arc-region-switch")
    (plan,) = bodies(cloud, "AWS::ARCRegionSwitch::Plan", "us-east-1").values()

    assert plan["RecoveryApproach"] in model.shape_for("RecoveryApproach").enum
    for flow in plan["Workflows"]:
        assert flow["WorkflowTargetAction"] in model.shape_for("WorkflowTargetAction").enum
        for step in flow["Steps"]:
            assert step["ExecutionBlockType"] in model.shape_for("ExecutionBlockType").enum
            (block,) = step["ExecutionBlockConfiguration"]
            assert block[0].lower() + block[1:] in model.shape_for("ExecutionBlockConfiguration").members


def test_nothing_on_the_way_of_a_switch_can_change_a_record(cloud: Assembly) -> None:
    for region in REGIONS:
        for (_, stack, name), policy in cloud.resources("AWS::IAM::Policy", region):
            text = json.dumps(policy["Properties"]["PolicyDocument"])
            assert "route53:Change" not in text and "route53:Update" not in text, name
            if stack == "Failover":
                assert '"*"' not in text
    (approves,) = [body for name, body in bodies(cloud, "AWS::IAM::Role", "us-east-1").items() if "Approves" in name]
    (trust,) = approves["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_a_domain_without_its_zone_and_what_is_no_domain_are_refused() -> None:
    for context, field in (
        ({"domain": DOMAIN}, "hosted_zone"),
        ({"hosted_zone": ZONE}, "domain"),
        ({"domain": "no domain", "hosted_zone": ZONE}, "domain"),
        ({"domain": DOMAIN, "hosted_zone": "/hostedzone/Z1"}, "hosted_zone"),
        ({"switch_checks": "us-east-1:abc"}, "switch_checks"),
    ):
        with pytest.raises(InvalidInput) as refused:
            RecoverySettings.read(context.get)
        assert refused.value.field == field


def test_the_plans_checks_are_given_back_by_region() -> None:
    one, two = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-000000000000"
    settings = RecoverySettings.read({"switch_checks": f"us-east-1={one},us-west-2={two}"}.get)

    assert dict(settings.switch_checks) == {"us-east-1": one, "us-west-2": two}
