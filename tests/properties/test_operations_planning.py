"""Laws of the plan for any graph, any course of tries and any cap, against brute force over the graph."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.operations.journal import Draft, fold
from daymark.operations.models import (
    OperationPhase,
    RunId,
    TaskDefinition,
    TaskOutcome,
    TaskPriority,
    TaskStatus,
    Transition,
    TransitionKind,
)
from daymark.operations.planning import Dispatch, End, Limits, Wait, backoff_seconds, plan, rehearse, settle

AT = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
ERROR = {"code": "unavailable", "message": "no", "field": None, "context": {}}
URGENCY = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]


@st.composite
def graphs(draw):
    """Up to twelve tasks, each waiting for any of those drawn before it, in any catalogue order."""
    tasks = []
    for place in range(draw(st.integers(1, 12))):
        after = draw(st.sets(st.integers(0, place - 1), max_size=3)) if place else set()
        tasks.append(
            TaskDefinition(
                f"t{place}",
                RUN.phase,
                "work",
                draw(st.sampled_from(list(TaskPriority))),
                tuple(f"t{number}" for number in sorted(after)),
                timedelta(seconds=60),
                draw(st.integers(1, 4)),
            )
        )
    return {task.name: task for task in draw(st.permutations(tasks))}


def walk(definitions, cap, data):
    """Play a run: at each dispatch some running tries end in some way; yields (state before, plan, state after, now)."""
    now, limits = AT, Limits(cap=cap, budget=None)
    state = fold(RUN, definitions, [Transition(0, TransitionKind.OPENED, now, body={"epoch": 1, "region": "us-east-1"})])
    for _ in range(1000):
        step = plan(state, now, limits)
        after = state.after(step.transitions)
        yield state, step, after, now
        state = after
        if isinstance(step.decision, End):
            return
        if isinstance(step.decision, Wait):
            now += timedelta(seconds=step.decision.seconds)
            continue
        draft = Draft.upon(state, now)
        for name in state.running():
            how = data.draw(st.sampled_from(["well", "well", "well", "retryable", "fatal", "none"]))
            if how != "none":
                error = None if how == "well" else ERROR
                settle(
                    draft, TaskOutcome(name, state.tasks[name].tries, how == "well", now, now, error=error, retryable=how == "retryable")
                )
        state = draft.state
    raise AssertionError("the run does not end")


def ancestors(definitions, name):
    found, front = set(), set(definitions[name].after)
    while front:
        found |= front
        front = {further for one in front for further in definitions[one].after} - found
    return found


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(1, 5), st.data())
def test_every_dispatch_is_ready_capped_and_most_urgent_first(definitions, cap, data):
    for _, step, after, now in walk(definitions, cap, data):
        running = [name for name, task in after.tasks.items() if task.status is TaskStatus.RUNNING]
        assert len(running) <= cap
        started = [name for name, _ in step.decision.tries] if isinstance(step.decision, Dispatch) else []
        assert set(started) <= set(running)
        # What could have started but did not, by brute force: only a full cap holds it back, and nothing less urgent went first.
        left = [
            name
            for name, task in after.tasks.items()
            if (
                task.status is TaskStatus.PENDING
                and all(after.tasks[one].status is TaskStatus.SUCCEEDED for one in definitions[name].after)
            )
            or (task.status is TaskStatus.RETRYING and task.not_before <= now)
        ]
        assert not left or len(running) == cap
        keys = [(URGENCY.index(definitions[name].priority), list(definitions).index(name)) for name in started]
        assert keys == sorted(keys)
        assert all((URGENCY.index(definitions[name].priority), list(definitions).index(name)) > key for name in left for key in keys)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(1, 5), st.data())
def test_a_run_ends_with_each_task_final_and_skips_exactly_below_failures(definitions, cap, data):
    *_, (_, step, end, _) = walk(definitions, cap, data)
    failed = {name for name, task in end.tasks.items() if task.status is TaskStatus.FAILED}
    for name, task in end.tasks.items():
        assert task.status.is_final
        assert task.tries <= definitions[name].tries
        assert (task.status is TaskStatus.SKIPPED) == bool(ancestors(definitions, name) & failed)
    lost = {name for name, task in end.tasks.items() if task.status is not TaskStatus.SUCCEEDED}
    critical = any(definitions[name].priority is TaskPriority.CRITICAL for name in lost)
    assert step.decision.status == ("FAILED" if critical else "DEGRADED" if lost else "SUCCEEDED")
    assert (step.decision.reason is None) == (not lost)


@settings(max_examples=30, deadline=None)
@given(graphs(), st.integers(1, 5), st.data())
def test_the_plan_is_pure_and_its_lines_make_it_settled(definitions, cap, data):
    for before, step, after, now in walk(definitions, cap, data):
        tasks = dict(before.tasks)
        assert plan(before, now, Limits(cap=cap, budget=None)) == step
        assert before.tasks == tasks
        # Once its lines stand, planning again at the same instant starts nothing twice.
        again = plan(after, now, Limits(cap=cap, budget=None))
        assert not isinstance(again.decision, Dispatch)
        assert again.transitions == ()
        if isinstance(step.decision, Wait):
            assert step.decision.seconds >= 1


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(1, 5))
def test_a_rehearsal_has_every_task_once_after_what_it_waits_for(definitions, cap):
    waves = rehearse(RUN, definitions, cap, AT)
    place = {name: number for number, wave in enumerate(waves) for name in wave}
    assert sorted(name for wave in waves for name in wave) == sorted(definitions)
    assert all(place[one] < place[name] for name, task in definitions.items() for one in task.after)
    assert all(1 <= len(wave) <= cap for wave in waves)


@given(st.integers(1, 3), st.text(min_size=1, max_size=20), st.integers(1, 9))
def test_the_delay_lies_below_its_bound_and_is_the_same_on_every_machine(try_number, task, attempt):
    run = RunId(RUN.session_date, RUN.phase, attempt)
    delay = backoff_seconds(run, task, try_number)
    assert 0 <= delay < 2**try_number
    assert delay == backoff_seconds(run, task, try_number)


def test_delays_are_spread_evenly_below_their_bound():
    """Kolmogorov-Smirnov distance of 20,000 delays from the uniform law; 1.63 / sqrt(n) is the 1% point."""
    count = 20_000
    delays = sorted(backoff_seconds(RUN, f"task-{number}", 1) / 2 for number in range(count))
    distance = max(max(abs(delay - place / count), abs(delay - (place + 1) / count)) for place, delay in enumerate(delays))
    assert distance < 1.63 / count**0.5
