"""What rings after a switch, what is kept of it, and what must not reach across. Each rule finds its defect alone."""

from __future__ import annotations

import pytest

from daymark.recovery.models import Severity
from daymark.recovery.rules import alarms, log_groups, references
from tests.plan_world import ACCOUNT, EAST, WEST, Planted, good, judged

ALARM = "CloudWatch::Alarm"
FOREIGN = f"arn:aws:lambda:{EAST}:{ACCOUNT}:function:open"

CASES = [
    Planted("alarm-missing", WEST, ALARM, "Errors"),
    Planted("alarm-missing", WEST, "CloudWatch::CompositeAlarm", "Page"),
    Planted("alarm-limits", WEST, ALARM, "Errors", "Properties/Threshold", 5),
    Planted("alarm-limits", WEST, ALARM, "Errors", "Properties/TreatMissingData", "ignore"),
    Planted("alarm-heard", EAST, ALARM, "Errors", "Properties/AlarmActions", []),
    Planted("alarm-heard", WEST, "CloudWatch::CompositeAlarm", "Page", "Properties/ActionsEnabled", False),
    Planted("alarm-late-reads", WEST, ALARM, "Late"),
    Planted("alarm-late-replicas", EAST, ALARM, "Lag"),
    Planted("alarm-late-replicas", WEST, ALARM, "Lag", "Properties/Dimensions/1/Value", WEST),
    Planted("alarm-dead-letters", WEST, ALARM, "Depth"),
    Planted("alarm-late-copies", WEST, ALARM, "Slow"),
    Planted("alarm-late-copies", EAST, ALARM, "Failed"),
    Planted("alarm-backups", WEST, ALARM, "Sent"),
    Planted("log-retention", WEST, "Logs::LogGroup", "Logs", "Properties/RetentionInDays"),
    Planted("log-retention", WEST, "Logs::LogGroup", "Logs", "Properties/RetentionInDays", 30),
    Planted("log-retention", WEST, "Logs::LogGroup", "Logs"),
    Planted("reference-name", WEST, "Events::Rule", "Told", "Properties/Targets/0/Arn", FOREIGN),
    Planted("reference-import", WEST, "Events::Rule", "Told", "Properties/Targets/0/Arn", {"Fn::ImportValue": "data:LedgerArn"}),
    Planted("reference-import", EAST, "Events::Rule", "Told", "Properties/Targets/0/Arn", {"Fn::ImportValue": "nobody:Exports"}),
]


def rules_of(templates: dict) -> set[str]:
    return {each.rule for each in judged(templates).findings}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_planted_defect_is_found_by_its_rule_alone(case: Planted) -> None:
    assert rules_of(case.into(good())) == {case.rule}


def test_every_rule_has_a_defect() -> None:
    rules = {rule.id for module in (alarms, log_groups, references) for rule in module.RULES}
    assert rules == {case.rule for case in CASES}


def test_what_one_region_alone_can_watch_is_not_missed_in_the_other() -> None:
    # The small deployment has Route 53's alarms in the primary alone, and a page for nothing else.
    templates = good()
    rule = {"AlarmName": "page-region", "AlarmRule": 'ALARM("reached") OR ALARM("standby-reached")', "AlarmActions": ["arn:aws:sns:x"]}
    templates[EAST, "Entry"]["Resources"]["PageRegion"] = {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": rule}
    assert rules_of(templates) == set()
    rule["AlarmRule"] += ' OR ALARM("errors")'
    assert rules_of(templates) == {"alarm-missing"}


def test_an_alarm_on_a_formula_watches_what_the_formula_takes() -> None:
    templates = good()
    for region in (EAST, WEST):
        alarm = templates[region, "Work"]["Resources"]["Late"]["Properties"]
        metric = {name: alarm.pop(name) for name in ("Namespace", "MetricName", "Dimensions")}
        alarm["Metrics"] = [
            {"Id": "age", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Maximum"}},
            {"Id": "e", "Expression": "age"},
        ]
    assert rules_of(templates) == set()


def test_a_name_of_the_other_region_is_found_in_both_regions_even_if_they_name_each_other() -> None:
    templates = good()
    for region, other in ((EAST, WEST), (WEST, EAST)):
        statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"arn:aws:sqs:{other}:{ACCOUNT}:lost"}
        templates[region, "Work"]["Resources"]["OpenPolicy"]["Properties"]["PolicyDocument"]["Statement"].append(statement)
    found = judged(templates).findings
    assert {(each.rule, each.region, each.severity) for each in found} == {
        ("reference-name", EAST, Severity.BLOCKS),
        ("reference-name", WEST, Severity.BLOCKS),
    }


def test_the_issuer_of_the_one_directory_may_be_named_and_nothing_else_beside_it() -> None:
    templates = good()
    issuer = f"https://issuer-cognito-idp.{EAST}.amazonaws.com/{EAST}_AbCdEf123"
    for region in (EAST, WEST):
        templates[region, "Work"]["Resources"]["Open"]["Properties"]["Environment"]["Variables"]["CLIENTS"] = issuer
    assert rules_of(templates) == set()
    templates[WEST, "Work"]["Resources"]["Told"]["Properties"]["Targets"][0]["Arn"] = f"{issuer} {FOREIGN}"
    assert rules_of(templates) == {"reference-name"}


def test_values_fetched_across_regions_are_found() -> None:
    templates = good()
    reader = {"Type": "Custom::CrossRegionExportReader", "Properties": {}}
    templates[WEST, "Work"]["Resources"]["Reader"] = reader
    assert rules_of(templates) == {"reference-import"}


def test_the_role_that_copies_may_name_the_other_region_in_its_own_body() -> None:
    templates = good()
    for region, other in ((EAST, WEST), (WEST, EAST)):
        document = {"Statement": [{"Effect": "Allow", "Action": "s3:ReplicateTags", "Resource": f"arn:aws:s3:::files-{other}/*"}]}
        templates[region, "Data"]["Resources"]["Copies"]["Properties"]["Policies"] = [{"PolicyName": "tags", "PolicyDocument": document}]
    assert rules_of(templates) == set()


def test_a_finding_shows_the_name_and_not_pages_around_it() -> None:
    said = f"{'a' * 300} {FOREIGN} {'b' * 300}"
    (finding,) = judged(Planted("", WEST, "Events::Rule", "Told", "Properties/Targets/0/Arn", said).into(good())).findings
    assert EAST in finding.wrong
    assert len(finding.wrong) < 150


def test_a_name_of_the_other_region_that_a_stack_hands_on_is_found_where_it_arrives() -> None:
    templates = good()
    templates[WEST, "Data"]["Outputs"]["Foreign"] = {"Value": FOREIGN, "Export": {"Name": "data:Foreign"}}
    assert rules_of(templates) == set()
    path = "Properties/Targets/0/Arn"
    found = judged(Planted("", WEST, "Events::Rule", "Told", path, {"Fn::ImportValue": "data:Foreign"}).into(templates)).findings
    assert {(each.rule, each.resource) for each in found} == {("reference-name", "Told")}


def test_a_metric_of_another_service_with_the_same_name_is_another() -> None:
    assert rules_of(Planted("", WEST, ALARM, "Late", "Properties/Namespace", "Daymark").into(good())) == {"alarm-late-reads"}
