"""What works after a switch: functions, roles, streams, schedules, capacity. Each rule finds its defect, and it alone."""

from __future__ import annotations

from typing import Any

import pytest

from daymark.recovery.models import Facts, Severity, Situation, Verdict
from daymark.recovery.rules import capacity, event_sources, functions, roles, schedules, services
from tests.plan_world import ACCOUNT, EAST, TODAY, WEST, Planted, attribute, good, judged, ref, trusting

FUNCTION, MAPPING, SCHEDULE, STREAM = "Lambda::Function", "Lambda::EventSourceMapping", "Scheduler::Schedule", "Kinesis::Stream"
POLICY, MACHINES = "IAM::Policy", "Batch::ComputeEnvironment"
VARIABLES = "Properties/Environment/Variables"
LEDGER = f"arn:aws:dynamodb:{WEST}:{ACCOUNT}:table/book-ledger"

CASES = [
    Planted("service-missing", WEST, "Events::Rule", "Told"),
    Planted("service-missing", WEST, "ApiGateway::RestApi", "Rest"),
    Planted("function-settings", WEST, FUNCTION, "Open", "Properties/MemorySize", 256),
    Planted("function-settings", WEST, FUNCTION, "Open", "Properties/Timeout", 3),
    Planted("function-settings", WEST, FUNCTION, "Open", "Properties/Handler", "other.handler"),
    Planted("function-code", WEST, FUNCTION, "Open", "Properties/Code/S3Key", "old.zip"),
    Planted("function-code", WEST, FUNCTION, "Open", "Properties/Layers", []),
    Planted("function-code", WEST, "Lambda::LayerVersion", "Layer", "Properties/Content/S3Key", "old.zip"),
    Planted("function-environment", WEST, FUNCTION, "Open", f"{VARIABLES}/TABLE"),
    Planted("function-environment", EAST, FUNCTION, "Open", f"{VARIABLES}/TABLE"),
    Planted("function-environment", WEST, FUNCTION, "Open", f"{VARIABLES}/TABLE", "book-other"),
    Planted("role-rights", WEST, POLICY, "OpenPolicy", "Properties/PolicyDocument/Statement/0"),
    Planted("role-rights", WEST, POLICY, "OpenPolicy", "Properties/PolicyDocument/Statement/2/Action", ["kms:Encrypt"]),
    Planted("role-rights", WEST, POLICY, "OpenPolicy", "Properties/PolicyDocument/Statement/0/Resource", f"{LEDGER}-old"),
    Planted("role-rights", WEST, POLICY, "OpenPolicy", "Properties/PolicyDocument/Statement/0/Condition", {"Bool": {"x": "true"}}),
    Planted("role-rights", WEST, POLICY, "OpenPolicy", "Properties/PolicyDocument/Statement/2/Effect", "Deny"),
    Planted("role-rights", WEST, "IAM::Role", "Saves", "Properties/ManagedPolicyArns", []),
    Planted("role-trust", WEST, "IAM::Role", "OpenRole", "Properties/AssumeRolePolicyDocument", trusting("ec2")),
    Planted("event-source", WEST, MAPPING, "Mapping", "Properties/BatchSize", 1),
    Planted("event-source", WEST, MAPPING, "Mapping"),
    Planted("event-source-on", WEST, MAPPING, "Mapping", "Properties/Enabled", False),
    Planted("event-source-failures", EAST, MAPPING, "Mapping", "Properties/DestinationConfig"),
    Planted("schedule", WEST, SCHEDULE, "Schedule"),
    Planted("schedule", WEST, SCHEDULE, "Schedule", "Properties/ScheduleExpression", "cron(0 5 ? * MON-FRI *)"),
    Planted("schedule", WEST, SCHEDULE, "Schedule", "Properties/ScheduleExpressionTimezone", "UTC"),
    Planted("schedule-on", WEST, SCHEDULE, "Schedule", "Properties/State", "DISABLED"),
    Planted("capacity-zero", WEST, MACHINES, "Machines", "Properties/ComputeResources/MaxvCpus", 0),
    Planted("capacity-zero", EAST, MACHINES, "Machines", "Properties/State", "DISABLED"),
    Planted("capacity-zero", WEST, FUNCTION, "Open", "Properties/ReservedConcurrentExecutions", 0),
    Planted("capacity-standby", WEST, MACHINES, "Machines", "Properties/ComputeResources/MaxvCpus", 32),
    Planted("capacity-standby", WEST, STREAM, "Stream", "Properties/StreamModeDetails", {"StreamMode": "PROVISIONED"}),
    Planted("capacity-standby", WEST, FUNCTION, "Open", "Properties/ReservedConcurrentExecutions", 10),
]


def rules_of(templates: dict, situation: Situation | None = None) -> set[str]:
    found = judged(templates, situation).findings if situation else judged(templates).findings
    return {each.rule for each in found}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_planted_defect_is_found_by_its_rule_alone(case: Planted) -> None:
    findings = judged(case.into(good())).findings
    assert {each.rule for each in findings} == {case.rule}
    assert {each.region for each in findings} <= {EAST, WEST}


def test_every_rule_has_a_defect() -> None:
    rules = {rule.id for module in (services, functions, roles, event_sources, schedules, capacity) for rule in module.RULES}
    # The others are planted below: their defects break more than one rule, or are facts and no templates.
    beside = {"function-missing", "role-missing", "schedule-fence", "schedule-dead-letters", "capacity-quota", "function-callers"}
    assert rules - {case.rule for case in CASES} == beside


def test_a_function_or_role_that_is_missing_is_found() -> None:
    assert "function-missing" in rules_of(Planted("", WEST, FUNCTION, "Open").into(good()))
    found = judged(Planted("", WEST, "IAM::Role", "OpenRole").into(good())).findings
    assert ("role-missing", WEST, "OpenRole") in {(each.rule, each.region, each.resource) for each in found}


def test_a_role_of_nothing_that_works_may_be_of_one_region() -> None:
    templates = good()
    templates[EAST, "Work"]["Resources"]["Once"] = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trusting("ssm")}}
    assert rules_of(templates) == set()


def test_a_role_that_may_do_more_in_the_standby_is_a_warning_and_one_that_is_denied_more_is_not() -> None:
    for effect, severity in (("Allow", Severity.WARNS), ("Deny", Severity.BLOCKS)):
        templates = good()
        more = {"Effect": effect, "Action": "s3:ListBucket", "Resource": "*"}
        templates[WEST, "Work"]["Resources"]["OpenPolicy"]["Properties"]["PolicyDocument"]["Statement"].append(more)
        (finding,) = judged(templates).findings
        assert (finding.rule, finding.severity) == ("role-rights", severity)


def test_both_regions_may_wake_only_what_claims_in_the_fence() -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Work"]["Resources"]["OpenPolicy"]["Properties"]["PolicyDocument"]["Statement"].pop(1)
    found = judged(templates).findings
    assert {(each.rule, each.region) for each in found} == {("schedule-fence", EAST), ("schedule-fence", WEST)}


def test_a_lost_wake_up_that_nobody_keeps_is_found_in_either_region() -> None:
    templates = good()
    for region in (EAST, WEST):
        del templates[region, "Work"]["Resources"]["Schedule"]["Properties"]["Target"]["DeadLetterConfig"]
    found = judged(templates).findings
    assert {(each.rule, each.region) for each in found} == {("schedule-dead-letters", EAST), ("schedule-dead-letters", WEST)}


@pytest.mark.parametrize(("seconds", "found"), [(48 * 3600, True), (48 * 3600 - 1, False), (-1, True)])
def test_a_record_is_given_up_before_its_stream_forgets_it(seconds: int, found: bool) -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Work"]["Resources"]["Mapping"]["Properties"]["MaximumRecordAgeInSeconds"] = seconds
    assert rules_of(templates) == ({"event-source-failures"} if found else set())


def test_a_reader_with_a_consumer_of_its_own_is_judged_by_the_stream_behind_it() -> None:
    templates = good()
    for region in (EAST, WEST):
        resources = templates[region, "Work"]["Resources"]
        consumer = {"ConsumerName": "open", "StreamARN": {"Fn::ImportValue": "data:StreamArn"}}
        resources["Consumer"] = {"Type": "AWS::Kinesis::StreamConsumer", "Properties": consumer}
        resources["Mapping"]["Properties"] |= {"EventSourceArn": attribute("Consumer", "ConsumerARN"), "MaximumRecordAgeInSeconds": 172_800}
    assert rules_of(templates) == {"event-source-failures"}


def test_a_provisioned_figure_that_the_standby_lacks_is_less() -> None:
    templates = good()
    for region, figure in ((EAST, {"ProvisionedConcurrentExecutions": 5}), (WEST, None)):
        properties = {"FunctionName": ref("Open")} | ({"ProvisionedConcurrencyConfig": figure} if figure else {})
        templates[region, "Work"]["Resources"]["Live"] = {"Type": "AWS::Lambda::Alias", "Properties": properties}
    assert rules_of(templates) == {"capacity-standby"}


def test_a_quota_is_a_fact_and_unknown_without_one() -> None:
    name = "lambda_concurrent_executions"

    def told(**quotas: int) -> Situation:
        return Situation(TODAY, Facts(quotas={(region.replace("_", "-"), name): quota for region, quota in quotas.items()}))

    def verdict(situation: Situation) -> Verdict:
        return {result.rule.id: result.verdict for result in judged(good(), situation).results}["capacity-quota"]

    assert verdict(told()) is Verdict.NOT_EVALUATED
    assert verdict(told(us_east_1=1000)) is verdict(told(us_west_2=1000)) is Verdict.NOT_EVALUATED
    assert verdict(told(us_east_1=1000, us_west_2=1000)) is Verdict.KEPT
    assert verdict(told(us_east_1=1000, us_west_2=999)) is Verdict.BROKEN


def test_whatever_is_taken_away_is_judged_without_failing_and_missed_in_the_secondary() -> None:
    for (region, stack), template in good().items():
        for name, body in template["Resources"].items():
            templates = good()
            del templates[region, stack]["Resources"][name]
            found = judged(templates).findings
            if region == WEST:
                assert found, (stack, name, body["Type"])


def test_what_the_standby_keeps_ready_and_what_it_limits() -> None:
    def of(kind: str, name: str, mine: Any, theirs: Any) -> set[str]:
        templates = good()
        for region, figure in ((EAST, mine), (WEST, theirs)):
            properties = {} if figure is None else {name: figure}
            templates[region, "Work"]["Resources"]["Sized"] = {"Type": f"AWS::{kind}", "Properties": properties}
        return rules_of(templates)

    reserved = ("Lambda::Function", "ReservedConcurrentExecutions")
    # A function needs a code, a layer and a role for nothing of this.
    assert of(*reserved, 10, None) == of(*reserved, 10, 10) == of(*reserved, None, None) == set()
    assert of(*reserved, None, 10) == of(*reserved, 10, 9) == {"capacity-standby"}
    ready = ("Lambda::Alias", "ProvisionedConcurrencyConfig")
    five, four, none = ({"ProvisionedConcurrentExecutions": figure} for figure in (5, 4, 0))
    assert of(*ready, five, None) == of(*ready, five, four) == {"capacity-standby"}
    assert of(*ready, None, five) == of(*ready, five, five) == of(*ready, None, None) == set()
    assert of(*ready, five, none) == {"capacity-zero"}
    fixed = {"StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Data"]["Resources"]["Stream"]["Properties"] |= fixed
    assert rules_of(templates) == set()


@pytest.mark.parametrize(
    ("kept", "given", "found"), [(None, 86_400, True), (None, 86_399, False), (48, None, True), (24, 86_400, True), (25, 86_400, False)]
)
def test_a_stream_keeps_a_day_if_it_says_nothing_and_a_reader_gives_up_never(kept: int | None, given: int | None, found: bool) -> None:
    templates = good()
    for region in (EAST, WEST):
        stream = templates[region, "Data"]["Resources"]["Stream"]["Properties"]
        mapping = templates[region, "Work"]["Resources"]["Mapping"]["Properties"]
        for properties, name, value in ((stream, "RetentionPeriodHours", kept), (mapping, "MaximumRecordAgeInSeconds", given)):
            properties.pop(name)
            if value is not None:
                properties[name] = value
    assert rules_of(templates) == ({"event-source-failures"} if found else set())


@pytest.mark.parametrize("source", [attribute("Lost"), "arn:aws:kafka:x"])
def test_a_reader_of_what_is_no_stream_gives_up_when_it_likes(source: Any) -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Work"]["Resources"]["Mapping"]["Properties"] |= {"EventSourceArn": source, "MaximumRecordAgeInSeconds": -1}
    assert rules_of(templates) == set()


def test_a_layer_of_another_account_is_compared_by_its_name() -> None:
    templates = good()
    for region in (EAST, WEST):
        layer = f"arn:aws:lambda:{region}:999988887777:layer:theirs:1"
        templates[region, "Work"]["Resources"]["Open"]["Properties"]["Layers"].append(layer)
    assert rules_of(templates) == set()
    templates[WEST, "Work"]["Resources"]["Open"]["Properties"]["Layers"][-1] = f"arn:aws:lambda:{WEST}:999988887777:layer:theirs:2"
    assert rules_of(templates) == {"function-code"}


def test_the_secondary_takes_the_primarys_tokens_and_no_others() -> None:
    def clients(mine: str, theirs: str) -> set[str]:
        templates = good()
        for region, value in ((EAST, mine), (WEST, theirs)):
            templates[region, "Work"]["Resources"]["Open"]["Properties"]["Environment"]["Variables"]["CLIENTS"] = value
        return rules_of(templates)

    primary, secondary = (f"https://issuer-cognito-idp.{region}.amazonaws.com/1" for region in (EAST, WEST))
    assert clients(primary, primary) == set()
    assert clients(primary, secondary) == set()  # each its own: the users' rule judges that
    assert clients("nobody", primary) == clients(primary, "nobody") == {"function-environment"}


def test_a_function_without_an_environment_may_be_so_in_both_regions() -> None:
    templates = good()
    for region in (EAST, WEST):
        del templates[region, "Work"]["Resources"]["Open"]["Properties"]["Environment"]
    assert rules_of(templates) == set()


def test_a_caller_whom_only_the_primary_admits_is_found_by_what_is_said_of_it() -> None:
    templates = good()
    for region, name in ((EAST, "AllowUseast1Abc"), (WEST, "AllowUswest2Def")):
        said = {"Action": "lambda:InvokeFunction", "FunctionName": attribute("Open"), "Principal": "events.amazonaws.com"}
        source = f"arn:aws:events:{region}:{ACCOUNT}:rule/told"
        templates[region, "Work"]["Resources"][name] = {"Type": "AWS::Lambda::Permission", "Properties": said | {"SourceArn": source}}
    assert rules_of(templates) == set()
    other = Planted("", WEST, "Lambda::Permission", "Allow", "Properties/Principal", "sns.amazonaws.com").into(templates)
    assert rules_of(other) == rules_of(Planted("", WEST, "Lambda::Permission", "Allow").into(templates)) == {"function-callers"}


def test_a_worker_whose_role_is_in_no_template_is_found_where_it_says_so() -> None:
    found = judged(Planted("", WEST, "IAM::Role", "OpenRole").into(good())).findings
    assert ("role-missing", "Open", "Role") in {(each.rule, each.resource, each.path) for each in found}
    # A role that is named, and not referred to, may be somebody else's.
    templates = good()
    for region in (EAST, WEST):
        named = {"Fn::Join": ["", ["arn:aws:iam::", ref("AWS::AccountId"), ":role/theirs"]]}
        templates[region, "Work"]["Resources"]["Machine"]["Properties"]["RoleArn"] = named
    assert rules_of(templates) == set()


def test_all_but_some_resources_is_another_right_than_those() -> None:
    statement = "Properties/PolicyDocument/Statement/0"
    other = {"Effect": "Allow", "Action": ["dynamodb:Query"], "NotResource": LEDGER}
    assert rules_of(Planted("", WEST, POLICY, "OpenPolicy", statement, other).into(good())) == {"role-rights"}
    but = {"Effect": "Allow", "NotAction": ["dynamodb:Query"], "Resource": LEDGER}
    assert rules_of(Planted("", WEST, POLICY, "OpenPolicy", statement, but).into(good())) == {"role-rights"}


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": "arn:aws:dynamodb:*:*:table/book-fence"},
        {"Effect": "Allow", "Action": "dynamodb:UpdateItem", "Resource": "arn:aws:dynamodb:*:*:table/book-ledger"},
        {"Effect": "Deny", "Action": "dynamodb:UpdateItem", "Resource": "arn:aws:dynamodb:*:*:table/book-fence"},
    ],
)
def test_only_the_right_to_claim_in_the_fence_is_one(statement: dict) -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Work"]["Resources"]["OpenPolicy"]["Properties"]["PolicyDocument"]["Statement"][1] = statement
    assert rules_of(templates) == {"schedule-fence"}


def test_a_schedule_may_wake_a_function_itself_or_what_is_in_no_template() -> None:
    def of(target: Any) -> Verdict:
        templates = good()
        for region in (EAST, WEST):
            templates[region, "Work"]["Resources"]["Schedule"]["Properties"]["Target"]["Arn"] = target
        return {result.rule.id: result.verdict for result in judged(templates).results}["schedule-fence"]

    assert of(attribute("Open")) is Verdict.KEPT
    assert of("arn:aws:states:somewhere") is Verdict.NOT_EVALUATED
    assert of(attribute("Lost")) is Verdict.BROKEN
