"""Our own reading of every state machine: nothing waits for ever, nothing fails unseen, nothing is retried blindly."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase
from daymark.operations.planning import Limits

PROJECT = Path(__file__).resolve().parents[2]
MACHINES = sorted((PROJECT / "statemachines").glob("*/*.asl.json"))
SERVICE_ERRORS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}
FIXED_ENDS = {"Succeed", "Fail"}


def states(machine: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every state with its path, those inside Map and Parallel included."""
    for name, state in machine["States"].items():
        yield f"{path}{name}", state
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from states(inner, f"{path}{name}/")


def flows(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The machine itself and every flow nested in it: each has its own names."""
    yield machine
    for state in machine["States"].values():
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            yield from flows(inner)


def targets(state: dict[str, Any]) -> list[str]:
    """Every state that can follow."""
    found = [state[key] for key in ("Next", "Default") if key in state]
    found += [choice["Next"] for choice in state.get("Choices", [])]
    return found + [catcher["Next"] for catcher in state.get("Catch", [])]


ALL = [(path.stem, name, state) for path in MACHINES for name, state in states(json.loads(path.read_text()))]


def of_type(*kinds: str) -> Any:
    chosen = [(machine, name, state) for machine, name, state in ALL if state["Type"] in kinds]
    assert chosen
    return pytest.mark.parametrize("state", [state for *_, state in chosen], ids=[f"{machine}:{name}" for machine, name, _ in chosen])


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_machines_speak_jsonata_and_end_in_bounded_time(path):
    machine = json.loads(path.read_text())

    assert machine["QueryLanguage"] == "JSONata"
    assert 0 < machine["TimeoutSeconds"] <= 6 * 3600
    assert machine["Comment"]


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_every_state_is_reached_and_every_transition_leads_somewhere(path):
    for flow in flows(json.loads(path.read_text())):
        reached, ahead = set(), [flow["StartAt"]]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += targets(flow["States"][name])
        assert reached == set(flow["States"])


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_no_account_region_or_name_is_written_into_a_definition(path):
    text = path.read_text()

    assert set(re.findall(r"arn:[^\"]+", text)) == {"arn:aws:states:::lambda:invoke"}
    assert not re.findall(r"\b\d{12}\b|\b[a-z]{2}-[a-z]+-\d\b", text)


@of_type("Task")
def test_every_task_has_a_time_limit(state):
    assert 0 < state["TimeoutSeconds"] <= 300


@of_type("Task")
def test_only_service_errors_and_throttles_are_retried_with_full_jitter(state):
    assert state["Retry"]
    for retry in state["Retry"]:
        # A step of the loop raises what the store's throttling became; a task never raises, it answers with an outcome.
        is_a_task = "$states.input.function" in state["Arguments"]["FunctionName"]
        assert set(retry["ErrorEquals"]) == SERVICE_ERRORS | (set() if is_a_task else {"Unavailable"})
        assert retry["JitterStrategy"] == "FULL"
        assert 1 <= retry["MaxAttempts"] <= 3
        assert retry["BackoffRate"] >= 2
        assert retry["MaxDelaySeconds"] <= 10


@of_type("Task")
def test_every_task_catches_whatever_else_fails_and_catches_it_last(state):
    *before, last = state["Catch"]

    assert last["ErrorEquals"] == ["States.ALL"]
    assert all("States.ALL" not in catcher["ErrorEquals"] for catcher in before)


@of_type("Choice")
def test_every_choice_has_a_default(state):
    assert state["Default"]


@of_type("Fail")
def test_every_failure_names_its_error_and_cause(state):
    assert re.fullmatch(r"[A-Z][A-Za-z]+", state["Error"])
    assert state["Cause"]


def test_a_crash_keeps_the_error_name_and_never_its_cause():
    # An error's cause is a stack trace or a message, which may hold client data.
    for path in MACHINES:
        assert "errorOutput.Cause" not in path.read_text()


def test_the_map_keeps_to_the_cap_of_the_plan():
    (phase,) = [path for path in MACHINES if path.name == "phase.asl.json"]
    assert json.loads(phase.read_text())["States"]["PerformTasks"]["MaxConcurrency"] == Limits().cap


def test_the_machine_outlives_the_budget_of_a_run():
    (phase,) = [path for path in MACHINES if path.name == "phase.asl.json"]
    assert json.loads(phase.read_text())["TimeoutSeconds"] > Limits().budget.total_seconds()


def test_a_task_outlives_the_limit_of_its_function():
    day = trading_day()
    longest = max(task.timeout.total_seconds() for phase in OperationPhase for task in day.tasks(phase).values())
    (phase,) = [path for path in MACHINES if path.name == "phase.asl.json"]
    perform = json.loads(phase.read_text())["States"]["PerformTasks"]["ItemProcessor"]["States"]["PerformTask"]

    # The function's own limit lies five seconds above its longest task's.
    assert perform["TimeoutSeconds"] > longest + 5


def test_states_are_named_as_business_verbs():
    for _, name, state in ALL:
        assert re.fullmatch(r"(\w+/)*[A-Z][a-z]+([A-Z][a-z]+)*", name)
        assert state["Type"] in {"Task", "Map", "Choice", "Wait", "Pass", *FIXED_ENDS}
