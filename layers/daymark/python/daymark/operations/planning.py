"""What a run does next, decided from its state alone: retries, skips, lost tries, the budget, priorities and the cap.

The rules:

- A task is ready when every task it waits for has succeeded. Ready tasks go in priority order, then catalogue order, and no
  more run at once than the cap allows.
- A failed try is tried again if its error is retryable and tries are left, after exponential backoff with full jitter. Fatal
  errors are never tried again.
- A try without an outcome past its time limit is a failed, retryable try. So is a try whose driver was taken over: it counts,
  because a task that kills its driver must not be tried for ever.
- When a task fails, what waits for it (directly or not) is skipped, with the cause named. Tasks that do not depend on it go
  on, also after a critical failure: a backup or a sealed audit chain is worth having on the worst day.
- When the run's budget is over nothing new starts; what has not started is skipped, what waits for a retry has failed.
- The end is FAILED if a critical task did not succeed, DEGRADED if another did not or one left out part of a tenant's work.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from daymark.core.errors import InvalidInput
from daymark.core.retry import full_jitter
from daymark.operations.journal import Draft, RunState, fold
from daymark.operations.messages import write_outcome
from daymark.operations.models import (
    RunId,
    RunStatus,
    TaskDefinition,
    TaskOutcome,
    TaskPriority,
    TaskStatus,
    Transition,
    TransitionKind,
)

BASE_SECONDS = 2.0
CAP_SECONDS = 60.0
LOST = "lost"
_RANK = {priority: priority.rank for priority in TaskPriority}


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run.

    Attributes:
        cap: Most tasks that run at once.
        budget: From opening until nothing new starts; ``None`` for no bound.
        grace: Beyond a try's time limit, before it counts as lost: the time an outcome may travel.
        hold: How long a quiet driver keeps its run before a duplicate wake-up may take it over; longer than two clocks differ.
    """

    cap: int = 8
    budget: timedelta | None = timedelta(hours=4)
    grace: timedelta = timedelta(seconds=30)
    hold: timedelta = timedelta(seconds=300)

    def __post_init__(self) -> None:
        if self.cap < 1:
            raise InvalidInput(f"cap must be at least 1, got {self.cap}", field="cap")


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Start these tries: ``(task, try number)`` in the order they should start."""

    tries: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can start before so many whole seconds (at least 1), unless an outcome comes first."""

    seconds: int


@dataclass(frozen=True, slots=True)
class End:
    """The run is over."""

    status: RunStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A decision, and the journal lines that must stand before it is acted on."""

    decision: Dispatch | Wait | End
    transitions: tuple[Transition, ...]


def plan(state: RunState, now: datetime, limits: Limits) -> Plan:
    """Decide what an open or ended run does next. Pure: the same arguments give the same plan.

    Args:
        state: The fold of the run's journal; it holds the task definitions.
        now: The driver's wall clock.
        limits: Cap, budget and grace.

    Raises:
        InvalidInput: the run was never opened.
    """
    if state.status is None:
        raise InvalidInput(f"{state.run} was never opened", field="run_id")
    if not state.is_open:
        return Plan(End(state.status, _reason(state)), ())
    draft = Draft.upon(state, now)
    _give_up_lost(draft, limits)
    if limits.budget is not None and state.opened_at is not None and now - state.opened_at >= limits.budget:
        _stop_at_budget(draft, limits.budget)
    _skip_dependants(draft)
    tries = _dispatch(draft, limits.cap)
    if tries:
        return Plan(Dispatch(tries), tuple(draft.lines))
    if all(task.status.is_final for task in draft.state.tasks.values()):
        status = final_status(draft.state)
        draft.write(TransitionKind.ENDED, body={"status": str(status)})
        return Plan(End(status, _reason(draft.state)), tuple(draft.lines))
    return Plan(Wait(_seconds_until_change(draft.state, now, limits)), tuple(draft.lines))


def settle(draft: Draft, outcome: TaskOutcome) -> None:
    """Write what a try's outcome means: success, another try, or failure.

    The delay before another try is drawn from the run, task and try, so any driver on any machine writes the same one.
    """
    definition = draft.state.definitions[outcome.task]
    body: dict[str, Any] = {"outcome": write_outcome(outcome)}
    if outcome.succeeded:
        draft.write(TransitionKind.SUCCEEDED, outcome.task, outcome.try_number, body)
    elif outcome.retryable and outcome.try_number < definition.tries:
        delay = backoff_seconds(draft.state.run, outcome.task, outcome.try_number)
        body["not_before"] = (draft.now + timedelta(seconds=delay)).isoformat()
        draft.write(TransitionKind.RETRIED, outcome.task, outcome.try_number, body)
    else:
        draft.write(TransitionKind.FAILED, outcome.task, outcome.try_number, body)


def awaits(state: RunState, outcome: TaskOutcome) -> bool:
    """Whether the journal still waits for this very try; a repeat or an outcome of an older try changes nothing."""
    task = state.tasks.get(outcome.task)
    return task is not None and task.status is TaskStatus.RUNNING and task.tries == outcome.try_number


def backoff_seconds(run: RunId, task: str, try_number: int) -> float:
    """Seconds between a failed try and the next: full jitter below 2, 4, 8 s, drawn from (run, task, try)."""
    digest = blake2b(f"{run}/{task}/{try_number}/backoff".encode(), digest_size=8).digest()
    draw = (int.from_bytes(digest) >> 11) / 2.0**53
    return full_jitter(BASE_SECONDS, CAP_SECONDS, try_number, lambda: draw)


def is_quiet(state: RunState, now: datetime, limits: Limits) -> bool:
    """Whether the run's driver should have been heard of by now, so that a duplicate wake-up may take the run over."""
    heard = [state.latest_at] if state.latest_at is not None else []
    for name, task in state.tasks.items():
        if task.running_since is not None:
            heard.append(_lost_at(state, name, limits))
        elif task.status is TaskStatus.RETRYING and task.not_before is not None:
            heard.append(task.not_before)
    return now >= max(heard) + limits.hold


def final_status(state: RunState) -> RunStatus:
    """The status of a run whose tasks are all final."""
    lost = [name for name, task in state.tasks.items() if task.status is not TaskStatus.SUCCEEDED]
    if any(state.definitions[name].priority is TaskPriority.CRITICAL for name in lost):
        return RunStatus.FAILED
    partial = any(_left_something_out(task.body) for task in state.tasks.values())
    return RunStatus.DEGRADED if lost or partial else RunStatus.SUCCEEDED


def _left_something_out(body: Mapping[str, Any]) -> bool:
    """Whether a task that succeeded says that part of a tenant's work failed: a run must not look whole then."""
    report = body.get("outcome", {}).get("report") or {}
    return any("failed" in part for part in report.get("by_tenant", {}).values())


def rehearse(run: RunId, definitions: Mapping[str, TaskDefinition], cap: int, now: datetime) -> tuple[tuple[str, ...], ...]:
    """The waves in which tasks would start if each succeeded at once and all of a wave ended together; nothing is done.

    Args:
        run: The run to rehearse; only its name is used.
        definitions: The phase's tasks by name.
        cap: Most tasks at once.
        now: Any instant.
    """
    limits = Limits(cap=cap, budget=None)
    opened = Transition(0, TransitionKind.OPENED, now, body={"epoch": 1, "region": "rehearsal"})
    state = fold(run, definitions, [opened])
    waves: list[tuple[str, ...]] = []
    while isinstance((step := plan(state, now, limits)).decision, Dispatch):
        wave = tuple(task for task, _ in step.decision.tries)
        draft = Draft.upon(state.after(step.transitions), now)
        for task in wave:
            draft.write(TransitionKind.SUCCEEDED, task, 1)
        state = draft.state
        waves.append(wave)
    return tuple(waves)


def _lost_at(state: RunState, name: str, limits: Limits) -> datetime:
    since = state.tasks[name].running_since
    assert since is not None
    return since + state.definitions[name].timeout + limits.grace


def _give_up_lost(draft: Draft, limits: Limits) -> None:
    state = draft.state
    for name in state.running():
        task = state.tasks[name]
        taken_over = task.epoch < state.epoch
        if not taken_over and draft.now < _lost_at(state, name, limits):
            continue
        why = "its driver was taken over" if taken_over else f"no outcome within {state.definitions[name].timeout.total_seconds():g} s"
        error: dict[str, Any] = {"code": LOST, "message": f"{name} try {task.tries} is lost: {why}", "field": None, "context": {}}
        since = task.running_since or draft.now
        settle(draft, TaskOutcome(name, task.tries, False, since, max(since, draft.now), error=error, retryable=True))


def _stop_at_budget(draft: Draft, budget: timedelta) -> None:
    reason = f"the run's budget of {budget.total_seconds():g} s is over"
    for name, task in list(draft.state.tasks.items()):
        if task.status is TaskStatus.PENDING:
            draft.write(TransitionKind.SKIPPED, name, body={"reason": reason})
        elif task.status is TaskStatus.RETRYING:
            draft.write(TransitionKind.FAILED, name, task.tries, {**task.body, "reason": reason})


def _skip_dependants(draft: Draft) -> None:
    tasks = draft.state.tasks
    causes = deque(name for name, task in tasks.items() if task.status in (TaskStatus.FAILED, TaskStatus.SKIPPED))
    if not causes:
        return
    dependants: dict[str, list[str]] = {name: [] for name in tasks}
    for definition in draft.state.definitions.values():
        for name in definition.after:
            dependants[name].append(definition.name)
    while causes:
        cause = causes.popleft()
        for name in dependants[cause]:
            if tasks[name].status is TaskStatus.PENDING:
                how = "failed" if tasks[cause].status is TaskStatus.FAILED else "was skipped"
                draft.write(TransitionKind.SKIPPED, name, body={"reason": f"{cause} {how}", "cause": cause})
                causes.append(name)


def _dispatch(draft: Draft, cap: int) -> tuple[tuple[str, int], ...]:
    state = draft.state
    free = cap - len(state.running())
    tries = tuple((name, state.tasks[name].tries + 1) for name in _ready(state, draft.now)[: max(free, 0)])
    for name, number in tries:
        draft.write(TransitionKind.DISPATCHED, name, number)
    return tries


def _ready(state: RunState, now: datetime) -> Sequence[str]:
    """Tasks that may start, most urgent first; the sort is stable, so equals keep catalogue order."""
    done = {name for name, task in state.tasks.items() if task.status is TaskStatus.SUCCEEDED}
    ready = [
        name
        for name, task in state.tasks.items()
        if (task.status is TaskStatus.PENDING and done.issuperset(state.definitions[name].after))
        or (task.status is TaskStatus.RETRYING and task.not_before is not None and task.not_before <= now)
    ]
    return sorted(ready, key=lambda name: _RANK[state.definitions[name].priority])


def _seconds_until_change(state: RunState, now: datetime, limits: Limits) -> int:
    changes = [task.not_before for task in state.tasks.values() if task.status is TaskStatus.RETRYING and task.not_before is not None]
    # With the cap full a retry that is due cannot start: only an outcome or a lost try changes anything.
    changes = [instant for instant in changes if instant > now]
    changes += [_lost_at(state, name, limits) for name in state.running()]
    if limits.budget is not None and state.opened_at is not None and state.opened_at + limits.budget > now:
        changes.append(state.opened_at + limits.budget)
    return max(1, math.ceil((min(changes) - now).total_seconds())) if changes else 1


def _reason(state: RunState) -> str | None:
    """One sentence on what was lost, critical failures first; ``None`` if nothing was."""
    failed = [name for name, task in state.tasks.items() if task.status is TaskStatus.FAILED]
    skipped = [name for name, task in state.tasks.items() if task.status is TaskStatus.SKIPPED]
    if not failed and not skipped:
        return None
    failed.sort(key=lambda name: _RANK[state.definitions[name].priority])
    parts = []
    if failed:
        error = state.tasks[failed[0]].body.get("outcome", {}).get("error") or {}
        more = f" (and {len(failed) - 1} more failed)" if len(failed) > 1 else ""
        parts.append(f"{failed[0]} failed: {error.get('message', 'no reason given')}{more}")
    if skipped:
        parts.append(f"{len(skipped)} skipped")
    return "; ".join(parts)
