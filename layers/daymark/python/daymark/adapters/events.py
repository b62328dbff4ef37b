"""The event bus: tells that a run or a bucket's board went on; telling of a run never stands in the run's way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import boto3
from botocore.exceptions import ClientError

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import translated
from daymark.adapters.telemetry import logger
from daymark.contracts import marks_moved, progress
from daymark.contracts.marks_moved import MarksMoved
from daymark.contracts.progress import RunProgressed
from daymark.core.audit import canonical_json
from daymark.core.errors import Unavailable
from daymark.operations.models import OperationPhase, RunId, Transition
from daymark.operations.ports import RunJournal


def events_client(region: str, *, connect_seconds: float = 0.5, read_seconds: float = 1.0, attempts: int = 2) -> Any:
    """An EventBridge client with short limits: what it tells is worth little later."""
    return boto3.client("events", config=client_settings(region, connect_seconds, read_seconds, attempts))


class _Bus:
    """One bus by its name."""

    def __init__(self, bus: str, client: Any) -> None:
        self._bus = bus
        self._client = client

    def _put(self, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        entry = {"EventBusName": self._bus, "Source": source, "DetailType": detail_type, "Detail": canonical_json(detail)}
        with translated(f"putting an event on {self._bus}"):
            answer = self._client.put_events(Entries=[entry])
        if answer["FailedEntryCount"]:
            raise Unavailable(f"putting an event on {self._bus}: {answer['Entries'][0].get('ErrorCode', 'refused')}")


class RunEvents(_Bus):
    """Puts the events of runs on one bus."""

    def progressed(self, run: RunId, sequence: int) -> None:
        """Tell that a run's journal holds so many lines.

        Raises:
            Unavailable: the bus did not take the event.
        """
        self._put(progress.SOURCE, progress.DETAIL_TYPE, RunProgressed(str(run), sequence).as_detail())


class MarksEvents(_Bus):
    """A ``MarksAnnouncer`` over one bus."""

    def announce(self, moved: MarksMoved) -> None:
        """Tell that a bucket's board went on.

        Raises:
            Unavailable: the bus did not take the event, whatever it said: telling is worth no batch that would come again for it.
        """
        try:
            self._put(marks_moved.SOURCE, marks_moved.DETAIL_TYPE, moved.as_detail())
        except ClientError as refused:
            raise Unavailable(f"telling of bucket {moved.bucket}: {refused.response.get('Error', {}).get('Code')}") from refused


class AnnouncedJournal:
    """A ``RunJournal`` that tells of every append after it stands.

    Telling is worth nothing beside the run: whatever goes wrong with it is logged, and the append stays done. An append whose
    answer was lost is told too, because its lines may stand; whoever hears of it reads the journal anyway.
    """

    def __init__(self, journal: RunJournal, events: RunEvents) -> None:
        self._journal, self._events = journal, events

    def read(self, run: RunId) -> Sequence[Transition]:
        """The run's transitions in order."""
        return self._journal.read(run)

    def append(self, run: RunId, transitions: Sequence[Transition]) -> None:
        """Append all or none, then tell.

        Raises:
            Conflict: another writer appended first; nothing is told.
        """
        try:
            self._journal.append(run, transitions)
        except Unavailable:
            self._tell(run, transitions)
            raise
        self._tell(run, transitions)

    def runs(self, session_date: date) -> Sequence[RunId]:
        """Every run of a session, in phase order, then by attempt."""
        return self._journal.runs(session_date)

    def latest(self, session_date: date, phase: OperationPhase) -> RunId | None:
        """The run with the highest attempt, or ``None``."""
        return self._journal.latest(session_date, phase)

    def session_dates(self, limit: int, before: date | None = None) -> Sequence[date]:
        """Dates that have runs, newest first."""
        return self._journal.session_dates(limit, before)

    def _tell(self, run: RunId, transitions: Sequence[Transition]) -> None:
        if not transitions:
            return
        try:
            self._events.progressed(run, transitions[-1].sequence + 1)
        except Exception as failure:
            logger().warning("progress_not_told", extra={"run_id": str(run), "error": type(failure).__name__})
