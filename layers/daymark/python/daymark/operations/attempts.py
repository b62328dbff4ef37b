"""A later attempt keeps what succeeded before, except the task that is redone and everything that depends on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from daymark.core.errors import InvalidInput
from daymark.operations.journal import RunState
from daymark.operations.models import TaskDefinition, TaskStatus, Transition, TransitionKind


def kept_results(before: RunState, redo: str, now: datetime) -> list[Transition]:
    """The lines by which the next attempt keeps results, each naming the attempt it came from; sequences are left at 0.

    Args:
        before: The attempt before, ended.
        redo: The task to do again.
        now: Instant of the lines.

    Raises:
        InvalidInput: the phase has no such task.
    """
    if redo not in before.definitions:
        raise InvalidInput(f"{before.run.phase} has no task {redo}", field="redo")
    anew = with_dependants(redo, before.definitions)
    return [
        Transition(
            0,
            TransitionKind.SUCCEEDED,
            now,
            name,
            task.tries,
            {**task.body, "kept_from": task.body.get("kept_from", str(before.run))},
        )
        for name, task in before.tasks.items()
        if task.status is TaskStatus.SUCCEEDED and name not in anew
    ]


def with_dependants(task: str, definitions: Mapping[str, TaskDefinition]) -> Collection[str]:
    """The task and everything that waits for it, directly or not."""
    found = {task}
    while more := {name for name, definition in definitions.items() if name not in found and found.intersection(definition.after)}:
        found |= more
    return found
