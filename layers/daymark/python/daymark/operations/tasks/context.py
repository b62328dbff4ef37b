"""What every task is told: which run it works for, which session, under which fence, and as of which instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from daymark.book.ports import DayRecord, RecordKind
from daymark.core.fence import Fence
from daymark.core.sessions import Session
from daymark.operations.models import OperationPhase, RunId, TaskReport

# The subject of a record that concerns a tenant, or the market, as a whole.
WHOLE = "-"

_AFTER_THE_CLOSE = frozenset({OperationPhase.MARKET_CLOSE, OperationPhase.POST_MARKET})


@dataclass(frozen=True, slots=True)
class TaskContext:
    """One task's setting.

    Attributes:
        previous_session: The session before this one.
        fence: The right to write that the run holds.
        as_of: The phase's instant by session time, aware and in UTC.
    """

    run: RunId
    session: Session
    previous_session: date
    fence: Fence
    as_of: datetime

    @property
    def session_date(self) -> date:
        """The session the run works for."""
        return self.session.session_date

    @property
    def price_session(self) -> date:
        """The session whose closes are the latest known: today's from the close on, before it the previous session's."""
        return self.session_date if self.run.phase in _AFTER_THE_CLOSE else self.previous_session

    def ended_phases(self) -> list[tuple[date, str]]:
        """The phases that have ended when post-market runs, in time order: post-market of the session before, and today's others."""
        today = [(self.session_date, phase.value) for phase in OperationPhase if phase is not OperationPhase.POST_MARKET]
        return [(self.previous_session, OperationPhase.POST_MARKET.value), *today]

    def record(self, tenant: str, kind: RecordKind, subject: str, body: Mapping[str, Any]) -> DayRecord:
        """A record of this session, phase and attempt."""
        return DayRecord(tenant, self.session_date, self.run.phase.value, kind, subject, body, self.run.attempt)


Task = Callable[[TaskContext], TaskReport]
