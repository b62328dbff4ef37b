"""Run journals in memory: the same promises as the stored ones, for tests, notebooks and simulation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from threading import Lock

from daymark.core.errors import Conflict, InvalidInput
from daymark.operations.models import OperationPhase, RunId, Transition


class MemoryRunJournal:
    """A thread-safe :class:`~daymark.operations.ports.RunJournal` that lives as long as its process."""

    def __init__(self) -> None:
        self._journals: dict[RunId, tuple[Transition, ...]] = {}
        self._lock = Lock()

    def read(self, run: RunId) -> Sequence[Transition]:
        """The run's transitions in order."""
        return self._journals.get(run, ())

    def append(self, run: RunId, transitions: Sequence[Transition]) -> None:
        """Append all or none."""
        if not transitions:
            return
        first = transitions[0].sequence
        if any(line.sequence != first + place for place, line in enumerate(transitions)):
            raise InvalidInput("transitions must be numbered without a gap", field="transitions")
        with self._lock:
            stored = self._journals.get(run, ())
            if first != len(stored):
                raise Conflict(f"{run} has {len(stored)} lines, line {first} cannot follow", field="transitions")
            self._journals[run] = (*stored, *transitions)

    def runs(self, session_date: date) -> Sequence[RunId]:
        """Every run of a session, in phase order, then by attempt."""
        order = {phase: place for place, phase in enumerate(OperationPhase)}
        return sorted(
            (run for run in list(self._journals) if run.session_date == session_date), key=lambda run: (order[run.phase], run.attempt)
        )

    def latest(self, session_date: date, phase: OperationPhase) -> RunId | None:
        """The run with the highest attempt, or ``None``."""
        return max((run for run in self.runs(session_date) if run.phase is phase), key=lambda run: run.attempt, default=None)

    def session_dates(self, limit: int, before: date | None = None) -> Sequence[date]:
        """Dates that have runs, newest first."""
        dates = {run.session_date for run in list(self._journals)}
        return sorted((day for day in dates if before is None or day < before), reverse=True)[: max(limit, 0)]
