"""A run in one page, from its journal alone: every task's result, the success rate and the durations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from daymark.core.errors import NotFound
from daymark.operations.journal import TaskState, fold
from daymark.operations.messages import read_outcome
from daymark.operations.models import (
    OperationSummary,
    RunId,
    RunStatus,
    TaskDefinition,
    TaskOutcome,
    TaskReport,
    TaskResult,
    TaskStatus,
    Transition,
)


def summarise(run: RunId, definitions: Mapping[str, TaskDefinition], transitions: Sequence[Transition]) -> OperationSummary:
    """The summary of a run.

    Args:
        run: The run.
        definitions: Its phase's tasks by name, in catalogue order.
        transitions: Its whole journal.

    Raises:
        NotFound: the journal is empty: the run was never opened.
        ImpossibleTransition: the journal contradicts itself.
    """
    state = fold(run, definitions, transitions)
    if state.status is None or state.opened_at is None:
        raise NotFound(f"no such run: {run}", field="run_id")
    return OperationSummary(
        run=state.run,
        status=state.status,
        opened_at=state.opened_at,
        ended_at=state.ended_at,
        tasks=tuple(_result(definition, state.tasks[name]) for name, definition in state.definitions.items()),
        transitions=state.length,
    )


def run_metrics(summary: OperationSummary) -> Mapping[str, float]:
    """Success and duration figures of a run, for metrics.

    ``success_rate`` is a fraction; ``retries`` counts tries beyond each task's first; durations are milliseconds, and those of
    a run that has not ended, or in which no task ended a try, are absent.
    """
    statuses = [task.status for task in summary.tasks]
    metrics: dict[str, float] = {
        "tasks": len(statuses),
        "succeeded": statuses.count(TaskStatus.SUCCEEDED),
        "failed": statuses.count(TaskStatus.FAILED),
        "skipped": statuses.count(TaskStatus.SKIPPED),
        "retries": sum(max(task.tries - 1, 0) for task in summary.tasks),
        "success_rate": summary.success_rate,
        "run_succeeded": float(summary.status is RunStatus.SUCCEEDED),
    }
    if summary.duration_ms is not None:
        metrics["duration_ms"] = summary.duration_ms
    durations = [task.duration_ms for task in summary.tasks if task.duration_ms is not None]
    if durations:
        metrics["slowest_task_ms"] = max(durations)
    return metrics


def _result(definition: TaskDefinition, task: TaskState) -> TaskResult:
    outcome = _outcome(task)
    # A try that was dispatched again is not described by the outcome of the one before.
    done = outcome if task.status is not TaskStatus.RUNNING else None
    return TaskResult(
        task=definition.name,
        title=definition.title,
        priority=definition.priority,
        status=task.status,
        tries=task.tries,
        started_at=done.started_at if done else task.running_since,
        ended_at=done.ended_at if done else None,
        duration_ms=(done.ended_at - done.started_at) / timedelta(milliseconds=1) if done else None,
        report=done.report if done else TaskReport(),
        error=done.error if done else None,
        reason=task.body.get("reason") or _kept(task),
    )


def _outcome(task: TaskState) -> TaskOutcome | None:
    document = task.body.get("outcome")
    return read_outcome(document, task.dispatched_at or datetime.fromisoformat(document["ended_at"])) if document else None


def _kept(task: TaskState) -> str | None:
    origin = task.body.get("kept_from")
    return f"kept from {origin}" if origin else None
