"""The vocabulary of the day: phases, tasks, runs, transitions and typed outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from daymark.core.errors import InvalidInput


class OperationPhase(StrEnum):
    """The five phases of a trading day, in order."""

    PRE_MARKET = "PRE_MARKET"
    MARKET_OPEN = "MARKET_OPEN"
    MID_DAY = "MID_DAY"
    MARKET_CLOSE = "MARKET_CLOSE"
    POST_MARKET = "POST_MARKET"


class TaskPriority(StrEnum):
    """A critical task's failure fails the phase; any other only degrades it."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(TaskPriority).index(self)


class TaskStatus(StrEnum):
    """Where a task stands. The last three are final."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    RETRYING = "RETRYING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"

    @property
    def is_final(self) -> bool:
        """Whether nothing can change the task any more in this attempt of the run."""
        return self in (TaskStatus.SUCCEEDED, TaskStatus.FAILED, TaskStatus.SKIPPED)


class RunStatus(StrEnum):
    """Where a run stands: DEGRADED is an end in which only non-critical work was lost."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    DEGRADED = "DEGRADED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, order=True)
class RunId:
    """``session-date/phase#attempt``. A resume keeps the attempt; a deliberate rerun takes the next.

    >>> RunId.parse("2018-02-05/MARKET_CLOSE#2")
    RunId(session_date=datetime.date(2018, 2, 5), phase=<OperationPhase.MARKET_CLOSE: 'MARKET_CLOSE'>, attempt=2)
    >>> str(RunId(date(2018, 2, 5), OperationPhase.PRE_MARKET))
    '2018-02-05/PRE_MARKET#1'
    """

    session_date: date
    phase: OperationPhase
    attempt: int = 1

    def __str__(self) -> str:
        return f"{self.session_date.isoformat()}/{self.phase}#{self.attempt}"

    @property
    def scope(self) -> str:
        """What the fence guards: one phase of one day, whatever the attempt."""
        return f"{self.session_date.isoformat()}/{self.phase}"

    @property
    def execution_name(self) -> str:
        """The run's name where ``/`` and ``#`` are not allowed (a state machine execution)."""
        return f"{self.session_date.isoformat()}_{self.phase}_{self.attempt}"

    @classmethod
    def parse(cls, text: str) -> RunId:
        """Read ``2018-02-05/PRE_MARKET#1``; without ``#n`` the first attempt is meant."""
        try:
            day, _, rest = text.partition("/")
            phase, _, attempt = rest.partition("#")
            run = cls(date.fromisoformat(day), OperationPhase(phase), int(attempt or "1"))
        except ValueError:
            raise InvalidInput(f"run id must look like 2018-02-05/PRE_MARKET#1, got {text!r}", field="run_id") from None
        if run.attempt < 1:
            raise InvalidInput(f"attempt must be at least 1, got {run.attempt}", field="run_id")
        return run


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """One node of the catalogue.

    Attributes:
        function: The deployed function (one per permission and layer set) that performs it.
        after: Names of tasks of the same phase that must have succeeded.
        timeout: Longest one try may take, by wall clock.
        tries: First try plus at most three retries.
        title: What an operator reads on the screen.
    """

    name: str
    phase: OperationPhase
    function: str
    priority: TaskPriority
    after: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=60)
    tries: int = 4
    title: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.tries <= 4:
            raise InvalidInput(f"{self.name}: tries must be 1 to 4 (at most three retries), got {self.tries}", field="tries")
        if self.timeout <= timedelta(0):
            raise InvalidInput(f"{self.name}: timeout must be above zero", field="timeout")


@dataclass(frozen=True, slots=True)
class TaskCommand:
    """What one function is asked to do: one try of one task."""

    run: RunId
    task: str
    function: str
    try_number: int
    epoch: int
    region: str


@dataclass(frozen=True, slots=True)
class TaskReport:
    """What a task that succeeded says of itself: plain JSON data, small, no client data outside ``by_tenant``."""

    measures: Mapping[str, Any] = field(default_factory=dict)
    by_tenant: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """How one try ended: typed, never a raised business failure."""

    task: str
    try_number: int
    succeeded: bool
    started_at: datetime
    ended_at: datetime
    report: TaskReport = TaskReport()
    error: Mapping[str, Any] | None = None
    retryable: bool = False


class TransitionKind(StrEnum):
    """What happened to a run or a task. A run's state is nothing but the fold of these."""

    OPENED = "opened"
    TAKEN_OVER = "taken_over"
    DISPATCHED = "dispatched"
    SUCCEEDED = "succeeded"
    RETRIED = "retried"
    FAILED = "failed"
    SKIPPED = "skipped"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of a run's journal.

    Attributes:
        sequence: Position in the journal, from 0.
        at: Wall instant.
        body: Plain JSON data that the kind needs (outcome, reason, not-before instant, final status).
    """

    sequence: int
    kind: TransitionKind
    at: datetime
    task: str | None = None
    try_number: int = 0
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Where one task of a run stands, for people and programs."""

    task: str
    title: str
    priority: TaskPriority
    status: TaskStatus
    tries: int
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: float | None = None
    report: TaskReport = TaskReport()
    error: Mapping[str, Any] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class OperationSummary:
    """A run in one page: its status, its tasks, its success rate and duration."""

    run: RunId
    status: RunStatus
    opened_at: datetime
    ended_at: datetime | None
    tasks: tuple[TaskResult, ...]
    transitions: int

    @property
    def success_rate(self) -> float:
        """Succeeded tasks over all tasks; 1.0 for a run without tasks."""
        return sum(task.status is TaskStatus.SUCCEEDED for task in self.tasks) / len(self.tasks) if self.tasks else 1.0

    @property
    def duration_ms(self) -> float | None:
        """From opening to end, in milliseconds; ``None`` while running."""
        return None if self.ended_at is None else (self.ended_at - self.opened_at) / timedelta(milliseconds=1)
