"""The machine's messages: the documented shapes, read and written, and every wrong field refused by name."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from daymark.core.errors import InvalidInput
from daymark.operations.messages import (
    EndStatus,
    Reply,
    ReplyKind,
    Ticket,
    WakeUp,
    read_command,
    read_outcome,
    read_ticket,
    read_wake_up,
    write_command,
    write_outcome,
    write_reply,
)
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskOutcome, TaskReport

AT = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
TICKET = Ticket(RUN, 1, "us-east-1")
COMMAND = TaskCommand(RUN, "mark_portfolios", "value_portfolios", 1, 1, "us-east-1")
TICKET_DOCUMENT = {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "epoch": 1, "region": "us-east-1"}
COMMAND_DOCUMENT = {
    **TICKET_DOCUMENT,
    "task": "mark_portfolios",
    "function": "value_portfolios",
    "try_number": 1,
    "timeout_seconds": 60,
}
OUTCOME_DOCUMENT = {
    "version": 1,
    "task": "mark_portfolios",
    "try_number": 1,
    "succeeded": True,
    "retryable": False,
    "started_at": "2018-02-05T21:00:00+00:00",
    "ended_at": "2018-02-05T21:00:02+00:00",
    "report": {"measures": {"portfolios": 26}, "by_tenant": {"harbor": {"portfolios": 8}}, "warnings": ["late file"]},
    "error": None,
}
OUTCOME = TaskOutcome(
    "mark_portfolios", 1, True, AT, AT + timedelta(seconds=2), TaskReport({"portfolios": 26}, {"harbor": {"portfolios": 8}}, ("late file",))
)
FAILURE = {"code": "unavailable", "message": "no answer", "field": None, "context": {"table": "marks"}}


def test_wake_ups():
    wake = {"version": 1, "phase": "MARKET_CLOSE", "wake": "2018-02-05T21:00:00Z", "driver": "d", "unknown": 1}
    assert read_wake_up(wake) == WakeUp(phase=OperationPhase.MARKET_CLOSE, wake=AT, driver="d")
    assert read_wake_up({"run_id": str(RUN), "take_over": True}) == WakeUp(run=RUN, take_over=True)
    assert read_wake_up({"run_id": "2018-02-05/MARKET_CLOSE#2", "redo": "gate_prices"}).redo == "gate_prices"


@pytest.mark.parametrize(
    ("reply", "document"),
    [
        (Reply(ReplyKind.PLAN, TICKET), {**TICKET_DOCUMENT, "kind": "plan"}),
        (Reply(ReplyKind.WAIT, TICKET, seconds=4), {**TICKET_DOCUMENT, "kind": "wait", "seconds": 4}),
        (
            Reply(ReplyKind.DISPATCH, TICKET, commands=((COMMAND, 60.0),)),
            {**TICKET_DOCUMENT, "kind": "dispatch", "commands": [COMMAND_DOCUMENT]},
        ),
        (
            Reply(ReplyKind.END, TICKET, status=EndStatus.DEGRADED, reason="r"),
            {**TICKET_DOCUMENT, "kind": "end", "status": "DEGRADED", "reason": "r"},
        ),
        (
            Reply(ReplyKind.END, None, status=EndStatus.NOT_DUE),
            {"version": 1, "run_id": "", "epoch": 0, "region": "", "kind": "end", "status": "NOT_DUE", "reason": None},
        ),
    ],
)
def test_replies(reply, document):
    assert json.loads(json.dumps(write_reply(reply))) == document


def test_commands_outcomes_and_tickets_come_back_as_they_went():
    assert write_command(COMMAND, 60.0) == COMMAND_DOCUMENT
    assert read_command(COMMAND_DOCUMENT) == COMMAND
    assert write_outcome(OUTCOME) == OUTCOME_DOCUMENT
    assert read_outcome(OUTCOME_DOCUMENT, AT) == OUTCOME
    assert read_ticket({**TICKET_DOCUMENT, "kind": "dispatch", "commands": []}) == TICKET
    failed = {**OUTCOME_DOCUMENT, "succeeded": False, "retryable": True, "report": None, "error": FAILURE}
    read = read_outcome(failed, AT)
    assert (read.succeeded, read.retryable, read.error, read.report) == (False, True, FAILURE, TaskReport())


def test_numbers_may_come_as_the_state_machine_writes_them():
    assert read_ticket({**TICKET_DOCUMENT, "epoch": 1.0}).epoch == 1


@pytest.mark.parametrize(("name", "code"), [("States.Timeout", "timed_out"), ("Lambda.Unknown", "crashed")])
def test_a_crashed_outcome_may_be_tried_again_and_keeps_no_cause(name, code):
    outcome = read_outcome({"version": 1, "task": "mark", "try_number": 2, "crashed": name, "cause": "secret"}, AT)
    assert (outcome.succeeded, outcome.retryable, outcome.started_at, outcome.ended_at) == (False, True, AT, AT)
    assert outcome.error is not None
    assert outcome.error["code"] == code
    assert "secret" not in json.dumps(outcome.error)


def without(document, name):
    return {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize(
    ("read", "document", "field"),
    [
        (read_ticket, [], "ticket"),
        (read_ticket, {**TICKET_DOCUMENT, "version": 2}, "ticket.version"),
        (read_ticket, {**TICKET_DOCUMENT, "epoch": True}, "ticket.epoch"),
        (read_ticket, {**TICKET_DOCUMENT, "epoch": 1.5}, "ticket.epoch"),
        (read_ticket, {**TICKET_DOCUMENT, "epoch": float("nan")}, "ticket.epoch"),
        (read_ticket, {**TICKET_DOCUMENT, "epoch": 0}, "ticket.epoch"),
        (read_ticket, {**TICKET_DOCUMENT, "run_id": "yesterday"}, "run_id"),
        (read_ticket, {**TICKET_DOCUMENT, "region": ""}, "ticket.region"),
        *((read_ticket, without(TICKET_DOCUMENT, name), f"ticket.{name}") for name in ("run_id", "epoch", "region")),
        *(
            (read_command, without(COMMAND_DOCUMENT, name), f"command.{name}")
            for name in ("run_id", "task", "function", "try_number", "epoch", "region")
        ),
        (read_wake_up, {}, "wake_up.run_id"),
        (read_wake_up, {"phase": "LUNCH", "wake": "2018-02-05T21:00:00Z"}, "wake_up.phase"),
        (read_wake_up, {"phase": "MID_DAY"}, "wake_up.wake"),
        (read_wake_up, {"phase": "MID_DAY", "wake": "2018-02-05T21:00:00"}, "wake_up.wake"),
        (read_wake_up, {"phase": "MID_DAY", "wake": "noon"}, "wake_up.wake"),
        (read_wake_up, {"run_id": str(RUN), "take_over": "yes"}, "wake_up.take_over"),
    ],
)
def test_a_wrong_field_is_refused_by_name(read, document, field):
    with pytest.raises(InvalidInput) as refused:
        read(document)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        *(({name: None}, f"outcome.{name}") for name in ("task", "try_number", "succeeded", "started_at", "ended_at")),
        ({"report": {"by_tenant": {"harbor": 3}}}, "outcome.report.by_tenant"),
        ({"report": 3}, "outcome.report"),
        ({"report": {"warnings": "x"}}, "outcome.report.warnings"),
        ({"succeeded": False}, "outcome.error"),
        ({"succeeded": False, "error": {"message": "m"}}, "outcome.error.code"),
    ],
)
def test_a_wrong_outcome_is_refused_by_name(change, field):
    with pytest.raises(InvalidInput) as refused:
        read_outcome({**OUTCOME_DOCUMENT, **change}, AT)
    assert refused.value.field == field
