"""The phase machine itself, run by the embedded cloud with small real functions: the path taken is asserted, not the end alone."""

from __future__ import annotations

import io
import json
import re
import time
import uuid
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from daymark.operations.messages import read_outcome

pytestmark = pytest.mark.emulator

DEFINITION = Path(__file__).resolve().parents[2] / "statemachines" / "operations" / "phase.asl.json"
STEPS = ("open_phase", "plan_phase", "record_outcomes")

# One function plays every part; the environment says which. The scenario travels as the run's id, the round in the reply.
SCRIPT = """
import os, time

def handler(event, context):
    return globals()[os.environ["PART"]](event)

def ticket(event, **more):
    return {"version": 1, "run_id": event["run_id"], "epoch": 7, "region": "us-east-1", "round": event.get("round", 0), **more}

def open_phase(event):
    if event["run_id"] == "no_step":
        raise RuntimeError("no journal")
    ends = {"not_due": "NOT_DUE", "held": "HELD"}
    if event["run_id"] in ends:
        return ticket(event, kind="end", status=ends[event["run_id"]], reason="said so", driver=event["driver"])
    return ticket(event, kind="plan", driver=event["driver"])

def command(event, task, function):
    return {"version": 1, "run_id": event["run_id"], "task": task, "function": function, "try_number": event["round"] + 1,
            "epoch": 7, "region": "us-east-1", "timeout_seconds": 60}

def plan_phase(event):
    scenario, turn = event["run_id"], event["round"]
    if scenario == "nonsense":
        return ticket(event, kind="perhaps")
    if scenario == "retry" and turn == 1 and event["kind"] != "wait":
        return ticket(event, kind="wait", seconds=1)
    if turn == 0 or (scenario == "retry" and turn == 1):
        both = [command(event, "first", "check_prices"), command(event, "second", "assess_risk")]
        return ticket(event, kind="dispatch", commands=both if turn == 0 else both[:1])
    ends = {"failed": ("FAILED", "gate_prices failed: twelve prices are zero"), "degraded": ("DEGRADED", "second was lost")}
    status, reason = ends.get(scenario, ("SUCCEEDED", None))
    return ticket(event, kind="end", status=status, reason=reason, told=event["told"])

def record_outcomes(event):
    turn = event["outcomes"][0]["try_number"]
    return {**ticket(event, kind="plan", told=event["outcomes"]), "round": turn}

def outcome(event):
    return {"version": 1, "task": event["task"], "try_number": event["try_number"], "succeeded": True, "by": os.environ["PART"]}

def check_prices(event):
    return outcome(event)

def assess_risk(event):
    if event["run_id"] == "crash":
        os._exit(1)
    if event["run_id"] == "slow":
        time.sleep(30)
    return outcome(event)
"""


def client(service: str, endpoint: str) -> Any:
    return boto3.client(service, endpoint_url=endpoint, region_name="us-east-1")


@pytest.fixture(scope="module")
def machine(emulator: str) -> Iterator[str]:
    """The machine of one phase, its placeholders filled with the script's functions."""
    functions, suffix = client("lambda", emulator), uuid.uuid4().hex[:8]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("script.py", SCRIPT)
    text = DEFINITION.read_text()
    created = []
    for name in sorted(set(re.findall(r"\$\{(\w+)\}", text))):
        part = name if name in (*STEPS, "check_prices", "assess_risk") else "outcome"
        answer = functions.create_function(
            FunctionName=f"{name}-{suffix}",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/test",
            Handler="script.handler",
            Code={"ZipFile": code.getvalue()},
            Timeout=3,
            Environment={"Variables": {"PART": part}},
        )
        created.append(answer["FunctionName"])
        text = text.replace(f"${{{name}}}", answer["FunctionArn"])
    steps = client("stepfunctions", emulator)
    arn = steps.create_state_machine(name=f"phase-{suffix}", definition=text, roleArn="arn:aws:iam::000000000000:role/test")[
        "stateMachineArn"
    ]
    yield arn
    steps.delete_state_machine(stateMachineArn=arn)
    for name in created:
        functions.delete_function(FunctionName=name)


def run(emulator: str, machine: str, scenario: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """Start an execution, wait for its end; its description and the names of the states entered.

    The embedded cloud's history leaves out the states inside a Map; their outcomes tell which way they went.
    """
    steps = client("stepfunctions", emulator)
    arn = steps.start_execution(stateMachineArn=machine, input=json.dumps({"version": 1, "run_id": scenario} | more))["executionArn"]
    for _ in range(600):
        found = steps.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            break
        time.sleep(0.1)
    pages = steps.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    return found, [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


LOOP = ["ChooseStep", "PlanTasks", "ChooseStep", "PerformTasks"]


def test_the_happy_path_plans_performs_records_and_ends(emulator, machine):
    found, entered = run(emulator, machine, "happy")

    assert found["status"] == "SUCCEEDED"
    assert entered == ["OpenRun", *LOOP, "RecordOutcomes", "ChooseStep", "PlanTasks", "ChooseStep", "JudgeEnd", "EndPhase"]
    told = json.loads(found["output"])["told"]
    # Each command reached the function that the catalogue names for it, and its answer came back.
    assert [(one["task"], one["by"], one["try_number"]) for one in told] == [("first", "check_prices", 1), ("second", "assess_risk", 1)]


def test_a_degraded_run_is_a_good_end(emulator, machine):
    found, entered = run(emulator, machine, "degraded")

    assert (found["status"], entered[-1]) == ("SUCCEEDED", "EndPhase")


def test_a_retry_waits_and_plans_again(emulator, machine):
    found, entered = run(emulator, machine, "retry")

    assert found["status"] == "SUCCEEDED"
    assert entered == [
        "OpenRun", *LOOP, "RecordOutcomes",
        "ChooseStep", "PlanTasks", "ChooseStep", "AwaitRetry", "PlanTasks", "ChooseStep", "PerformTasks", "RecordOutcomes",
        "ChooseStep", "PlanTasks", "ChooseStep", "JudgeEnd", "EndPhase",
    ]  # fmt: skip
    # A single outcome is still a list.
    assert [(one["task"], one["try_number"]) for one in json.loads(found["output"])["told"]] == [("first", 2)]


def test_a_failed_phase_fails_the_execution_with_run_task_and_reason(emulator, machine):
    found, entered = run(emulator, machine, "failed")

    assert (found["status"], entered[-2:]) == ("FAILED", ["JudgeEnd", "FailPhase"])
    assert (found["error"], found["cause"]) == ("PhaseFailed", "failed: gate_prices failed: twelve prices are zero")


@pytest.mark.parametrize("scenario", ["crash", "slow"])
def test_a_function_without_an_answer_becomes_a_typed_outcome_and_spares_its_neighbour(emulator, machine, scenario):
    found, _ = run(emulator, machine, scenario)

    assert found["status"] == "SUCCEEDED"
    first, second = json.loads(found["output"])["told"]
    assert first["succeeded"] is True
    assert set(second) == {"version", "task", "try_number", "crashed"}
    assert (second["task"], second["try_number"]) == ("second", 1)
    assert isinstance(second["crashed"], str)


def test_the_crashed_outcome_is_readable(emulator, machine):
    found, _ = run(emulator, machine, "crash")
    outcome = read_outcome(json.loads(found["output"])["told"][1], datetime(2018, 2, 5, 12, tzinfo=UTC))

    assert (outcome.succeeded, outcome.retryable, outcome.task) == (False, True, "second")


@pytest.mark.parametrize(("scenario", "end"), [("not_due", "IgnoreWakeUp"), ("held", "StandAside")])
def test_a_wake_up_that_opens_nothing_ends_well(emulator, machine, scenario, end):
    found, entered = run(emulator, machine, scenario)

    assert found["status"] == "SUCCEEDED"
    assert entered == ["OpenRun", "ChooseStep", "JudgeEnd", end]


def test_the_execution_names_itself_as_the_driver(emulator, machine):
    found, _ = run(emulator, machine, "held")

    assert json.loads(found["output"])["driver"] == found["executionArn"]


def test_a_step_that_crashes_fails_the_driver_by_name(emulator, machine):
    found, entered = run(emulator, machine, "no_step")

    assert (found["status"], found["error"]) == ("FAILED", "DriverFailed")
    assert entered == ["OpenRun", "FailDriver"]
    assert found["cause"].startswith("no_step: the open step ended with ")
    assert "no journal" not in found["cause"]


def test_an_unknown_reply_fails_instead_of_looping(emulator, machine):
    found, entered = run(emulator, machine, "nonsense")

    assert (found["status"], found["error"]) == ("FAILED", "UnknownReply")
    assert entered == ["OpenRun", "ChooseStep", "PlanTasks", "ChooseStep", "FailReply"]
