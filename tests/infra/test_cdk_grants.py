"""Least privilege: what a role may do is its definition's list and nothing else, and the list is what the function's settings name."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cdk.functions import ACTIONS, CONNECTIONS, EVERY_FUNCTION, STEPS, TASKS, FunctionDefinition, Permission

REGIONS = ("us-east-1", "us-west-2")
DEFINITIONS = {definition.name: definition for definition in EVERY_FUNCTION}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents"}
KEY = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"}
POLLING = {f"kinesis:{name}" for name in ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")}
PUSHED = {"kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"}
INTERFACES = {
    *("ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"),
    *("ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"),
}
PHASES = 5

# By hand: what each function has business with. Tables by permission, key prefixes with "+" where it writes, layers besides "runtime".
READ, APPEND, CLAIM = Permission.READ, Permission.APPEND, Permission.CLAIM
TASK_TABLES = {"operations": APPEND, "fence": CLAIM, "audit": APPEND, "book": READ}
CLOSES = {"prices/closes/", "prices/vendor/", "prices/series/"}
OFFICIAL = CLOSES | {"prices/official/"}
WANTED: dict[str, tuple[dict[str, Permission], set[str], set[str]]] = {
    "open_phase": ({"operations": APPEND, "fence": CLAIM}, set(), set()),
    "plan_phase": ({"operations": APPEND, "fence": READ}, set(), set()),
    "record_outcomes": ({"operations": APPEND, "fence": READ}, set(), set()),
    "check_prices": (TASK_TABLES, CLOSES | {"prices/official/+"}, {"science"}),
    "assess_risk": (TASK_TABLES, OFFICIAL, {"science"}),
    "open_live_session": (TASK_TABLES, OFFICIAL | {"live/sessions/+", "live/books/+"}, {"science"}),
    "propose_trades": (TASK_TABLES, OFFICIAL, {"science"}),
    "value_portfolios": (TASK_TABLES, OFFICIAL, {"science"}),
    "reconcile_holdings": (TASK_TABLES, {"documents/statements/"}, {"science"}),
    "back_up_book": (TASK_TABLES, {"documents/backups/+"}, set()),
    "publish_reports": (TASK_TABLES, OFFICIAL | {"documents/reports/+"}, {"science", "reports"}),
    "seal_audit": (TASK_TABLES, {"seals/seals/+"}, set()),
    "ingest_ticks": ({}, {"ticks/ticks/+", "ticks/quarantine/+", "live/lanes/+", "live/sessions/"}, {"science"}),
    "mark_portfolios": ({}, {"live/boards/+", "live/sessions/", "live/books/", "ticks/quarantine/quotes/+"}, {"science"}),
    "open_connection": ({"connections": Permission.ADMIT}, set(), set()),
    "close_connection": ({"connections": Permission.FORGET}, set(), set()),
    "receive_message": ({"connections": Permission.CONVERSE, "operations": READ, "book": READ}, {"live/boards/"}, {"science"}),
    "push_progress": ({"connections": Permission.PUSH, "operations": READ}, set(), set()),
    "push_marks": ({"connections": Permission.PUSH, "book": READ}, {"live/boards/"}, {"science"}),
    "book_api": ({"book": READ, "operations": READ, "rates": Permission.COUNT}, set(), set()),
    "operations_api": ({"book": READ, "operations": APPEND, "fence": READ, "rates": Permission.COUNT}, {"documents/reports/"}, set()),
    "monitoring_api": ({"connections": Permission.ISSUE, "rates": Permission.COUNT}, set(), set()),
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resource_name(resource: Any, region: str) -> str:
    """A resource as one readable text: its logical name, of an import too, and what is appended to it."""
    if isinstance(resource, str):
        # The other region knows a replicated table by its name.
        table = re.fullmatch(rf"arn:aws:dynamodb:{region}:111122223333:table/daymark-([a-z]+)", resource)
        return table[1].capitalize() if table else resource.replace(f"{region}:111122223333", "here")
    ((function, value),) = resource.items()
    if function == "Fn::GetAtt":
        return str(value[0])
    if function == "Ref":
        return re.sub(r"[0-9A-F]{8}$", "", value)
    if function == "Fn::ImportValue":
        return re.sub(r"^daymark-[a-z-]+:ExportsOutput(FnGetAtt|Ref)", "", value)
    assert function == "Fn::Join", resource
    return "".join(resource_name(part, region) for part in value[1])


def tidy(name: str) -> str:
    """Without what CloudFormation's ids end in: ``Book1A2B3C4DArn9E8F7A6B/x*`` is ``Book/x*``."""
    head, slash, rest = name.partition("/")
    return re.sub(r"([0-9A-F]{8})?(Arn([0-9A-F]{8})?)?$", "", head) + slash + rest if not name.startswith("arn:") else name


def held(assembly: Any, region: str, definition: FunctionDefinition) -> set[tuple[str, str, str, str]]:
    """Effect, action, resource and condition: everything that the function's role may do."""
    found = set()
    for _, policy in assembly.resources("AWS::IAM::Policy", region):
        (role,) = policy["Properties"]["Roles"]
        if not re.fullmatch(rf"{definition.construct_id}Role[0-9A-F]{{8}}", role["Ref"]):
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert set(statement) <= {"Action", "Effect", "Resource", "Condition"}
            condition = json.dumps(statement.get("Condition", {}), sort_keys=True)
            for action in as_list(statement["Action"]):
                for resource in as_list(statement["Resource"]):
                    found.add((statement["Effect"], action, tidy(resource_name(resource, region)), condition))
    return found


def expected(definition: FunctionDefinition) -> set[tuple[str, str, str, str]]:
    """The same from the definition, and from what a function of its kind does besides."""
    name = definition.name
    allowed: set[tuple[str, str, str, str]] = set()

    def allow(actions: Any, resource: str, condition: Any = None, effect: str = "Allow") -> None:
        allowed.update((effect, action, resource, json.dumps(condition or {}, sort_keys=True)) for action in actions)

    allow(TRACES, "*")
    allow(LOGS, f"{definition.construct_id}Logs")
    allow(KEY, "DataKey")
    for table, permission in definition.tables.items():
        allow(ACTIONS[permission], table.capitalize())
    for access in definition.objects:
        bucket = access.bucket.capitalize()
        allow({"s3:GetObject"} | ({"s3:PutObject"} if access.write else set()), f"{bucket}/{access.prefix}*")
        allow({"s3:ListBucket"}, bucket, {"StringLikeIfExists": {"s3:prefix": f"{access.prefix}*"}})
    for stream in definition.puts:
        allow({"kinesis:PutRecords"}, {"quotes": "QuoteRecords"}[stream])
    reads = {"ingest_ticks": "TickRecords", "mark_portfolios": "QuoteRecords"}.get(name)
    if reads:
        reader = f"{definition.construct_id}Reader"
        allow(POLLING, reads)
        allow(PUSHED, f"{reader}Consumer")
        allow({"sqs:SendMessage"}, f"{reader}GivenUp")
        allow({"kms:Decrypt", "kms:GenerateDataKey"}, "LogKey")
    if name in {"push_progress", "push_marks"}:
        allow({"sqs:SendMessage"}, {"push_progress": "UntoldProgress", "push_marks": "UntoldMarks"}[name])
        allow({"kms:Decrypt", "kms:GenerateDataKey"}, "LogKey")
    if name in {"open_phase", "plan_phase", "record_outcomes", "mark_portfolios"}:
        allow({"events:PutEvents"}, "Events")
    if name in {"receive_message", "push_progress", "push_marks"}:
        for method in ("POST", "DELETE"):
            allow({"execute-api:ManageConnections"}, f"arn:aws:execute-api:here:Push/live/{method}/@connections/*")
    if name == "ingest_ticks":
        allow(INTERFACES, "*")
        allow(INTERFACES, "*", {"Null": {"lambda:SourceFunctionArn": "false"}}, "Deny")
    if name in {"book_api", "operations_api"}:
        allow({"secretsmanager:GetSecretValue"}, "CursorKey")
    return allowed


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_a_definition_is_what_its_function_has_business_with(name):
    definition = DEFINITIONS[name]
    tables, objects, layers = WANTED[name]

    assert dict(definition.tables) == tables
    assert {f"{each.bucket}/{each.prefix}{'+' if each.write else ''}" for each in definition.objects} == objects
    assert {str(layer) for layer in definition.layers} == layers | {"runtime"}


def test_a_permission_is_these_actions():
    looking, row = {"GetItem", "BatchGetItem", "Query"}, {"PutItem", "UpdateItem", "DeleteItem"}
    assert {permission: {action.removeprefix("dynamodb:") for action in actions} for permission, actions in ACTIONS.items()} == {
        READ: looking,
        APPEND: looking | {"PutItem"},
        CLAIM: {"GetItem", "UpdateItem"},
        Permission.ISSUE: {"PutItem"},
        Permission.ADMIT: {"PutItem", "DeleteItem"},
        Permission.CONVERSE: row | {"GetItem"},
        Permission.PUSH: row - {"PutItem"} | {"Query"},
        Permission.FORGET: {"DeleteItem"},
        Permission.COUNT: {"UpdateItem"},
    }


def test_no_function_is_missing_from_the_list():
    assert set(WANTED) == set(DEFINITIONS)


@pytest.mark.parametrize("name", sorted(DEFINITIONS))
def test_tables_buckets_and_streams_are_those_that_the_settings_name(name):
    definition = DEFINITIONS[name]
    fields = set(definition.settings.model_fields)

    def named(kind: str) -> set[str]:
        return {field.removesuffix(f"_{kind}") for field in fields if field.endswith(f"_{kind}")}

    assert named("table") == set(definition.tables)
    assert named("bucket") == {each.bucket for each in definition.objects}
    assert named("stream") == set(definition.puts)
    assert ("event_bus" in fields) == (definition in STEPS or name == "mark_portfolios")
    assert ("websocket_endpoint" in fields) == (name in {"receive_message", "push_progress", "push_marks", "monitoring_api"})


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", sorted(set(DEFINITIONS) - {"operations_api"}))
def test_a_role_holds_what_its_definition_says_and_nothing_else(cloud, region, name):
    definition = DEFINITIONS[name]

    assert held(cloud, region, definition) == expected(definition)


@pytest.mark.parametrize("region", REGIONS)
def test_the_operations_api_starts_and_looks_at_the_five_machines_besides(cloud, region):
    definition = DEFINITIONS["operations_api"]
    more = held(cloud, region, definition) - expected(definition)

    assert expected(definition) <= held(cloud, region, definition)
    assert {action for _, action, _, _ in more} == {"states:StartExecution", "states:DescribeExecution"}
    assert {effect for effect, *_ in more} == {"Allow"}
    assert len(more) == 2 * PHASES
    assert not [resource for _, _, resource, _ in more if resource == "*"]


def test_the_push_of_progress_knows_no_book_and_the_push_of_marks_no_journal():
    push, marks = DEFINITIONS["push_progress"], DEFINITIONS["push_marks"]

    assert not {"book_table", "live_bucket", "portfolio_buckets"} & set(push.settings.model_fields)
    assert "operations_table" not in marks.settings.model_fields
    assert {str(layer) for layer in push.layers} == {"runtime"}


def test_only_the_three_that_end_or_begin_connections_and_the_pushes_delete():
    for definition in EVERY_FUNCTION:
        deleting = [table for table, permission in definition.tables.items() if "dynamodb:DeleteItem" in ACTIONS[permission]]
        assert deleting == (["connections"] if definition in CONNECTIONS else []), definition.name


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("rule", "function"), [("RunsProgress", "PushProgress"), ("MarksMoved", "PushMarks")])
def test_a_rule_may_call_its_function_and_fill_its_queue_and_nothing_else_may(cloud, region, rule, function):
    def arn_of(value: Any) -> str:
        return tidy(resource_name(value, region))

    permissions = [
        body["Properties"]
        for _, body in cloud.resources("AWS::Lambda::Permission", region)
        if arn_of(body["Properties"]["FunctionName"]).startswith(f"{function}Function")
    ]
    assert [(each["Action"], each["Principal"], arn_of(each["SourceArn"])) for each in permissions] == [
        ("lambda:InvokeFunction", "events.amazonaws.com", rule)
    ]

    queue = {"RunsProgress": "UntoldProgress", "MarksMoved": "UntoldMarks"}[rule]
    filled = [
        statement
        for _, body in cloud.resources("AWS::SQS::QueuePolicy", region)
        if any(arn_of(each) == queue for each in body["Properties"]["Queues"])
        for statement in body["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert [(each["Action"], each["Principal"], arn_of(each["Condition"]["ArnEquals"]["aws:SourceArn"])) for each in filled] == [
        ("sqs:SendMessage", {"Service": "events.amazonaws.com"}, rule)
    ]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("reader", ["IngestTicks", "MarkPortfolios"])
def test_a_reader_may_fill_its_own_queue_under_the_key_that_encrypts_it(cloud, region, reader):
    queues = {where[2]: body["Properties"] for where, body in cloud.resources("AWS::SQS::Queue", region)}
    (queue,) = [body for name, body in queues.items() if tidy(name) == f"{reader}ReaderGivenUp"]
    definition = next(each for each in EVERY_FUNCTION if each.construct_id == reader)
    actions: dict[str, set[str]] = {}
    for effect, action, resource, _ in held(cloud, region, definition):
        if effect == "Allow":
            actions.setdefault(resource, set()).add(action)

    assert actions[f"{reader}ReaderGivenUp"] == {"sqs:SendMessage"}
    assert actions[tidy(resource_name(queue["KmsMasterKeyId"], region))] == {"kms:Decrypt", "kms:GenerateDataKey"}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("reader", ["IngestTicks", "MarkPortfolios"])
def test_a_late_reader_and_its_queue_each_have_an_alarm_of_their_own(cloud, region, reader):
    def watched(metric: str, dimension: str, name: str) -> list[dict[str, Any]]:
        return [
            body["Properties"]
            for _, body in cloud.resources("AWS::CloudWatch::Alarm", region)
            if body["Properties"].get("MetricName") == metric
            for each in body["Properties"]["Dimensions"]
            if each["Name"] == dimension and name in json.dumps(each["Value"])
        ]

    (late,) = watched("IteratorAge", "FunctionName", f"{reader}Function")
    assert (late["Threshold"], late["ComparisonOperator"], late["EvaluationPeriods"]) == (30_000, "GreaterThanThreshold", 1)
    (given_up,) = watched("ApproximateNumberOfMessagesVisible", "QueueName", f"{reader}ReaderGivenUp")
    assert (given_up["Threshold"], given_up["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert late["AlarmActions"] and given_up["AlarmActions"]


def test_every_task_has_the_same_tables():
    assert {frozenset(definition.tables.items()) for definition in TASKS} == {frozenset(TASK_TABLES.items())}
