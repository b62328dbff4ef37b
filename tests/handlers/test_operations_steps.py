"""The phase machine's three functions: real events in, journal and fence items out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from daymark.core.errors import InvalidInput
from operations.open_phase import handler as open_phase
from operations.plan_phase import handler as plan_phase
from operations.record_outcomes import handler as record_outcomes
from tests.handlers.conftest import CONTEXT, Services

RUN = "2018-02-05/MARKET_CLOSE#1"
# What EventBridge Scheduler sends, after the machine has added the execution's name.
DRIVER = "arn:aws:states:us-east-1:123456789012:execution:market-close:1"
WAKE_UP = {"version": 1, "phase": "MARKET_CLOSE", "wake": "2018-02-05T21:00:00Z", "driver": DRIVER}


def journal(services: Services, run: str = RUN) -> list[dict[str, Any]]:
    return [line for item in services.items("operations", f"RUN#{run}") for line in item["body"]]


def outcome(task: str, **more: Any) -> dict[str, Any]:
    now = "2018-02-05T21:00:01+00:00"
    return {
        "version": 1, "task": task, "try_number": 1, "succeeded": True, "retryable": False, "started_at": now, "ended_at": now,
        "report": {"measures": {"half_day": False}, "by_tenant": {}, "warnings": []}, "error": None, **more,
    }  # fmt: skip


def test_a_scheduled_wake_up_opens_the_run_and_takes_its_fence(services):
    reply = open_phase(WAKE_UP, CONTEXT)

    assert reply == {"version": 1, "kind": "plan", "run_id": RUN, "epoch": 1, "region": "us-east-1"}
    ((opened),) = journal(services)
    assert (opened["kind"], opened["sequence"]) == ("opened", 0)
    assert opened["body"] == {"epoch": 1, "region": "us-east-1", "driver": DRIVER}
    (scope,) = [item for item in services.items("fence") if item["pk"] == "SCOPE#2018-02-05/MARKET_CLOSE#0"]
    assert (scope["epoch"], scope["region"]) == ("1", "us-east-1")
    assert services.items("operations", "SESSIONS")[0]["sk"] == "SESSION#2018-02-05"


# A Saturday; Christmas Day; 13:00 New York on a full day; 16:00 on the half day after Thanksgiving.
@pytest.mark.parametrize("wake", ["2018-02-10T21:00:00Z", "2018-12-25T21:00:00Z", "2018-02-05T18:00:00Z", "2018-11-23T21:00:00Z"])
def test_a_wake_up_that_is_not_due_writes_nothing(services, wake):
    before = services.everything()
    reply = open_phase(WAKE_UP | {"wake": wake}, CONTEXT)

    assert (reply["kind"], reply["status"], reply["epoch"]) == ("end", "NOT_DUE", 0)
    assert services.everything() == before


def test_the_half_day_closes_at_one(services):
    reply = open_phase(WAKE_UP | {"wake": "2018-11-23T18:00:00Z"}, CONTEXT)

    assert reply["run_id"] == "2018-11-23/MARKET_CLOSE#1"


def test_the_same_wake_up_delivered_twice_opens_one_run(services):
    first = open_phase(WAKE_UP, CONTEXT)
    again = open_phase(WAKE_UP, CONTEXT)
    other = open_phase(WAKE_UP | {"driver": f"{DRIVER}-twin"}, CONTEXT)

    assert again == first
    assert (other["kind"], other["status"]) == ("end", "HELD")
    assert [line["kind"] for line in journal(services)] == ["opened"]


def test_plan_dispatches_what_is_ready_and_writes_it_first(services):
    reply = plan_phase(open_phase(WAKE_UP, CONTEXT), CONTEXT)

    assert reply["kind"] == "dispatch"
    (command,) = reply["commands"]
    assert command == {
        "version": 1, "run_id": RUN, "task": "check_session", "function": "check_prices", "try_number": 1, "epoch": 1,
        "region": "us-east-1", "timeout_seconds": 60,
    }  # fmt: skip
    dispatched = journal(services)[-1]
    assert (dispatched["kind"], dispatched["task"], dispatched["try_number"]) == ("dispatched", "check_session", 1)


def test_record_writes_the_outcome_and_the_next_plan_goes_on(services):
    ticket = open_phase(WAKE_UP, CONTEXT)
    plan_phase(ticket, CONTEXT)
    reply = record_outcomes({**ticket, "outcomes": [outcome("check_session")]}, CONTEXT)

    assert reply["kind"] == "plan"
    written = journal(services)[-1]
    assert (written["kind"], written["task"]) == ("succeeded", "check_session")
    assert [command["task"] for command in plan_phase(reply, CONTEXT)["commands"]] == ["load_prices"]


def test_a_crashed_function_is_tried_again_later(services):
    ticket = open_phase(WAKE_UP, CONTEXT)
    plan_phase(ticket, CONTEXT)
    crashed = {"version": 1, "task": "check_session", "try_number": 1, "crashed": "Runtime.ExitError"}
    record_outcomes({**ticket, "outcomes": [crashed]}, CONTEXT)

    retried = journal(services)[-1]
    assert (retried["kind"], retried["task"]) == ("retried", "check_session")
    assert '"code": "crashed"' in json.dumps(retried["body"])
    reply = plan_phase(ticket, CONTEXT)
    assert reply["kind"] in ("wait", "dispatch")


def test_a_superseded_driver_writes_nothing(services):
    ticket = open_phase(WAKE_UP, CONTEXT)
    open_phase({"version": 1, "run_id": RUN, "take_over": True, "driver": "another"}, CONTEXT)
    before = services.everything()
    reply = plan_phase(ticket, CONTEXT)

    assert (reply["kind"], reply["status"]) == ("end", "SUPERSEDED")
    assert services.everything() == before


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "wake_up.run_id"),
        ({"version": 1, "phase": "LUNCH", "wake": "2018-02-05T21:00:00Z"}, "wake_up.phase"),
        ({"version": 1, "phase": "MID_DAY", "wake": "noon"}, "wake_up.wake"),
        ({"version": 9, "run_id": RUN}, "wake_up.version"),
        ({"version": 1, "run_id": "yesterday"}, "run_id"),
    ],
)
def test_a_malformed_wake_up_is_refused_by_field_and_writes_nothing(services, event, field):
    before = services.everything()
    with pytest.raises(InvalidInput) as refused:
        open_phase(event, CONTEXT)

    assert refused.value.field == field
    assert services.everything() == before


def test_a_missing_variable_is_named(services, monkeypatch):
    monkeypatch.delenv("DAYMARK_FENCE_TABLE")
    with pytest.raises(InvalidInput, match="DAYMARK_FENCE_TABLE is not set") as refused:
        open_phase(WAKE_UP, CONTEXT)

    assert refused.value.field == "DAYMARK_FENCE_TABLE"


def test_a_call_leaves_one_log_line_and_its_metrics(services, log_lines, capsys):
    open_phase(WAKE_UP, CONTEXT)
    (told,) = log_lines()
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]

    assert (told["level"], told["message"], told["phase"]) == ("INFO", "open_phase", "MARKET_CLOSE")
    assert (told["kind"], told["failed"]) == ("plan", False)
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Daymark"
    assert (metrics["call"], metrics["Failed"]) == ("open_phase", [0.0])
    assert metrics["Duration"][0] > 0
