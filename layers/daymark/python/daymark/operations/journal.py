"""A run's state is nothing but the fold of its journal, and a journal that tells the impossible is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from daymark.core.errors import DaymarkError
from daymark.operations.models import (
    RunId,
    RunStatus,
    TaskDefinition,
    TaskStatus,
    Transition,
    TransitionKind,
)

_RESULTS = frozenset({TransitionKind.SUCCEEDED, TransitionKind.RETRIED, TransitionKind.FAILED})
_WAITING = frozenset({TaskStatus.PENDING, TaskStatus.RETRYING})


class ImpossibleTransition(DaymarkError):
    """A journal line that cannot follow the lines before it: the journal or its writer is wrong."""

    code = "impossible_transition"


@dataclass(frozen=True, slots=True)
class TaskState:
    """Where one task stands.

    Attributes:
        tries: Tries dispatched so far.
        running_since: When the running try was dispatched.
        epoch: The run's epoch at that dispatch.
        not_before: Earliest instant of the next try.
        body: What the journal says of its last step (outcome, reason).
        dispatched_at: When the last try was dispatched, kept after its end.
    """

    status: TaskStatus = TaskStatus.PENDING
    tries: int = 0
    running_since: datetime | None = None
    epoch: int = 0
    not_before: datetime | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    dispatched_at: datetime | None = None


_PENDING = TaskState()


@dataclass(slots=True)
class RunState:
    """A run as its journal tells it. Values are read; :meth:`after` makes the next state and leaves this one as it is."""

    run: RunId
    definitions: Mapping[str, TaskDefinition]
    tasks: dict[str, TaskState]
    status: RunStatus | None = None
    epoch: int = 0
    region: str = ""
    driver: str | None = None
    opened_at: datetime | None = None
    latest_at: datetime | None = None
    ended_at: datetime | None = None
    length: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the run was opened and has not ended."""
        return self.status is RunStatus.RUNNING

    def after(self, transitions: Sequence[Transition]) -> RunState:
        """The state once these lines follow.

        Raises:
            ImpossibleTransition: a line cannot follow the lines before it.
        """
        following = RunState(
            self.run,
            self.definitions,
            dict(self.tasks),
            self.status,
            self.epoch,
            self.region,
            self.driver,
            self.opened_at,
            self.latest_at,
            self.ended_at,
            self.length,
        )
        for transition in transitions:
            following._take(transition)
        return following

    def running(self) -> list[str]:
        """Names of the tasks that run."""
        return [name for name, task in self.tasks.items() if task.status is TaskStatus.RUNNING]

    def _take(self, line: Transition) -> None:
        if line.sequence != self.length:
            raise self._impossible(line, f"line {self.length} was expected")
        kind = line.kind
        if (kind is TransitionKind.OPENED) is not (self.status is None):
            raise self._impossible(line, "a run is opened once, by its first line")
        if self.ended_at is not None:
            raise self._impossible(line, f"the run ended as {self.status}")
        if line.task is not None:
            self._take_task(line, line.task)
        elif kind is TransitionKind.OPENED or kind is TransitionKind.TAKEN_OVER:
            self._take_epoch(line)
        elif kind is TransitionKind.ENDED:
            self._take_end(line)
        else:
            raise self._impossible(line, "it names no task")
        self.latest_at = line.at
        self.length += 1

    def _take_epoch(self, line: Transition) -> None:
        epoch = int(line.body["epoch"])
        if epoch <= self.epoch:
            raise self._impossible(line, f"epoch {epoch} does not follow {self.epoch}")
        self.epoch, self.region, self.driver = epoch, str(line.body["region"]), line.body.get("driver")
        if line.kind is TransitionKind.OPENED:
            self.status, self.opened_at = RunStatus.RUNNING, line.at

    def _take_end(self, line: Transition) -> None:
        unfinished = [name for name, task in self.tasks.items() if not task.status.is_final]
        if unfinished:
            raise self._impossible(line, f"{unfinished[0]} is not final")
        self.status, self.ended_at = RunStatus(line.body["status"]), line.at
        if self.status is RunStatus.RUNNING:
            raise self._impossible(line, "RUNNING is no end")

    def _take_task(self, line: Transition, name: str) -> None:
        task = self.tasks.get(name)
        if task is None:
            raise self._impossible(line, f"{self.run.phase} has no such task")
        kind = line.kind
        if kind is TransitionKind.DISPATCHED:
            self.tasks[name] = self._dispatched(line, task, self.definitions[name])
        elif kind is TransitionKind.SKIPPED:
            if task.status is not TaskStatus.PENDING:
                raise self._impossible(line, f"a {task.status} task cannot be skipped")
            self.tasks[name] = TaskState(TaskStatus.SKIPPED, body=line.body)
        elif kind is TransitionKind.SUCCEEDED and "kept_from" in line.body:
            if task.status is not TaskStatus.PENDING or self.run.attempt == 1:
                raise self._impossible(line, "only an untried task of a later attempt keeps a result")
            self.tasks[name] = TaskState(TaskStatus.SUCCEEDED, line.try_number, body=line.body)
        elif kind in _RESULTS:
            self.tasks[name] = self._tried(line, task)
        else:
            raise self._impossible(line, "it belongs to the run, not to a task")

    def _dispatched(self, line: Transition, task: TaskState, definition: TaskDefinition) -> TaskState:
        if task.status not in _WAITING or line.try_number != task.tries + 1:
            raise self._impossible(line, f"a {task.status} task with {task.tries} tries cannot start try {line.try_number}")
        if line.try_number > definition.tries:
            raise self._impossible(line, f"it has only {definition.tries} tries")
        for name in definition.after:
            if self.tasks[name].status is not TaskStatus.SUCCEEDED:
                raise self._impossible(line, f"it waits for {name}, which has not succeeded")
        if task.not_before is not None and line.at < task.not_before:
            raise self._impossible(line, f"its next try may not start before {task.not_before.isoformat()}")
        return TaskState(TaskStatus.RUNNING, line.try_number, line.at, self.epoch, None, line.body, line.at)

    def _tried(self, line: Transition, task: TaskState) -> TaskState:
        given_up = line.kind is TransitionKind.FAILED and task.status is TaskStatus.RETRYING
        if task.status is not TaskStatus.RUNNING and not given_up:
            raise self._impossible(line, f"the task is {task.status}, not RUNNING")
        if line.try_number != task.tries:
            raise self._impossible(line, f"its try is {task.tries}")
        if line.kind is TransitionKind.RETRIED:
            not_before = datetime.fromisoformat(line.body["not_before"])
            return TaskState(TaskStatus.RETRYING, task.tries, not_before=not_before, body=line.body, dispatched_at=task.dispatched_at)
        status = TaskStatus.SUCCEEDED if line.kind is TransitionKind.SUCCEEDED else TaskStatus.FAILED
        return TaskState(status, task.tries, body=line.body, dispatched_at=task.dispatched_at)

    def _impossible(self, line: Transition, why: str) -> ImpossibleTransition:
        what = f"{line.kind} {line.task} try {line.try_number}" if line.task else str(line.kind)
        return ImpossibleTransition(f"{self.run} line {line.sequence} ({what}) cannot stand: {why}", field=f"journal[{line.sequence}]")


def fold(run: RunId, definitions: Mapping[str, TaskDefinition], transitions: Sequence[Transition]) -> RunState:
    """The state of a run from its journal.

    Args:
        run: The run.
        definitions: Its phase's tasks by name, in catalogue order.
        transitions: Its whole journal; empty for a run that was never opened (``status`` is then ``None``).

    Raises:
        ImpossibleTransition: a line cannot follow the lines before it.
    """
    unopened = RunState(run, definitions, dict.fromkeys(definitions, _PENDING))
    return unopened.after(transitions)


@dataclass(slots=True)
class Draft:
    """Lines about to be appended: each is taken into the state at once, so an impossible one is never stored."""

    state: RunState
    now: datetime
    lines: list[Transition] = field(default_factory=list)

    @classmethod
    def upon(cls, state: RunState, now: datetime) -> Draft:
        """Begin after a state, which stays as it is."""
        return cls(state.after(()), now)

    def write(self, kind: TransitionKind, task: str | None = None, try_number: int = 0, body: Mapping[str, Any] | None = None) -> None:
        """Add one line."""
        line = Transition(self.state.length, kind, self.now, task, try_number, body or {})
        self.state._take(line)
        self.lines.append(line)
