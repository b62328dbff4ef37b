"""The ingest of a whole stream: every record goes to the session that its block names, in the order of the stream.

A batch may hold records of several sessions; it is taken in runs of one session, by rising number, up to the first failure. A record
that names no session, or one that is not open, belongs to no lane, so no position says that it was taken: it is kept as it came under
the day on which the stream took it, and a replay leaves the same object.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

from daymark.contracts.block_envelope import session_of
from daymark.contracts.stream_records import FAILURES, StreamRecord, batch_answer, check_answer
from daymark.core.errors import DaymarkError, InvalidInput, NotFound, Unavailable
from daymark.market_data.ingest import QUARANTINE_FOLDER, Ingest, Outlets
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.stream_ports import LiveSessions
from daymark.market_data.tick_session import TickSession

_log = logging.getLogger(__name__)

# Apart from what sessions refuse: a record may stray before its session is opened, and be refused by it for another reason later.
STRAYS_FOLDER = f"{QUARANTINE_FOLDER}/strays"


class SessionIngest:
    """The ingest of every session that is open. Any number of workers may run beside and after one another.

    Args:
        sessions: The sessions that have been opened.
        outlets: Where the effects go.
        most_sessions: How many sessions' states are kept at hand; another one is read anew from its snapshots.
        snapshot_every: After how many records a lane's state is saved at the latest.

    Attributes:
        repeats: Records that this worker recognised as taken before.
        strays: Records of no open session that this worker kept.

    Raises:
        InvalidInput: ``most_sessions`` is below 1.
    """

    def __init__(self, sessions: LiveSessions, outlets: Outlets, most_sessions: int = 4, snapshot_every: int = 16) -> None:
        if most_sessions < 1:
            raise InvalidInput(f"most_sessions must be at least 1, got {most_sessions}", field="most_sessions")
        self.sessions, self.outlets = sessions, outlets
        self.most_sessions, self.snapshot_every = most_sessions, snapshot_every
        self.repeats = self.strays = 0
        self._ingests: OrderedDict[date, Ingest] = OrderedDict()

    def take(self, records: Sequence[StreamRecord]) -> Mapping[str, Any]:
        """Take a batch and answer for it.

        Args:
            records: The batch; records are taken by rising sequence number.

        Returns:
            Lambda's partial-batch answer: no failure, or the first record that has to come again with all after it.

        Raises:
            Conflict: an object of other content stands under a record's key.
            InvalidInput: what was stored of a session or lane cannot be read.
        """
        ordered = sorted(records, key=lambda record: record.sequence)
        answer: Mapping[str, Any] = batch_answer(None)
        for session_date, run in groupby(ordered, key=_session_of):
            answer = self._take(session_date, list(run))
            if answer[FAILURES]:
                break
        check_answer(answer, ordered, bool(answer[FAILURES]))
        return answer

    def _take(self, session_date: date | InvalidInput, run: Sequence[StreamRecord]) -> Mapping[str, Any]:
        if isinstance(session_date, InvalidInput):
            return self._keep(run, session_date)
        try:
            ingest = self._ingest(session_date)
        except Unavailable as lost:
            _log.warning("%d records come again from record %s: %s", len(run), run[0].sequence, lost.message)
            return batch_answer(run[0])
        if ingest is None:
            return self._keep(run, NotFound(f"session {session_date} has not been opened", field="block.session"))
        before = ingest.repeats
        answer = ingest.take(run)
        self.repeats += ingest.repeats - before
        return answer

    def _ingest(self, session_date: date) -> Ingest | None:
        """The session's ingest; ``None`` while it is not open, which is asked anew each time."""
        ingest = self._ingests.get(session_date)
        if ingest is None:
            live = self.sessions.session(session_date)
            if live is None:
                return None
            ingest = self._ingests[session_date] = Ingest(TickSession.of(live), self.outlets, self.snapshot_every)
        self._ingests.move_to_end(session_date)
        if len(self._ingests) > self.most_sessions:
            self._ingests.popitem(last=False)
        return ingest

    def _keep(self, run: Sequence[StreamRecord], reason: DaymarkError) -> Mapping[str, Any]:
        """Put records of no session into quarantine, each under the day of its arrival."""
        for record in run:
            arrived = datetime.fromtimestamp(record.arrived, UTC).date()
            try:
                self.outlets.quarantine.put(record.key(STRAYS_FOLDER, arrived), Quarantined.record(record, reason).encode())
            except Unavailable as lost:
                _log.warning("a stray record %s comes again: %s", record.sequence, lost.message)
                return batch_answer(record)
            self.strays += 1
        return batch_answer(None)


def _session_of(record: StreamRecord) -> date | InvalidInput:
    try:
        return session_of(record.content)
    except InvalidInput as error:
        return error
