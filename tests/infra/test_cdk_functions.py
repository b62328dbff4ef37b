"""Functions: one role each, exact resources, an environment that is the settings model, logs, traces and alarms."""

from __future__ import annotations

import json
import re
from importlib import import_module
from typing import Any

import pytest

from cdk.functions import CONNECTIONS, EVERY_FUNCTION, TASKS
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase

DEFINITIONS = {definition.name: definition for definition in EVERY_FUNCTION}
REGIONS = ("us-east-1", "us-west-2")

# The only actions on every resource: AWS defines no resource for them.
STARS = {
    "xray:PutTraceSegments": "a trace has no ARN",
    "xray:PutTelemetryRecords": "a trace has no ARN",
    "xray:GetSamplingRules": "sampling rules are read as a whole",
    "xray:GetSamplingTargets": "sampling rules are read as a whole",
    "ec2:AssignPrivateIpAddresses": "Lambda checks that it may manage a placed function's interfaces anywhere; its code is denied",
    "ec2:CreateNetworkInterface": "Lambda checks that it may manage a placed function's interfaces anywhere; its code is denied",
    "ec2:DeleteNetworkInterface": "Lambda checks that it may manage a placed function's interfaces anywhere; its code is denied",
    "ec2:DescribeNetworkInterfaces": "describing takes no resource; the function's code is denied",
    "ec2:DescribeSubnets": "describing takes no resource; the function's code is denied",
    "ec2:UnassignPrivateIpAddresses": "Lambda checks that it may manage a placed function's interfaces anywhere; its code is denied",
    "logs:CreateLogDelivery": "a log delivery has no ARN before it exists",
    "logs:GetLogDelivery": "log deliveries have no resource-level permission",
    "logs:UpdateLogDelivery": "log deliveries have no resource-level permission",
    "logs:DeleteLogDelivery": "log deliveries have no resource-level permission",
    "logs:ListLogDeliveries": "log deliveries have no resource-level permission",
    "logs:PutResourcePolicy": "log deliveries have no resource-level permission",
    "logs:DescribeResourcePolicies": "log deliveries have no resource-level permission",
    "logs:DescribeLogGroups": "log deliveries have no resource-level permission",
}


def functions(assembly: Any, region: str) -> dict[str, dict[str, Any]]:
    found = {}
    for (_, stack, name), resource in assembly.resources("AWS::Lambda::Function", region):
        body = resource["Properties"]
        found[body["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]] = body | {"stack": stack, "id": name}
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(assembly: Any, region: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (json.dumps(policy["Properties"]["Roles"]), statement)
        for (_, stack, _), policy in assembly.resources("AWS::IAM::Policy", region)
        # Roles of the copies, the experiments and the machines are no functions': test_cdk_recovery.py, test_cdk_compute.py.
        if stack not in ("Data", "Recovery", "Compute")
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize("region", REGIONS)
def test_every_function_of_the_catalogue_is_deployed(cloud, region):
    steps, apis = {"open_phase", "plan_phase", "record_outcomes"}, {"book_api", "operations_api", "monitoring_api"}
    connections = {"open_connection", "close_connection", "receive_message", "push_progress", "push_marks"}
    live = {"ingest_ticks", "mark_portfolios"}
    wanted = set(trading_day().functions()) | steps | apis | connections | live

    assert set(functions(cloud, region)) == wanted


@pytest.mark.parametrize("region", REGIONS)
def test_every_function_has_its_own_role_log_group_and_trace(cloud, region):
    deployed = functions(cloud, region)
    roles = [(body["stack"], json.dumps(body["Role"])) for body in deployed.values()]
    groups = [(body["stack"], json.dumps(body["LoggingConfig"]["LogGroup"])) for body in deployed.values()]

    assert len(set(roles)) == len(set(groups)) == len(deployed)
    for body in deployed.values():
        assert body["TracingConfig"] == {"Mode": "Active"}
        assert body["Runtime"] == "python3.13"
        assert body["Architectures"] == ["arm64"]


@pytest.mark.parametrize("region", REGIONS)
def test_a_role_is_assumed_by_one_service_and_carries_no_managed_policy(cloud, region):
    for where, role in cloud.resources("AWS::IAM::Role", region):
        (statement,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        # People, with a second factor, approve a switch of regions (test_cdk_failover.py).
        assert set(statement["Principal"]) == ({"AWS"} if where[2].startswith("SwitchApproves") else {"Service"}), where
        if "ManagedPolicyArns" in role["Properties"]:
            assert where[2].startswith(("GatewayLoggingRole", "BackupsBacksUp", "BackupsRestores", "FaultsZoneCutOffRole"))


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_the_environment_is_the_settings_model_and_nothing_else(cloud, name):
    variables = functions(cloud, "us-east-1")[name]["Environment"]["Variables"]
    fields = {f"DAYMARK_{field.upper()}" for field in DEFINITIONS[name].settings.model_fields}

    assert set(variables) == fields | {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
    assert not [variable for variable in variables if re.search("KEY|PASSWORD|TOKEN", variable)]


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_the_handler_exists(name):
    definition = DEFINITIONS[name]
    module, _, function = definition.handler.rpartition(".")

    assert callable(getattr(import_module(module), function))


def test_a_function_outlives_its_longest_task(cloud):
    day = trading_day()
    for name, body in functions(cloud, "us-east-1").items():
        limits = [task.timeout.total_seconds() for phase in OperationPhase for task in day.tasks(phase).values() if task.function == name]
        assert body["Timeout"] > max(limits, default=0), name


def test_api_functions_answer_before_the_gateway_gives_up(cloud):
    # API Gateway ends an integration after 29 s.
    for name in ("book_api", "operations_api", "monitoring_api", "open_connection", "close_connection", "receive_message"):
        assert functions(cloud, "us-east-1")[name]["Timeout"] <= 29


@pytest.mark.parametrize("region", REGIONS)
def test_no_policy_has_a_wildcard_action(cloud, region):
    for role, statement in statements(cloud, region):
        assert not [action for action in as_list(statement["Action"]) if "*" in action], (role, statement)


@pytest.mark.parametrize("region", REGIONS)
def test_only_listed_actions_reach_every_resource(cloud, region):
    starred = {
        action
        for _, statement in statements(cloud, region)
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }

    assert starred <= set(STARS)


@pytest.mark.parametrize("region", REGIONS)
def test_no_function_may_scan_or_delete_anything_but_connections(cloud, region):
    deleting = [(role, each) for role, each in statements(cloud, region) if "dynamodb:DeleteItem" in as_list(each["Action"])]
    assert len(deleting) == len(CONNECTIONS)
    assert all("GetAttConnections" in json.dumps(each["Resource"]) for _, each in deleting)
    assert all(isinstance(each["Resource"], dict) for _, each in deleting)
    left = [each for _, each in statements(cloud, region) if each not in [each for _, each in deleting]]
    actions = {action for each in left for action in as_list(each["Action"])}

    for service in ("dynamodb", "s3"):
        held = {action for action in actions if action.startswith(f"{service}:")}
        assert held, service
        assert not [action for action in held if re.search("Delete|Scan|Create|UpdateTable|PutBucket", action)]


def test_only_step_open_and_the_tasks_may_take_or_claim_a_fence(cloud):
    updating = {role for role, statement in statements(cloud, "us-east-1") if "dynamodb:UpdateItem" in as_list(statement["Action"])}

    # An interface counts its calls, in a table of their own.
    counting = {role for role, each in statements(cloud, "us-east-1") if "GetAttRates" in json.dumps(each["Resource"])}
    updating -= counting
    # Whoever speaks to connections updates their rows, in a table that has no fence.
    connections = {role for role in updating if any(f'"{each.construct_id}Role' in role for each in CONNECTIONS)}
    assert sorted(role.partition("Role")[0].partition('"Ref": "')[2] for role in connections) == [
        "PushMarks",
        "PushProgress",
        "ReceiveMessage",
    ]
    assert len(updating - connections) == 1 + len(TASKS)
    for name in ("PlanPhase", "RecordOutcomes"):
        assert not [role for role in updating if f'"{name}' in role]
    assert sorted(role.partition("Role")[0].partition('"Ref": "')[2] for role in counting) == ["BookApi", "MonitoringApi", "OperationsApi"]
    for role, each in statements(cloud, "us-east-1"):
        if role in counting and "dynamodb:UpdateItem" in as_list(each["Action"]):
            assert "GetAttRates" in json.dumps(each["Resource"])


def test_the_book_is_read_only_for_every_function(cloud):
    for role, statement in statements(cloud, "us-east-1"):
        resources = json.dumps(statement["Resource"])
        if "GetAttBook" in resources:
            assert set(as_list(statement["Action"])) == {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}, role


@pytest.mark.parametrize("region", REGIONS)
def test_log_groups_are_encrypted_and_kept_a_year(cloud, region):
    groups = list(cloud.resources("AWS::Logs::LogGroup", region))

    # Twenty-two functions, five machines, the access logs of both APIs, the network's flows, the firewall, the experiments, GPU jobs.
    assert len(groups) == 33
    for where, group in groups:
        assert group["Properties"]["RetentionInDays"] == 365, where
        assert group["Properties"]["KmsKeyId"], where


@pytest.mark.parametrize("region", REGIONS)
def test_every_function_has_three_alarms_that_tell_somebody(cloud, region):
    watched: dict[str, set[str]] = {}
    for _, alarm in cloud.resources("AWS::CloudWatch::Alarm", region):
        body = alarm["Properties"]
        assert body["AlarmActions"]
        # Silence is watched by alarms of its own (test_cdk_observability.py).
        if "MetricName" in body:
            assert body["TreatMissingData"] == "notBreaching"
        for dimension in body.get("Dimensions", []):
            if dimension["Name"] == "FunctionName":
                watched.setdefault(json.dumps(dimension["Value"]), set()).add(body["MetricName"])

    assert len(watched) == len(DEFINITIONS)
    # Who reads a stream is watched for lateness too.
    late = [metrics for metrics in watched.values() if "IteratorAge" in metrics]
    assert len(late) == 2
    assert all(metrics - {"IteratorAge"} == {"Errors", "Throttles", "Duration"} for metrics in watched.values())


def test_dependency_layers_go_to_the_cloud_and_stay_away_from_the_embedded_one(cloud, local):
    for name, definition in DEFINITIONS.items():
        assert len(functions(cloud, "us-east-1")[name]["Layers"]) == 1 + len(definition.layers), name
        assert len(functions(local, "us-east-1")[name]["Layers"]) == 1, name
