"""What operations needs from the outside: the run journal, and the places where files land."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from daymark.core.fence import Fence
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskReport, Transition
from daymark.operations.reporting import Report

if TYPE_CHECKING:
    from daymark.contracts.live_session import LiveSession


class RunJournal(Protocol):
    """Append-only journals, one per run. Two writers cannot both append at the same place."""

    def read(self, run: RunId) -> Sequence[Transition]:
        """The run's transitions in order; empty if it was never opened. Strongly consistent."""
        ...

    def append(self, run: RunId, transitions: Sequence[Transition]) -> None:
        """Append all or none; sequences continue the stored journal without a gap.

        Raises:
            Conflict: another writer appended first; read again and decide anew.
        """
        ...

    def runs(self, session_date: date) -> Sequence[RunId]:
        """Every run of a session, in phase order, then by attempt."""
        ...

    def latest(self, session_date: date, phase: OperationPhase) -> RunId | None:
        """The run with the highest attempt, or ``None``."""
        ...

    def session_dates(self, limit: int, before: date | None = None) -> Sequence[date]:
        """Dates that have runs, newest first, strictly before ``before`` if given."""
        ...


class TaskPerformer(Protocol):
    """Performs one try of one task and returns what it did.

    Raises:
        DaymarkError: the try failed; ``retryable`` says whether another may help.
    """

    def __call__(self, command: TaskCommand) -> TaskReport:
        """Do the work of one try."""
        ...


class Documents(Protocol):
    """Files people and other systems read: reports, statements, backups. Keys are paths; content is bytes."""

    def put(self, key: str, content: bytes, content_type: str, fence: Fence) -> str:
        """Store a file and return its address. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            StaleFence: a later epoch owns the run.
        """
        ...

    def get(self, key: str) -> bytes:
        """The content.

        Raises:
            NotFound: nothing stands under the key.
        """
        ...

    def keys(self, prefix: str) -> Sequence[str]:
        """Keys under a prefix, sorted."""
        ...

    def link(self, key: str, seconds: int) -> str:
        """An address that lets its bearer read the file for so many seconds.

        Raises:
            NotFound: nothing stands under the key.
        """
        ...


class LiveSessionWriter(Protocol):
    """Where live sessions are opened; the readers' half is ``market_data.stream_ports.LiveSessions``."""

    def open(self, session: LiveSession, books: Mapping[str, bytes], fence: Fence) -> LiveSession:
        """Open a session, unless it stands open already. Nobody sees it before all of its books stand.

        Args:
            session: The session to open.
            books: By key, just the books that the session names, each under the key of its content.
            fence: The run's right to write.

        Returns:
            The session that stands: this one, or the one that was opened first.

        Raises:
            InvalidInput: the books are not those of the session. Nothing is written.
            StaleFence: a later epoch owns the run. Nothing is written.
            Unavailable: no answer; the session may have been opened.
        """
        ...


class ReportRenderer(Protocol):
    """Draws a report in the formats people keep."""

    def render(self, report: Report) -> tuple[bytes, bytes]:
        """The report as a self-contained HTML page and as a PDF. The same report gives the same bytes, or storing would conflict."""
        ...
