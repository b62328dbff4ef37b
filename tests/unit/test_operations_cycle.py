"""The cycle's use cases one by one: opening, resuming, reruns, retries, stale drivers, and tries that end in every way."""

from __future__ import annotations

import logging
import math
from datetime import UTC, date, datetime, timedelta

import pytest

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.clock import FixedClock
from daymark.core.errors import Conflict, InvalidInput, NotASession, NotFound, QualityBlocked, Unavailable
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import Catalogue, trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import EndStatus, ReplyKind, WakeUp
from daymark.operations.models import (
    OperationPhase,
    RunId,
    RunStatus,
    TaskCommand,
    TaskDefinition,
    TaskOutcome,
    TaskPriority,
    TaskReport,
    TaskStatus,
    TransitionKind,
)
from daymark.operations.performing import perform
from daymark.operations.steps import open_step, plan_step, record_step

AT = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
SECOND = RunId(RUN.session_date, RUN.phase, 2)


def task(name, *after, priority=TaskPriority.HIGH):
    return TaskDefinition(name, RUN.phase, "work", priority, after)


CATALOGUE = Catalogue([task("load"), task("mark", "load"), task("limits", "mark"), task("note")])


@pytest.fixture
def clock():
    return FixedClock(AT)


@pytest.fixture
def cycle(clock):
    return PhaseCycle(CATALOGUE, MemoryRunJournal(), MemoryFenceLedger(), clock, Calendar.exchange(), "us-east-1")


def finish(cycle, reply, failing=()):
    """Drive to the end; ``failing`` tasks fail for good. Returns the end and the tasks performed."""
    performed, ticket = [], reply.ticket
    while reply.kind is not ReplyKind.END:
        reply = cycle.plan(ticket)
        for command, _ in reply.commands:
            performed.append(command.task)
            error = {"code": "invalid_input", "message": "no", "field": None, "context": {}} if command.task in failing else None
            cycle.record(ticket, [TaskOutcome(command.task, command.try_number, error is None, AT, AT, error=error)])
    return reply, performed


def test_a_wake_up_opens_the_phase_that_is_due(cycle):
    reply = cycle.open(WakeUp(phase=RUN.phase, wake=AT))
    assert reply.ticket is not None
    assert (reply.kind, reply.ticket.run, reply.ticket.epoch, reply.ticket.region) == (ReplyKind.PLAN, RUN, 1, "us-east-1")


@pytest.mark.parametrize(("phase", "wake"), [("MARKET_CLOSE", "2018-02-05T18:00:00+00:00"), ("MARKET_CLOSE", "2018-02-19T21:00:00+00:00")])
def test_a_wake_up_that_is_not_due_opens_nothing(cycle, phase, wake):
    """13:00 on a full day, and Washington's Birthday 2018."""
    reply = open_step(cycle, {"phase": phase, "wake": wake})
    assert (reply["kind"], reply["status"], reply["epoch"]) == ("end", "NOT_DUE", 0)
    assert cycle.journal.session_dates(9) == []


def test_a_run_on_a_holiday_is_refused_with_the_nearest_sessions(cycle):
    with pytest.raises(NotASession) as refused:
        cycle.open(WakeUp(run=RunId(date(2018, 2, 19), RUN.phase)))
    assert refused.value.context == {"previous": "2018-02-16", "next": "2018-02-20"}
    with pytest.raises(InvalidInput):
        cycle.open(WakeUp())


def test_a_second_firing_is_held_until_the_driver_is_overdue(cycle, clock):
    first = cycle.open(WakeUp(run=RUN, driver="a"))
    assert cycle.open(WakeUp(run=RUN, driver="b")).status is EndStatus.HELD
    clock.advance(timedelta(seconds=299))
    assert cycle.open(WakeUp(run=RUN, driver="b")).status is EndStatus.HELD
    clock.advance(timedelta(seconds=1))
    second = cycle.open(WakeUp(run=RUN, driver="b"))
    assert second.ticket is not None
    assert second.ticket.epoch == 2
    assert cycle.plan(first.ticket).status is EndStatus.SUPERSEDED
    assert cycle.record(first.ticket, []).status is EndStatus.SUPERSEDED
    assert cycle.plan(second.ticket).kind is ReplyKind.DISPATCH


def test_the_same_driver_opening_again_gets_its_ticket_again(cycle):
    assert cycle.open(WakeUp(run=RUN, driver="a")) == cycle.open(WakeUp(run=RUN, driver="a"))
    assert len(cycle.journal.read(RUN)) == 1


def test_an_epoch_taken_by_a_driver_that_died_leaves_the_run_vacant(cycle):
    first = cycle.open(WakeUp(run=RUN))
    cycle.fences.open(RUN.scope, "us-west-2")
    assert cycle.plan(first.ticket).status is EndStatus.SUPERSEDED
    third = cycle.open(WakeUp(run=RUN))
    assert third.ticket is not None
    assert third.ticket.epoch == 3


def test_an_ended_run_answers_its_status_and_stays_as_it_is(cycle):
    end, performed = finish(cycle, cycle.open(WakeUp(run=RUN)), failing={"note"})
    assert (end.status, end.reason) == (EndStatus.DEGRADED, "note failed: no")
    assert sorted(performed) == ["limits", "load", "mark", "note"]
    lines = cycle.journal.read(RUN)
    for take_over in (False, True):
        assert cycle.open(WakeUp(run=RUN, take_over=take_over)).status is EndStatus.DEGRADED
    assert cycle.journal.read(RUN) == lines
    assert cycle.fences.current(RUN.scope).epoch == 1


def test_a_rerun_does_everything_again_under_a_new_epoch(cycle):
    first = cycle.open(WakeUp(run=RUN))
    with pytest.raises(Conflict):
        cycle.next_attempt(RUN)
    with pytest.raises(Conflict):
        cycle.open(WakeUp(run=SECOND))
    finish(cycle, first)
    assert cycle.next_attempt(RUN) == SECOND
    again = cycle.open(WakeUp(run=SECOND))
    assert again.ticket is not None
    assert again.ticket.epoch == 2
    _, performed = finish(cycle, again)
    assert sorted(performed) == ["limits", "load", "mark", "note"]
    with pytest.raises(Conflict):
        cycle.next_attempt(RUN)


def test_a_retry_keeps_what_succeeded_except_the_task_and_what_depends_on_it(cycle):
    finish(cycle, cycle.open(WakeUp(run=RUN)), failing={"limits"})
    _, performed = finish(cycle, cycle.open(WakeUp(run=SECOND, redo="mark")))
    assert performed == ["mark", "limits"]
    kept = {result.task: result for result in cycle.summary(SECOND).tasks}
    assert kept["load"].status is TaskStatus.SUCCEEDED
    assert kept["load"].reason == f"kept from {RUN}"
    third = RunId(RUN.session_date, RUN.phase, 3)
    finish(cycle, cycle.open(WakeUp(run=third, redo="note")))
    assert {result.task: result.reason for result in cycle.summary(third).tasks} == {
        "load": f"kept from {RUN}",
        "mark": f"kept from {SECOND}",
        "limits": f"kept from {SECOND}",
        "note": None,
    }


def test_a_retry_also_does_what_had_not_succeeded(cycle):
    finish(cycle, cycle.open(WakeUp(run=RUN)), failing={"note", "mark"})
    _, performed = finish(cycle, cycle.open(WakeUp(run=SECOND, redo="mark")))
    assert sorted(performed) == ["limits", "mark", "note"]


def test_wrong_retries_are_refused(cycle):
    with pytest.raises(NotFound):
        cycle.next_attempt(RUN)
    with pytest.raises(InvalidInput) as refused:
        cycle.open(WakeUp(run=RUN, redo="load"))
    assert refused.value.field == "redo"
    finish(cycle, cycle.open(WakeUp(run=RUN)))
    for action in (lambda: cycle.next_attempt(RUN, "other"), lambda: cycle.open(WakeUp(run=SECOND, redo="other"))):
        with pytest.raises(InvalidInput, match="no task other"):
            action()
    with pytest.raises(NotFound):
        cycle.summary(SECOND)


def test_repeats_and_older_outcomes_change_nothing(cycle, clock):
    ticket = open_step(cycle, {"run_id": str(RUN)})
    commands = plan_step(cycle, ticket)["commands"]
    crash = {"version": 1, "task": "load", "try_number": 1, "crashed": "Lambda.Unknown"}
    record_step(cycle, {**ticket, "outcomes": [crash, crash]})
    clock.advance(timedelta(seconds=5))
    assert [command["try_number"] for command in plan_step(cycle, ticket)["commands"]] == [2]
    lines = cycle.journal.read(RUN)
    assert record_step(cycle, {**ticket, "outcomes": [crash, {**crash, "task": "unknown"}]})["kind"] == "plan"
    assert cycle.journal.read(RUN) == lines
    assert {command["task"] for command in commands} == {"load", "note"}


def test_one_wrong_outcome_refuses_the_record_before_anything_is_written(cycle):
    ticket = open_step(cycle, {"run_id": str(RUN)})
    plan_step(cycle, ticket)
    lines = cycle.journal.read(RUN)
    good = {"version": 1, "task": "load", "try_number": 1, "crashed": "Lambda.Unknown"}
    with pytest.raises(InvalidInput) as refused:
        record_step(cycle, {**ticket, "outcomes": [good, {"task": "note"}]})
    assert refused.value.field == "outcome.try_number"
    assert cycle.journal.read(RUN) == lines


def test_a_dry_run_names_the_waves_and_leaves_no_trace(cycle):
    full = PhaseCycle(trading_day(), cycle.journal, cycle.fences, cycle.clock, cycle.calendar, "us-east-1")
    assert full.dry_run(RUN) == (
        ("check_session",),
        ("load_prices",),
        ("gate_prices",),
        ("publish_official_closes",),
        ("mark_portfolios",),
        ("compute_profit_and_loss", "check_limits", "measure_drift"),
        ("compare_benchmark",),
    )
    assert cycle.journal.session_dates(9) == []
    with pytest.raises(NotFound):
        cycle.fences.current(RUN.scope)
    with pytest.raises(NotASession):
        cycle.dry_run(RunId(date(2018, 2, 4), RUN.phase))


def test_a_store_that_never_answers_fails_the_step_after_three_calls(cycle):
    class Silent(MemoryRunJournal):
        calls = 0

        def append(self, run, transitions):
            self.calls += 1
            raise Unavailable("throttled")

    cycle.journal = Silent()
    with pytest.raises(Unavailable, match="throttled"):
        cycle.open(WakeUp(run=RUN))
    assert cycle.journal.calls == 3


def test_a_journal_that_never_stands_still_fails_the_step(cycle):
    class Restless(MemoryRunJournal):
        def append(self, run, transitions):
            raise Conflict("another line came first")

    cycle.journal = Restless()
    with pytest.raises(Unavailable, match="kept changing"):
        cycle.open(WakeUp(run=RUN))


COMMAND = TaskCommand(RUN, "mark", "work", 1, 1, "us-east-1")


def performed(work, epoch=1):
    ledger, clock = MemoryFenceLedger(), FixedClock(AT)
    for _ in range(epoch):
        ledger.open(RUN.scope, "us-east-1")
    return perform(COMMAND, lambda command: work(command, clock), ledger, clock)


def raising(error):
    def work(command, clock):
        raise error

    return work


def test_a_try_is_timed_and_reported():
    def work(command, clock):
        clock.advance(timedelta(milliseconds=250))
        return TaskReport({"portfolios": 26})

    outcome = performed(work)
    assert (outcome.succeeded, outcome.report.measures, outcome.error) == (True, {"portfolios": 26}, None)
    assert outcome.ended_at - outcome.started_at == timedelta(milliseconds=250)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [(Unavailable("no answer"), "unavailable", True), (QualityBlocked("bad prices", field="AAPL"), "quality_blocked", False)],
)
def test_an_expected_failure_keeps_its_code(error, code, retryable):
    outcome = performed(raising(error))
    assert outcome.error == {"code": code, "message": error.message, "field": error.field, "context": {}}
    assert (outcome.succeeded, outcome.retryable) == (False, retryable)


def test_a_defect_is_logged_with_its_stack_and_reported_without_its_text(caplog):
    with caplog.at_level(logging.ERROR):
        outcome = performed(raising(KeyError("client.ada")))
    assert outcome.error == {"code": "internal", "message": "mark met an unexpected KeyError", "field": None, "context": {}}
    assert not outcome.retryable
    assert "met a defect: KeyError" in caplog.text and "performing.py" in caplog.text
    assert "client.ada" not in caplog.text


def test_a_command_of_a_superseded_epoch_does_no_work():
    outcome = performed(raising(AssertionError("work was done")), epoch=2)
    assert outcome.error is not None
    assert (outcome.error["code"], outcome.retryable) == ("stale_fence", False)
    assert outcome.error["context"] == {"held": 2}


@pytest.mark.parametrize("measures", [{"value": math.nan}, {"value": object()}, {"value": math.inf}])
def test_a_report_that_json_cannot_hold_fails_the_try(measures):
    outcome = performed(lambda command, clock: TaskReport(measures))
    assert outcome.error is not None
    assert (outcome.succeeded, outcome.error["code"], outcome.error["field"]) == (False, "invalid_input", "report")
    assert outcome.report == TaskReport()


def test_context_that_json_cannot_hold_becomes_text():
    outcome = performed(raising(Unavailable("no", on=date(2018, 2, 5), value=math.nan)))
    assert outcome.error is not None
    assert outcome.error["context"] == {"on": "2018-02-05", "value": "nan"}


def test_a_repeated_takeover_is_the_same_drivers_and_a_second_drivers_supersedes_it(cycle):
    cycle.open(WakeUp(run=RUN, driver="died"))
    first = cycle.open(WakeUp(run=RUN, take_over=True, driver="resume_1"))
    assert cycle.open(WakeUp(run=RUN, take_over=True, driver="resume_1")) == first
    assert [line.kind for line in cycle.journal.read(RUN)] == [TransitionKind.OPENED, TransitionKind.TAKEN_OVER]
    second = cycle.open(WakeUp(run=RUN, take_over=True, driver="resume_2"))
    assert (first.ticket.epoch, second.ticket.epoch) == (2, 3)
    assert cycle.plan(first.ticket).status is EndStatus.SUPERSEDED
    end, performed = finish(cycle, second)
    assert (end.status, sorted(performed)) == (EndStatus.SUCCEEDED, ["limits", "load", "mark", "note"])


def test_effects_of_the_old_driver_are_refused_after_a_takeover(cycle):
    ticket = cycle.open(WakeUp(run=RUN)).ticket
    cycle.open(WakeUp(run=RUN, take_over=True))
    outcome = cycle.perform(TaskCommand(RUN, "load", "work", 1, ticket.epoch, ticket.region), raising(AssertionError("work was done")))
    assert outcome.error is not None
    assert outcome.error["code"] == "stale_fence"
    assert cycle.fences.current(RUN.scope) == Fence(RUN.scope, "us-east-1", 2)
    assert cycle.state(RUN).status is RunStatus.RUNNING


def test_lines_folded_before_count_only_while_they_stand_the_same(cycle, clock):
    """Another run in between, and a journal put back from elsewhere, are read as they are."""
    other = RunId(RUN.session_date, OperationPhase.MID_DAY)
    finish(cycle, cycle.open(WakeUp(run=RUN)))
    assert cycle.state(RUN).status is RunStatus.SUCCEEDED
    assert cycle.state(other).status is None
    elsewhere = PhaseCycle(CATALOGUE, MemoryRunJournal(), MemoryFenceLedger(), clock, Calendar.exchange(), "us-west-2")
    finish(elsewhere, elsewhere.open(WakeUp(run=RUN)), failing={"load"})
    cycle.state(RUN)
    cycle.journal = elsewhere.journal
    assert cycle.state(RUN).status is RunStatus.DEGRADED
    assert cycle.state(RUN).region == "us-west-2"


def test_a_report_too_large_to_travel_keeps_its_measures_and_says_which_tenants_lost_work():
    """Eight outcomes share a payload of 256 KiB, so one keeps to 24 KiB: here 30,000 characters do not fit."""
    large = TaskReport(
        measures={"saved": 3},
        by_tenant={"northstar": {"text": "x" * 30_000}, "harbor": {"failed": [{"subject": "HB-P01"}, {"subject": "HB-P02"}]}},
        warnings=("2 pieces of work failed: not_found",),
    )
    outcome = performed(lambda command, clock: large)
    assert outcome.succeeded
    assert outcome.report.measures == {"saved": 3}
    assert outcome.report.by_tenant == {"northstar": {}, "harbor": {"failed": 2}}
    assert outcome.report.warnings[0] == "2 pieces of work failed: not_found"
    assert "do not fit" in outcome.report.warnings[1]
    small = TaskReport(by_tenant={"northstar": {"text": "x" * 20_000}})
    assert performed(lambda command, clock: small).report == small
