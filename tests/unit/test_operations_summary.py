"""A run in one page; durations and rates are worked out by hand from the journal's instants."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from daymark.core.errors import NotFound
from daymark.operations.messages import write_outcome
from daymark.operations.models import (
    OperationPhase,
    RunId,
    RunStatus,
    TaskDefinition,
    TaskOutcome,
    TaskPriority,
    TaskReport,
    TaskStatus,
    Transition,
    TransitionKind,
)
from daymark.operations.summary import run_metrics, summarise

AT = datetime(2018, 2, 5, 21, 0, tzinfo=UTC)
RUN = RunId(date(2018, 2, 5), OperationPhase.MARKET_CLOSE)
TASKS = {
    "load": TaskDefinition("load", RUN.phase, "work", TaskPriority.CRITICAL, title="Load the close"),
    "mark": TaskDefinition("mark", RUN.phase, "work", TaskPriority.HIGH, ("load",)),
    "note": TaskDefinition("note", RUN.phase, "work", TaskPriority.LOW, ("mark",)),
}
ERROR = {"code": "invalid_input", "message": "no such file", "field": "key", "context": {}}


def second(number):
    return AT + timedelta(seconds=number)


def body(task, number, start, end, error=None, **more):
    outcome = TaskOutcome(task, number, error is None, second(start), second(end), TaskReport({"n": 1}), error, retryable=bool(more))
    return {"outcome": write_outcome(outcome), **more}


LINES = [
    (0, TransitionKind.OPENED, None, 0, {"epoch": 1, "region": "us-east-1"}),
    (1, TransitionKind.DISPATCHED, "load", 1, {}),
    (4, TransitionKind.RETRIED, "load", 1, body("load", 1, 1, 3, ERROR, not_before=second(5).isoformat())),
    (5, TransitionKind.DISPATCHED, "load", 2, {}),
    (8, TransitionKind.SUCCEEDED, "load", 2, body("load", 2, 6, 7.5)),
    (8, TransitionKind.DISPATCHED, "mark", 1, {}),
    (9, TransitionKind.FAILED, "mark", 1, body("mark", 1, 8, 8.25, ERROR)),
    (9, TransitionKind.SKIPPED, "note", 0, {"reason": "mark failed"}),
    (10, TransitionKind.ENDED, None, 0, {"status": "DEGRADED"}),
]


def journal(lines):
    return [Transition(place, kind, second(at), task, number, text) for place, (at, kind, task, number, text) in enumerate(lines)]


def test_an_ended_run():
    summary = summarise(RUN, TASKS, journal(LINES))
    assert (summary.status, summary.opened_at, summary.ended_at, summary.transitions) == (RunStatus.DEGRADED, AT, second(10), 9)
    load, mark, note = summary.tasks
    assert (load.title, load.status, load.tries, load.duration_ms) == ("Load the close", TaskStatus.SUCCEEDED, 2, 1500.0)
    assert (load.started_at, load.ended_at, load.report.measures, load.error) == (second(6), second(7.5), {"n": 1}, None)
    assert (mark.status, mark.duration_ms, mark.error) == (TaskStatus.FAILED, 250.0, ERROR)
    assert (note.status, note.tries, note.started_at, note.duration_ms, note.reason) == (TaskStatus.SKIPPED, 0, None, None, "mark failed")
    assert summary.duration_ms == 10_000
    assert run_metrics(summary) == {
        "tasks": 3,
        "succeeded": 1,
        "failed": 1,
        "skipped": 1,
        "retries": 1,
        "success_rate": pytest.approx(1 / 3),
        "run_succeeded": 0.0,
        "duration_ms": 10_000,
        "slowest_task_ms": 1500.0,
    }


def test_a_running_try_is_not_described_by_the_one_before():
    load = summarise(RUN, TASKS, journal(LINES[:4])).tasks[0]
    assert (load.status, load.tries, load.started_at, load.ended_at, load.error) == (TaskStatus.RUNNING, 2, second(5), None, None)
    metrics = run_metrics(summarise(RUN, TASKS, journal(LINES[:2])))
    assert "duration_ms" not in metrics
    assert "slowest_task_ms" not in metrics


def test_a_task_that_waits_for_its_retry_shows_what_went_wrong():
    load = summarise(RUN, TASKS, journal(LINES[:3])).tasks[0]
    assert (load.status, load.error, load.duration_ms) == (TaskStatus.RETRYING, ERROR, 2000.0)


def test_a_run_without_tasks_and_a_run_that_was_never_opened():
    assert summarise(RUN, {}, journal(LINES[:1])).success_rate == 1.0
    with pytest.raises(NotFound):
        summarise(RUN, TASKS, [])
