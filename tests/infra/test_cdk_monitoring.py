"""The WebSocket: a ticket is its only way in, it speaks to its own connections only, and the bus reaches it without delay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.functions import CONNECTIONS

REGIONS = ("us-east-1", "us-west-2")


def one(assembly: Any, kind: str, region: str) -> dict[str, Any]:
    ((_, resource),) = assembly.resources(kind, region)
    return resource["Properties"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def holders(assembly: Any, region: str, action: str) -> dict[str, Any]:
    """Resource by the role that may do the action."""
    return {
        policy["Properties"]["Roles"][0]["Ref"]: statement["Resource"]
        for _, policy in assembly.resources("AWS::IAM::Policy", region)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if action in as_list(statement["Action"])
    }


@pytest.mark.parametrize("region", REGIONS)
def test_each_route_has_its_function_and_messages_have_one(cloud, region):
    integrations = {name: body["Properties"] for (_, _, name), body in cloud.resources("AWS::ApiGatewayV2::Integration", region)}
    routes = {body["Properties"]["RouteKey"]: body["Properties"] for _, body in cloud.resources("AWS::ApiGatewayV2::Route", region)}
    called = {}
    for key, route in routes.items():
        integration = integrations[route["Target"]["Fn::Join"][1][1]["Ref"]]
        assert integration["IntegrationType"] == "AWS_PROXY"
        called[key] = json.dumps(integration["IntegrationUri"])

    assert one(cloud, "AWS::ApiGatewayV2::Api", region)["ProtocolType"] == "WEBSOCKET"
    assert set(called) == {"$connect", "$disconnect", "$default"}
    for key, name in {"$connect": "OpenConnection", "$disconnect": "CloseConnection", "$default": "ReceiveMessage"}.items():
        assert f'"{name}Function' in called[key]


@pytest.mark.parametrize("region", REGIONS)
def test_the_stage_is_throttled_and_logs_neither_ticket_nor_person(cloud, region):
    stage = one(cloud, "AWS::ApiGatewayV2::Stage", region)
    fields = json.loads(stage["AccessLogSettings"]["Format"])

    assert stage["StageName"] == "live"
    assert stage["DefaultRouteSettings"] == {"DetailedMetricsEnabled": True, "ThrottlingBurstLimit": 200, "ThrottlingRateLimit": 100}
    assert stage["AccessLogSettings"]["DestinationArn"]
    assert fields["request_id"] == "$context.requestId"
    for hidden in ("querystring", "query", "sourceIp", "userAgent", "path", "user"):
        assert not [value for value in fields.values() if hidden.lower() in value.lower()]


@pytest.mark.parametrize("region", REGIONS)
def test_only_three_functions_speak_and_only_to_this_stages_connections(cloud, region):
    speakers = holders(cloud, region, "execute-api:ManageConnections")

    assert sorted(role.partition("Role")[0] for role in speakers) == ["PushMarks", "PushProgress", "ReceiveMessage"]
    for resources in speakers.values():
        ends = [resource["Fn::Join"][1][-1] for resource in resources]
        assert sorted(ends) == ["/live/DELETE/@connections/*", "/live/POST/@connections/*"]
        for resource in resources:
            arn, api, _ = resource["Fn::Join"][1]
            assert arn == f"arn:aws:execute-api:{region}:111122223333:"
            assert api["Ref"].startswith("Push")


@pytest.mark.parametrize("region", REGIONS)
def test_only_the_steps_and_the_marks_tell_the_bus_and_no_other_bus(cloud, region):
    tellers = holders(cloud, region, "events:PutEvents")

    assert sorted(role.partition("Role")[0] for role in tellers) == ["MarkPortfolios", "OpenPhase", "PlanPhase", "RecordOutcomes"]
    marks = next(role for role in tellers if role.startswith("MarkPortfolios"))
    assert tellers.pop(marks)["Fn::ImportValue"].startswith("daymark-operations:ExportsOutputFnGetAttEventsArn")
    assert {json.dumps(resource) for resource in tellers.values()} == {json.dumps({"Fn::GetAtt": ["Events", "Arn"]})}


@pytest.mark.parametrize("region", REGIONS)
def test_the_bus_is_encrypted_under_our_key_which_it_may_use_for_this_account_alone(cloud, region):
    assert one(cloud, "AWS::Events::EventBus", region)["KmsKeyIdentifier"]
    allowed = [
        statement
        for _, key in cloud.resources("AWS::KMS::Key", region)
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement["Principal"] == {"Service": "events.amazonaws.com"}
    ]

    assert [statement["Condition"] for statement in allowed] == [{"StringEquals": {"aws:SourceAccount": "111122223333"}}]
    assert not [action for statement in allowed for action in statement["Action"] if "*" in action]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    ("name", "source", "detail_type", "function", "queue"),
    [
        ("RunsProgress", "daymark.operations", "RunProgressed", "PushProgress", "UntoldProgress"),
        ("MarksMoved", "daymark.monitoring", "MarksMoved", "PushMarks", "UntoldMarks"),
    ],
)
def test_a_rule_hears_of_one_thing_alone_and_keeps_what_it_could_not_tell(cloud, region, name, source, detail_type, function, queue):
    found = {where[2]: body["Properties"] for where, body in cloud.resources("AWS::Events::Rule", region) if where[1] == "Monitoring"}
    (rule,) = [body for each, body in found.items() if each.startswith(name)]
    (target,) = rule["Targets"]

    assert len(found) == 2
    assert rule["EventPattern"] == {"source": [source], "detail-type": [detail_type]}
    assert rule["State"] == "ENABLED"
    assert rule["EventBusName"]
    assert target["Arn"]["Fn::GetAtt"][0].startswith(f"{function}Function")
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 3}
    assert target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0].startswith(queue)


@pytest.mark.parametrize("region", REGIONS)
def test_late_pushes_are_not_made(cloud, region):
    late = [body["Properties"] for _, body in cloud.resources("AWS::Lambda::EventInvokeConfig", region)]

    assert sorted(each["FunctionName"]["Ref"].partition("Function")[0] for each in late) == ["PushMarks", "PushProgress"]
    assert {(each["MaximumEventAgeInSeconds"], each["MaximumRetryAttempts"]) for each in late} == {(60, 1)}
    kept = {each["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0][: len("UntoldMarks")] for each in late}
    assert kept == {"UntoldMarks", "UntoldProgr"}


@pytest.mark.parametrize("region", REGIONS)
def test_the_monitoring_api_can_put_tickets_and_count_calls_and_read_nothing(cloud, region):
    held = [
        statement["Action"]
        for _, policy in cloud.resources("AWS::IAM::Policy", region)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if policy["Properties"]["Roles"][0]["Ref"].startswith("MonitoringApiRole")
        if "dynamodb" in json.dumps(statement["Action"])
    ]

    assert held == ["dynamodb:PutItem", "dynamodb:UpdateItem"]


@pytest.mark.parametrize("region", REGIONS)
def test_functions_are_told_where_the_websocket_is(cloud, local, region):
    def endpoints(assembly: Any) -> list[str]:
        return [
            "".join(part if isinstance(part, str) else "API" for part in variables["DAYMARK_WEBSOCKET_ENDPOINT"]["Fn::Join"][1])
            for (_, stack, _), body in assembly.resources("AWS::Lambda::Function", region)
            if stack == "Monitoring" and "DAYMARK_WEBSOCKET_ENDPOINT" in (variables := body["Properties"]["Environment"]["Variables"])
        ]

    assert set(endpoints(cloud)) == {f"https://API.execute-api.{region}.API/live"}
    assert len(endpoints(cloud)) == 3
    if region == "us-east-1":
        assert set(endpoints(local)) == {"/_aws/execute-api/API/live"}


def test_connections_hold_no_more_than_they_need():
    assert {each.name: set(each.tables) for each in CONNECTIONS} == {
        "open_connection": {"connections"},
        "close_connection": {"connections"},
        "receive_message": {"connections", "operations", "book"},
        "push_progress": {"connections", "operations"},
        "push_marks": {"connections", "book"},
    }
