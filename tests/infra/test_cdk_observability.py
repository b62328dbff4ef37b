"""The alarm budget: few alarms call somebody, all tell somebody, none rings twice for one failure, and silence is noticed."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cdk.constructs.alarm_budget import BUDGET, Severity
from cdk.constructs.rate_alarms import wake_hours
from tests.infra.conftest import Assembly

REGIONS = ("us-east-1", "us-west-2")
# Five systems, and in the region that sees all health checks the region itself.
PAGES = {"us-east-1": 6, "us-west-2": 5}


def alarms(assembly: Assembly, region: str) -> dict[str, dict[str, Any]]:
    return {body["Properties"]["AlarmName"]: body["Properties"] for _, body in assembly.resources("AWS::CloudWatch::Alarm", region)}


def composites(assembly: Assembly, region: str) -> dict[str, dict[str, Any]]:
    return {
        body["Properties"]["AlarmName"]: body["Properties"] for _, body in assembly.resources("AWS::CloudWatch::CompositeAlarm", region)
    }


def tags(body: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in body["Tags"]}


def runbook(body: dict[str, Any]) -> str:
    return re.search(r"docs/runbooks/([a-z-]+)\.md$", body["AlarmDescription"])[1]


def topic(action: Any) -> str:
    """``Pages`` or ``Tickets``, whichever stack the action names it from."""
    return re.search(r"(Pages|Tickets)", json.dumps(action))[1]


def rung(body: dict[str, Any]) -> set[str]:
    return set(re.findall(r'ALARM\("([a-z0-9-]+)"\)', body["AlarmRule"]))


@pytest.mark.parametrize("region", REGIONS)
def test_the_alarm_budget(cloud: Assembly, region: str) -> None:
    metric, pages = alarms(cloud, region), composites(cloud, region)
    kinds = Counter(tags(body)["severity"] for body in metric.values())
    print(f"\n{region}: {len(pages)} alarms page; {len(metric)} are tickets, {kinds['page']} of them causes of a page")  # noqa: T201 - the budget is to be seen
    for name, body in sorted(pages.items()):
        print(f"  {name}: {len(rung(body))} causes")  # noqa: T201

    assert len(pages) == PAGES[region]
    assert {topic(action) for body in pages.values() for action in body["AlarmActions"]} == {"Pages"}
    assert {topic(action) for body in metric.values() for action in body["AlarmActions"]} == {"Tickets"}
    # A third at most of what can ring gets anybody up.
    assert kinds["page"] * 3 <= len(metric)


@pytest.mark.parametrize("region", REGIONS)
def test_every_alarm_has_an_action_a_severity_an_owner_and_a_system(cloud: Assembly, region: str) -> None:
    for name, body in (alarms(cloud, region) | composites(cloud, region)).items():
        assert body["AlarmActions"], name
        assert {"severity", "owner", "system"} <= tags(body).keys(), name
    for name, body in alarms(cloud, region).items():
        kind = BUDGET[runbook(body)]
        assert tags(body)["severity"] == kind.severity, name
        assert tags(body)["owner"] == kind.owner, name


def test_every_kind_of_the_budget_is_some_alarms(cloud: Assembly) -> None:
    assert {runbook(body) for region in REGIONS for body in alarms(cloud, region).values()} == set(BUDGET)


@pytest.mark.parametrize("region", REGIONS)
def test_every_cause_of_a_page_rings_exactly_once(cloud: Assembly, region: str) -> None:
    causes = {name for name, body in alarms(cloud, region).items() if tags(body)["severity"] == Severity.PAGE}
    ringing = Counter(name for body in composites(cloud, region).values() for name in rung(body))

    assert set(ringing) == causes
    assert set(ringing.values()) == {1}
    for body in composites(cloud, region).values():
        assert len(body["AlarmRule"]) <= 10_240
        assert {tags(alarms(cloud, region)[name])["system"] for name in rung(body)} == {tags(body)["system"]}


@pytest.mark.parametrize("region", REGIONS)
def test_while_data_is_ill_nothing_else_rings(cloud: Assembly, region: str) -> None:
    found = composites(cloud, region)
    suppressed = {name for name, body in found.items() if "ActionsSuppressor" in body}

    assert set(found) - suppressed == {"daymark-page-data"}
    for name in suppressed:
        assert "Data" in json.dumps(found[name]["ActionsSuppressor"])
        assert (found[name]["ActionsSuppressorWaitPeriod"], found[name]["ActionsSuppressorExtensionPeriod"]) == (120, 300)


@pytest.mark.parametrize("season", ["summer", "winter"])
@pytest.mark.parametrize("region", REGIONS)
def test_a_phase_that_never_started_is_noticed_two_hours_after_its_first_possible_hour(cloud: Assembly, region: str, season: str) -> None:
    """The hours come from the clock of New York itself, not from an offset."""
    day = {"summer": datetime.date(2026, 7, 6), "winter": datetime.date(2026, 1, 5)}[season]
    schedules = [body["Properties"]["ScheduleExpression"] for _, body in cloud.resources("AWS::Scheduler::Schedule", region)]
    found = [body for body in alarms(cloud, region).values() if runbook(body) == "phase-absent"]

    assert len(found) == len(schedules) == 5
    watched = set()
    for body in found:
        (expression,) = [each["Expression"] for each in body["Metrics"] if each.get("ReturnData", True)]
        watched.add(tuple(map(int, re.findall(r"HOUR\(clock\) [<>]= (\d+)", expression))))
        assert "DAY(clock) <= 5" in expression
        assert body["TreatMissingData"] == "breaching"
        assert body["EvaluationPeriods"] == 3
    for schedule in schedules:
        minute, hours = re.match(r"cron\((\d+) ([\d,]+) ", schedule).groups()
        wakes = [
            datetime.datetime.combine(day, datetime.time(int(hour), int(minute)), ZoneInfo("America/New_York")) for hour in hours.split(",")
        ]
        in_utc = {wake.astimezone(datetime.UTC).hour for wake in wakes}
        # A wake-up falls into one of the first two hours at least; the third only sees both of them end.
        (first, last) = next(hours for hours in watched if hours[0] == wake_hours(schedule)[0])
        assert last - first == 2
        assert in_utc & {first, first + 1}


def test_a_schedule_that_is_no_weekdays_is_refused() -> None:
    with pytest.raises(ValueError, match="no weekday's hour"):
        wake_hours("cron(0 4 ? * SUN *)")


@pytest.mark.parametrize("region", REGIONS)
def test_rates_say_nothing_of_a_few_calls(cloud: Assembly, region: str) -> None:
    for name in ("daymark-rest-failing", "daymark-socket-failing"):
        body = alarms(cloud, region)[name]
        (expression,) = [each["Expression"] for each in body["Metrics"] if each.get("ReturnData", True)]
        assert expression == "IF(FILL(calls, 0) >= 50, 100 * FILL(failed, 0) / calls, 0)"
        assert body["Threshold"] == 1.0


@pytest.mark.parametrize("region", REGIONS)
def test_every_table_function_stream_and_queue_is_watched(cloud: Assembly, region: str) -> None:
    """By what a template names them with, so a new resource without an alarm fails."""
    seen = json.dumps(list(alarms(cloud, region).values()))
    for (_, _, name), _ in cloud.resources("AWS::Lambda::Function", region):
        assert name in seen, name
    for kind in ("AWS::SQS::Queue", "AWS::Kinesis::Stream"):
        for (_, _, name), _ in cloud.resources(kind, region):
            assert name in seen, name
    for table in ("book", "operations", "fence", "audit", "connections"):
        for each in (f"daymark-{table}-read-throttle-events", f"daymark-{table}-write-throttle-events", f"daymark-{table}-table-failing"):
            assert each in alarms(cloud, region)
    for table in ("book", "operations", "audit"):
        late = alarms(cloud, region)[f"daymark-{table}-replica-late"]
        receiving = {each["Name"]: each["Value"] for each in late["Dimensions"]}["ReceivingRegion"]
        assert receiving == ({"us-east-1", "us-west-2"} - {region}).pop()


@pytest.mark.parametrize("region", REGIONS)
def test_whoever_disables_or_deletes_a_key_of_ours_calls_somebody(cloud: Assembly, region: str) -> None:
    (rule,) = [body["Properties"] for (_, stack, _), body in cloud.resources("AWS::Events::Rule", region) if stack == "Watch"]
    (policy,) = [
        statement
        for _, body in cloud.resources("AWS::SNS::TopicPolicy", region)
        for statement in body["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Principal") == {"Service": "events.amazonaws.com"}
    ]

    assert rule["EventPattern"]["detail"]["eventName"] == ["DisableKey", "ScheduleKeyDeletion", "DeleteImportedKeyMaterial"]
    assert len(rule["EventPattern"]["detail"]["resources"]["ARN"]) == 2
    assert [topic(target["Arn"]) for target in rule["Targets"]] == ["Pages"]
    assert policy["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}
    assert policy["Action"] == "sns:Publish"


@pytest.mark.parametrize("region", REGIONS)
def test_alarms_of_this_account_may_publish_to_both_topics_and_use_their_key(cloud: Assembly, region: str) -> None:
    """The policy that asks for TLS takes the place of SNS's own, which would have let them."""
    let = [
        (topic(statement["Resource"]), statement["Condition"])
        for _, body in cloud.resources("AWS::SNS::TopicPolicy", region)
        for statement in body["Properties"]["PolicyDocument"]["Statement"]
        if statement.get("Principal") == {"Service": "cloudwatch.amazonaws.com"} and statement["Action"] == "sns:Publish"
    ]
    keys = [
        statement["Condition"]
        for _, body in cloud.resources("AWS::KMS::Key", region)
        for statement in body["Properties"]["KeyPolicy"]["Statement"]
        if statement.get("Principal") == {"Service": "cloudwatch.amazonaws.com"}
    ]
    account = {"StringEquals": {"aws:SourceAccount": "111122223333"}}

    assert sorted(let, key=str) == [("Pages", account), ("Tickets", account)]
    assert keys == [account]


@pytest.mark.parametrize("region", REGIONS)
def test_each_system_has_a_dashboard_and_every_alarm_is_on_one(cloud: Assembly, region: str) -> None:
    bodies = {}
    for _, body in cloud.resources("AWS::CloudWatch::Dashboard", region):
        parts = body["Properties"]["DashboardBody"]
        # References stand where names will be.
        text = parts if isinstance(parts, str) else "".join(part if isinstance(part, str) else "REFERENCE" for part in parts["Fn::Join"][1])
        bodies[body["Properties"]["DashboardName"]] = json.loads(text)

    assert set(bodies) == {f"daymark-{name}-{region}" for name in ("day", "stream", "push", "api", "data", "alarms")}
    for body in bodies.values():
        cells = set()
        for widget in body["widgets"]:
            assert widget["x"] + widget["width"] <= 24
            spot = {
                (x, y)
                for x in range(widget["x"], widget["x"] + widget["width"])
                for y in range(widget["y"], widget["y"] + widget["height"])
            }
            assert not spot & cells
            cells |= spot
    shown = {
        arn.rpartition(":")[2] for widget in bodies[f"daymark-alarms-{region}"]["widgets"] for arn in widget["properties"].get("alarms", [])
    }
    assert shown == set(alarms(cloud, region))


def test_the_embedded_cloud_pages_nobody(local: Assembly) -> None:
    assert not list(local.resources("AWS::CloudWatch::CompositeAlarm"))
    assert {topic(action) for body in alarms(local, "us-east-1").values() for action in body["AlarmActions"]} == {"Tickets"}
