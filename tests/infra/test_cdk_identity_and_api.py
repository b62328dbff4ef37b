"""Who gets in: users that cannot change who they are, and routes that nobody reaches without a token."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.conftest import PROJECT

REGIONS = ("us-east-1", "us-west-2")
DOCUMENT = json.loads((PROJECT / "layers/daymark/python/daymark/http/openapi.json").read_text())


def only(assembly: Any, kind: str, region: str = "us-east-1") -> dict[str, Any]:
    ((_, resource),) = assembly.resources(kind, region)
    return resource["Properties"]


@pytest.mark.parametrize("target", ["cloud", "local"])
def test_tenant_and_household_are_immutable_and_not_writable_by_the_app(request, target):
    assembly = request.getfixturevalue(target)
    schema = {attribute["Name"]: attribute for attribute in only(assembly, "AWS::Cognito::UserPool")["Schema"]}
    client = only(assembly, "AWS::Cognito::UserPoolClient")

    assert schema["tenant"]["Mutable"] is False
    assert schema["household"]["Mutable"] is False
    assert client["WriteAttributes"] == ["locale"]
    assert set(client["ReadAttributes"]) == {"custom:tenant", "custom:household"}


@pytest.mark.parametrize("target", ["cloud", "local"])
def test_nobody_signs_up_and_every_role_is_a_group(request, target):
    assembly = request.getfixturevalue(target)
    groups = [group["Properties"]["GroupName"] for _, group in assembly.resources("AWS::Cognito::UserPoolGroup", "us-east-1")]

    assert only(assembly, "AWS::Cognito::UserPool")["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert sorted(groups) == ["administrator", "adviser", "client", "operations", "risk"]


def test_passwords_alone_open_nothing_in_the_cloud(cloud):
    for region in REGIONS:
        pool, client = only(cloud, "AWS::Cognito::UserPool", region), only(cloud, "AWS::Cognito::UserPoolClient", region)
        assert pool["MfaConfiguration"] == "ON"
        assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
        assert set(client["ExplicitAuthFlows"]) == {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
        assert pool["DeletionProtection"] == "ACTIVE"
        assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 12


@pytest.mark.parametrize("region", REGIONS)
def test_every_route_but_the_documentation_needs_a_token_of_the_pool(cloud, region):
    resources = {name: resource["Properties"] for (_, _, name), resource in cloud.resources("AWS::ApiGateway::Resource", region)}

    def path(name: str) -> str:
        body = resources[name]
        parent = body["ParentId"].get("Ref")
        return (path(parent) if parent else "") + "/" + body["PathPart"]

    protected, public = set(), set()
    for _, method in cloud.resources("AWS::ApiGateway::Method", region):
        body = method["Properties"]
        route = f"{body['HttpMethod']} {path(body['ResourceId']['Ref'])}"
        if body["AuthorizationType"] == "COGNITO_USER_POOLS":
            assert body["AuthorizerId"]
            protected.add(route)
        else:
            assert body["AuthorizationType"] == "NONE"
            public.add(route)
        assert body["RequestValidatorId"]

    served = {f"{verb.upper()} /v1/{path.split('/')[2]}/{{proxy+}}" for path, verbs in DOCUMENT["paths"].items() for verb in verbs}
    assert protected == served
    assert len(served) == 4
    assert public == {"GET /docs", "GET /openapi.json"}


@pytest.mark.parametrize("region", REGIONS)
def test_the_stage_is_throttled_traced_and_logs_no_personal_data(cloud, region):
    stage = only(cloud, "AWS::ApiGateway::Stage", region)
    defaults, *methods = stage["MethodSettings"]
    fields = json.loads(stage["AccessLogSetting"]["Format"])

    assert (defaults["HttpMethod"], defaults["ResourcePath"]) == ("*", "/*")
    assert (defaults["ThrottlingRateLimit"], defaults["ThrottlingBurstLimit"]) == (50, 100)
    for each in (defaults, *methods):
        assert (each["DataTraceEnabled"], each["LoggingLevel"], each["MetricsEnabled"]) == (False, "ERROR", True)
    assert stage["TracingEnabled"] is True
    # The route, not the path with its ids; the token's subject, not a name or an address.
    for personal in ("sourceIp", "username", "email", "userAgent", "$context.path"):
        assert personal not in fields.values()
        assert not [value for value in fields.values() if value.endswith(personal)]


@pytest.mark.parametrize("region", REGIONS)
def test_the_authoriser_keeps_no_answer_for_another_route(cloud, region):
    assert only(cloud, "AWS::ApiGateway::Authorizer", region)["AuthorizerResultTtlInSeconds"] == 0


@pytest.mark.parametrize("region", REGIONS)
def test_only_the_operations_api_may_start_a_phase(cloud, region):
    starters = [
        (policy["Properties"]["Roles"], statement["Resource"])
        for (_, stack, _), policy in cloud.resources("AWS::IAM::Policy", region)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "states:StartExecution" and stack == "Api"
    ]
    ((roles, machines),) = starters

    assert [role["Ref"].startswith("OperationsApiRole") for role in roles] == [True]
    assert len(machines) == 5


@pytest.mark.parametrize("region", REGIONS)
def test_only_the_operations_api_may_look_at_executions_and_only_at_the_phases(cloud, region):
    lookers = [
        (policy["Properties"]["Roles"], statement["Resource"])
        for (_, stack, _), policy in cloud.resources("AWS::IAM::Policy", region)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "states:DescribeExecution" in statement["Action"] and stack == "Api"
    ]
    ((roles, executions),) = lookers

    assert [role["Ref"].startswith("OperationsApiRole") for role in roles] == [True]
    names = ("pre-market", "market-open", "mid-day", "market-close", "post-market")
    assert {str(execution) for execution in executions} == {
        f"arn:aws:states:{region}:111122223333:execution:daymark-{name}:*" for name in names
    }
