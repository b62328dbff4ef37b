"""What a run does next, case by case; every expected plan is worked out by hand from the rules in the module's docstring."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest

from daymark.core.errors import InvalidInput
from daymark.operations.journal import Draft, TaskState, fold
from daymark.operations.messages import write_outcome
from daymark.operations.models import (
    OperationPhase,
    RunId,
    RunStatus,
    TaskDefinition,
    TaskOutcome,
    TaskPriority,
    TaskStatus,
    Transition,
    TransitionKind,
)
from daymark.operations.planning import Dispatch, End, Limits, Wait, awaits, backoff_seconds, final_status, is_quiet, plan, rehearse, settle

AT = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
K = TransitionKind
P = TaskPriority


def task(name, *after, priority=P.HIGH, tries=4, timeout=60):
    return TaskDefinition(name, RUN.phase, "work", priority, after, timedelta(seconds=timeout), tries)


def definitions(*tasks):
    return {one.name: one for one in tasks}


def opened(*tasks, at=AT):
    return fold(RUN, definitions(*tasks), [Transition(0, K.OPENED, at, body={"epoch": 1, "region": "us-east-1"})])


def stepped(state, now, limits=None):
    """The decision, and the state once its lines stand."""
    step = plan(state, now, limits or Limits())
    return step.decision, state.after(step.transitions)


def outcome(name, try_number=1, error=None, retryable=False, at=AT):
    document = {"code": error, "message": f"{name} went wrong", "field": None, "context": {}} if error else None
    return TaskOutcome(name, try_number, error is None, at, at + timedelta(seconds=1), error=document, retryable=retryable)


def settled(state, *outcomes, now=AT):
    draft = Draft.upon(state, now)
    for one in outcomes:
        settle(draft, one)
    return draft.state


def test_ready_tasks_go_by_priority_then_catalogue_order_under_the_cap():
    tasks = [task("low", priority=P.LOW), task("high_b"), task("critical", priority=P.CRITICAL), task("high_a"), task("later", "low")]
    decision, state = stepped(opened(*tasks), AT, Limits(cap=3))
    assert decision == Dispatch((("critical", 1), ("high_b", 1), ("high_a", 1)))
    assert state.tasks["low"].status is TaskStatus.PENDING
    # The cap is full: nothing changes before the first try is lost, 60 s + 30 s of grace from now.
    decision, state = stepped(state, AT, Limits(cap=3))
    assert decision == Wait(90)
    decision, _ = stepped(settled(state, outcome("high_b")), AT, Limits(cap=3))
    assert decision == Dispatch((("low", 1),))


def test_a_retryable_failure_is_tried_again_after_its_delay_and_no_sooner():
    _, state = stepped(opened(task("load")), AT)
    state = settled(state, outcome("load", error="unavailable", retryable=True))
    delay = backoff_seconds(RUN, "load", 1)
    assert 0 <= delay < 2
    assert state.tasks["load"].not_before == AT + timedelta(seconds=delay)
    early, _ = stepped(state, AT + timedelta(seconds=delay) - timedelta(microseconds=1))
    assert early == Wait(1)
    due, _ = stepped(state, AT + timedelta(seconds=delay))
    assert due == Dispatch((("load", 2),))


def test_the_fourth_failure_is_the_last():
    state, now = opened(task("load")), AT
    for number in (1, 2, 3, 4):
        decision, state = stepped(state, now)
        assert decision == Dispatch((("load", number),))
        state = settled(state, outcome("load", number, error="unavailable", retryable=True), now=now)
        now += timedelta(seconds=60)
    decision, state = stepped(state, now)
    assert decision == End(RunStatus.DEGRADED, "load failed: load went wrong")


def test_a_fatal_failure_skips_what_waits_for_it_and_nothing_else():
    tasks = [task("c", "b"), task("a"), task("b", "a"), task("free"), task("after_free", "free")]
    _, state = stepped(opened(*tasks), AT)
    state = settled(state, outcome("a", error="invalid_input"), outcome("free"))
    decision, state = stepped(state, AT)
    assert decision == Dispatch((("after_free", 1),))
    assert [(name, state.tasks[name].status, state.tasks[name].body.get("reason")) for name in ("a", "b", "c")] == [
        ("a", TaskStatus.FAILED, None),
        ("b", TaskStatus.SKIPPED, "a failed"),
        ("c", TaskStatus.SKIPPED, "b was skipped"),
    ]


@pytest.mark.parametrize(
    ("failing", "status"),
    [(None, RunStatus.SUCCEEDED), ("note", RunStatus.DEGRADED), ("mark", RunStatus.FAILED), ("load", RunStatus.FAILED)],
)
def test_the_final_status(failing, status):
    """``mark`` is critical and waits for ``load``, which is not: a critical task that was skipped fails the run as well."""
    state, now = opened(task("load"), task("mark", "load", priority=P.CRITICAL), task("note", priority=P.LOW)), AT
    decision, state = stepped(state, now)
    while isinstance(decision, Dispatch):
        state = settled(state, *(outcome(name, error="invalid_input" if name == failing else None) for name, _ in decision.tries))
        decision, state = stepped(state, now)
    assert isinstance(decision, End)
    assert decision.status is state.status is status
    assert (decision.reason is None) == (failing is None)


def test_a_try_without_an_outcome_is_lost_after_its_time_limit_and_grace():
    _, state = stepped(opened(task("load", timeout=10)), AT)
    decision, state = stepped(state, AT + timedelta(seconds=39))
    assert decision == Wait(1)
    decision, state = stepped(state, AT + timedelta(seconds=40))
    assert decision == Wait(math.ceil(backoff_seconds(RUN, "load", 1)))
    assert state.tasks["load"].status is TaskStatus.RETRYING
    assert state.tasks["load"].body["outcome"]["error"]["code"] == "lost"


def test_a_takeover_loses_the_tries_of_the_driver_before_at_once():
    _, state = stepped(opened(task("load", tries=1), task("mark")), AT)
    draft = Draft.upon(state, AT)
    draft.write(K.TAKEN_OVER, body={"epoch": 2, "region": "us-west-2"})
    _, state = stepped(draft.state, AT)
    assert state.tasks["load"].status is TaskStatus.FAILED
    assert state.tasks["mark"].status in (TaskStatus.RETRYING, TaskStatus.RUNNING)
    assert "taken over" in state.tasks["load"].body["outcome"]["error"]["message"]


def test_when_the_budget_is_over_nothing_new_starts():
    limits = Limits(budget=timedelta(minutes=10))
    tasks = [task("slow", timeout=900), task("failing"), task("pending", "slow")]
    _, state = stepped(opened(*tasks), AT, limits)
    state = settled(state, outcome("failing", error="unavailable", retryable=True), now=AT + timedelta(minutes=10))
    decision, state = stepped(state, AT + timedelta(minutes=10), limits)
    # 15 minutes and 30 s of grace from the start, of which ten minutes have gone.
    assert decision == Wait(330)
    assert state.tasks["pending"].body["reason"] == state.tasks["failing"].body["reason"] == "the run's budget of 600 s is over"
    assert state.tasks["failing"].status is TaskStatus.FAILED
    decision, _ = stepped(settled(state, outcome("slow")), AT + timedelta(minutes=11), limits)
    assert isinstance(decision, End)
    assert decision.status is RunStatus.DEGRADED


def test_an_ended_run_is_only_repeated():
    _, state = stepped(opened(), AT)
    assert plan(state, AT + timedelta(days=3), Limits()) == plan(state, AT, Limits())
    assert plan(state, AT, Limits()).decision == End(RunStatus.SUCCEEDED, None)
    assert plan(state, AT, Limits()).transitions == ()


def test_a_run_that_was_never_opened_has_no_plan():
    with pytest.raises(InvalidInput) as refused:
        plan(fold(RUN, {}, []), AT, Limits())
    assert refused.value.field == "run_id"
    with pytest.raises(InvalidInput) as refused:
        Limits(cap=0)
    assert refused.value.field == "cap"


def test_only_the_running_try_is_awaited():
    _, state = stepped(opened(task("load")), AT)
    assert awaits(state, outcome("load"))
    assert not awaits(state, outcome("load", 2))
    assert not awaits(state, outcome("unknown"))
    assert not awaits(settled(state, outcome("load")), outcome("load"))


def test_quiet_means_past_every_instant_at_which_the_driver_should_have_spoken():
    _, state = stepped(opened(task("load", timeout=60)), AT)
    # 60 s of work, 30 s of grace, 300 s of hold.
    assert not is_quiet(state, AT + timedelta(seconds=389), Limits())
    assert is_quiet(state, AT + timedelta(seconds=390), Limits())
    assert is_quiet(opened(task("load")), AT + timedelta(seconds=300), Limits())
    assert not is_quiet(opened(task("load")), AT + timedelta(seconds=299), Limits())


def test_a_run_that_waits_to_try_again_is_not_quiet_before_the_hold_after_that_instant():
    _, state = stepped(opened(task("load")), AT)
    state = settled(state, outcome("load", error="unavailable", retryable=True))
    again = state.tasks["load"].not_before
    assert again > AT
    assert not is_quiet(state, again + timedelta(seconds=300) - timedelta(microseconds=1), Limits())
    assert is_quiet(state, again + timedelta(seconds=300), Limits())


def test_a_retry_that_is_due_under_a_full_cap_waits_for_the_task_that_fills_it():
    state = opened(task("first", priority=P.CRITICAL), task("second", timeout=60))
    _, state = stepped(state, AT, Limits(cap=1))
    state = settled(state, outcome("first", error="unavailable", retryable=True))
    decision, state = stepped(state, AT, Limits(cap=1))
    assert decision == Dispatch((("second", 1),))
    # From the retry's instant on (below 2 s) only the second's outcome, or its loss 90 s after it started, changes anything.
    due = state.tasks["first"].not_before
    assert stepped(state, due, Limits(cap=1))[0] == Wait(math.ceil((AT + timedelta(seconds=90) - due).total_seconds()))


def test_no_wait_goes_beyond_the_budget():
    limits = Limits(budget=timedelta(seconds=30))
    _, state = stepped(opened(task("slow", timeout=60), task("later", "slow")), AT, limits)
    assert stepped(state, AT + timedelta(seconds=4), limits)[0] == Wait(26)


def test_the_reason_names_the_most_urgent_failure_and_counts_the_others():
    state = opened(task("note", priority=P.LOW), task("mark", priority=P.CRITICAL), task("load"), task("after_load", "load"))
    _, state = stepped(state, AT)
    failing = [outcome(name, error="invalid_input") for name in ("note", "mark", "load")]
    decision, _ = stepped(settled(state, *failing), AT)
    assert decision == End(RunStatus.FAILED, "mark failed: mark went wrong (and 2 more failed); 1 skipped")
    _, state = stepped(opened(task("note", priority=P.LOW), task("mark", priority=P.CRITICAL)), AT)
    decision, _ = stepped(settled(state, *failing[:2]), AT)
    assert decision == End(RunStatus.FAILED, "mark failed: mark went wrong (and 1 more failed)")


def test_rehearsal_names_the_waves():
    tasks = definitions(task("d", "b", "c"), task("a"), task("b", "a", priority=P.LOW), task("c", "a"), task("e", priority=P.CRITICAL))
    assert rehearse(RUN, tasks, 2, AT) == (("e", "a"), ("c", "b"), ("d",))
    assert rehearse(RUN, {}, 2, AT) == ()


def test_the_outcome_stands_in_the_journal():
    _, state = stepped(opened(task("load")), AT)
    draft = Draft.upon(state, AT)
    settle(draft, outcome("load"))
    assert draft.lines[0].body == {"outcome": write_outcome(outcome("load"))}


def test_a_run_in_which_part_of_a_tenants_work_failed_is_degraded_even_if_every_task_succeeded():
    def ended(by_tenant):
        body = {"outcome": {"report": {"measures": {}, "by_tenant": by_tenant, "warnings": []}}}
        state = opened(task("mark_portfolios", priority=P.CRITICAL))
        state.tasks["mark_portfolios"] = TaskState(TaskStatus.SUCCEEDED, 1, body=body)
        return final_status(state)

    assert ended({"northstar": {"portfolios": 10}}) is RunStatus.SUCCEEDED
    assert ended({"northstar": {"portfolios": 9, "failed": [{"subject": "NS-P01"}]}}) is RunStatus.DEGRADED
