"""Phases: five machines from one definition, five schedules on New York time, undelivered wake-ups kept."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cdk.constructs.phase_machine import DEFINITION
from daymark.operations.catalogue import trading_day

PHASES = ("PRE_MARKET", "MARKET_OPEN", "MID_DAY", "MARKET_CLOSE", "POST_MARKET")
REGIONS = ("us-east-1", "us-west-2")

# Eastern wall time at which a phase may start, full day and half day, as the exchange's hours give it.
CRON = {
    "PRE_MARKET": "cron(0 4 ? * MON-FRI *)",
    "MARKET_OPEN": "cron(30 9 ? * MON-FRI *)",
    "MID_DAY": "cron(0 11,12 ? * MON-FRI *)",
    "MARKET_CLOSE": "cron(0 13,16 ? * MON-FRI *)",
    "POST_MARKET": "cron(0 15,18 ? * MON-FRI *)",
}


def schedules(assembly: Any, region: str) -> dict[str, dict[str, Any]]:
    found = {}
    for _, resource in assembly.resources("AWS::Scheduler::Schedule", region):
        found[json.loads(resource["Properties"]["Target"]["Input"])["phase"]] = resource["Properties"]
    return found


def machines(assembly: Any, region: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for (_, _, name), resource in assembly.resources("AWS::StepFunctions::StateMachine", region)}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_is_woken_on_new_york_time(cloud, region, phase):
    schedule = schedules(cloud, region)[phase]

    assert schedule["ScheduleExpression"] == CRON[phase]
    assert schedule["ScheduleExpressionTimezone"] == "America/New_York"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == "ENABLED"
    assert json.loads(schedule["Target"]["Input"]) == {"version": 1, "phase": phase, "wake": "<aws.scheduler.scheduled-time>"}


def test_no_schedule_fires_in_the_embedded_cloud(local):
    found = schedules(local, "us-east-1")

    assert {phase: schedule["State"] for phase, schedule in found.items()} == dict.fromkeys(PHASES, "DISABLED")


@pytest.mark.parametrize("region", REGIONS)
def test_each_schedule_starts_its_own_machine_and_keeps_what_it_could_not_deliver(cloud, region):
    found = schedules(cloud, region)
    started = {json.dumps(schedule["Target"]["Arn"]) for schedule in found.values()}

    assert set(found) == set(PHASES)
    assert started == {json.dumps({"Ref": name}) for name in machines(cloud, region)}
    for schedule in found.values():
        assert schedule["Target"]["DeadLetterConfig"]["Arn"]
        # A wake-up later than this no longer counts as on time, so delivering it would start nothing.
        assert schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] == 900
        assert schedule["KmsKeyArn"]


@pytest.mark.parametrize("region", REGIONS)
def test_five_machines_share_one_definition_and_fill_every_placeholder(cloud, region):
    placeholders = set(re.findall(r"\$\{(\w+)\}", DEFINITION.read_text()))
    found = machines(cloud, region)

    assert len(found) == 5
    for body in found.values():
        assert json.loads(body["DefinitionString"]) == json.loads(DEFINITION.read_text())
        assert set(body["DefinitionSubstitutions"]) == placeholders


def test_the_definition_knows_every_function_of_the_catalogue():
    states = json.loads(DEFINITION.read_text())["States"]

    assert states["OpenRun"]["Assign"]["functions"] == {name: f"${{{name}}}" for name in trading_day().functions()}


@pytest.mark.parametrize("region", REGIONS)
def test_machines_are_traced_and_log_names_but_no_data(cloud, region):
    for body in machines(cloud, region).values():
        assert body["TracingConfiguration"] == {"Enabled": True}
        assert body["LoggingConfiguration"]["Level"] == "ALL"
        assert body["LoggingConfiguration"]["IncludeExecutionData"] is False
        assert body["StateMachineType"] == "STANDARD"


@pytest.mark.parametrize("region", REGIONS)
def test_a_machine_may_invoke_the_operations_functions_alone(cloud, region):
    wanted = {
        json.dumps({"Fn::GetAtt": [name, "Arn"]})
        for (_, stack, name), _ in cloud.resources("AWS::Lambda::Function", region)
        if stack == "Operations"
    }
    policies = [
        statement
        for _, policy in cloud.resources("AWS::IAM::Policy", region)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    ]

    assert len(policies) == 5
    for statement in policies:
        assert {json.dumps(resource) for resource in statement["Resource"]} == wanted


@pytest.mark.parametrize("region", REGIONS)
def test_failed_phases_and_lost_wake_ups_raise_alarms(cloud, region):
    alarms = [resource["Properties"] for _, resource in cloud.resources("AWS::CloudWatch::Alarm", region)]
    watched = {
        (alarm["MetricName"], json.dumps(dimension["Value"]))
        for alarm in alarms
        if "MetricName" in alarm
        for dimension in alarm.get("Dimensions", [])
        if dimension["Name"] == "StateMachineArn"
    }
    depths = [alarm for alarm in alarms if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"]

    assert len(watched) == 10
    assert {metric for metric, _ in watched} == {"ExecutionsFailed", "ExecutionsTimedOut"}
    assert {alarm["AlarmDescription"] for alarm in depths} == {
        "A phase was not woken: start it by hand. Runbook: docs/runbooks/missed-wake-ups.md",
        "Progress was not told to the WebSocket: clients lag behind the journal. Runbook: docs/runbooks/untold-progress.md",
        "Marks were not told to the WebSocket: clients lag behind the boards. Runbook: docs/runbooks/untold-marks.md",
        "ticks: records were given up; read them again while the stream keeps them. Runbook: docs/runbooks/records-given-up.md",
        "quotes: records were given up; read them again while the stream keeps them. Runbook: docs/runbooks/records-given-up.md",
    }
    assert all((alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold") for alarm in depths)


@pytest.mark.parametrize("region", REGIONS)
def test_dead_letter_queues_are_encrypted_and_take_tls_only(cloud, region):
    queues, policies = (list(cloud.resources(f"AWS::SQS::{kind}", region)) for kind in ("Queue", "QueuePolicy"))

    assert (
        {stack for (_, stack, _), _ in queues}
        == {stack for (_, stack, _), _ in policies}
        == {
            "Operations",
            "MarketData",
            "Monitoring",
        }
    )
    for _, queue in queues:
        assert queue["Properties"]["KmsMasterKeyId"]
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    for _, policy in policies:
        denied = [each["Condition"] for each in policy["Properties"]["PolicyDocument"]["Statement"] if each["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in denied
