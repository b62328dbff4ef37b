"""The ingest: every record of the ticks stream takes effect exactly once, whatever is delivered twice, fails or dies on the way.

A record's objects come first (what it brought into the archive, what is wrong with it into quarantine), each under a key made of the
record alone and with bytes that a replay repeats. Then, for several records together, come the hot quotes, merged by time; the quote
blocks, which say which records they cover; and last the snapshot, which holds position and state in one. A crash between any two leaves
records above the snapshot's position, which are taken again with the same outcome; at or below it, a record is a repeat. What the
answer confirms is always covered by a snapshot.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from daymark.contracts.quote_blocks import encode_quotes
from daymark.contracts.stream_records import StreamRecord, batch_answer, check_answer
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.market_data.ingest_lane import Judged, Lane
from daymark.market_data.ingest_snapshots import encode_snapshot, restore_snapshot
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.stream_ports import HotQuoteStore, LaneSnapshots, LatestQuotes, Quarantine, QuoteStream, TickArchive
from daymark.market_data.tick_gate import Verdict
from daymark.market_data.tick_session import TickSession

_log = logging.getLogger(__name__)

ARCHIVE_FOLDER, QUARANTINE_FOLDER = "ticks", "quarantine"


@dataclass(frozen=True)
class Outlets:
    """Where the ingest's effects go."""

    archive: TickArchive
    quarantine: Quarantine
    hot: HotQuoteStore
    quotes: QuoteStream
    snapshots: LaneSnapshots


class Ingest:
    """The ingest of one session. Any number of workers may run beside and after one another, each with an object of its own.

    Args:
        session: The session.
        outlets: Where the effects go.
        snapshot_every: After how many records the state is saved at the latest, besides at the end of every batch.

    Attributes:
        repeats: Records that this worker recognised as taken before.

    Raises:
        InvalidInput: ``snapshot_every`` is below 1.
    """

    def __init__(self, session: TickSession, outlets: Outlets, snapshot_every: int = 16) -> None:
        if snapshot_every < 1:
            raise InvalidInput(f"snapshot_every must be at least 1, got {snapshot_every}", field="snapshot_every")
        self.session, self.outlets, self.snapshot_every = session, outlets, snapshot_every
        self.repeats = 0
        self._lanes: dict[str, Lane] = {}

    def take(self, records: Sequence[StreamRecord]) -> Mapping[str, Any]:
        """Take a batch and answer for it.

        Args:
            records: The batch; records are taken by rising sequence number.

        Returns:
            Lambda's partial-batch answer: no failure, or the first record that no snapshot covers because something did not answer.

        Raises:
            Conflict: an object of other content stands under a record's key; the state is as the last snapshot says.
        """
        ordered = sorted(records, key=lambda record: record.sequence)
        failed: StreamRecord | None = None
        try:
            self._refresh(ordered)
            for number, record in enumerate(ordered, 1):
                self._take(record)
                if number % self.snapshot_every == 0:
                    self.commit()
            self.commit()
        except Unavailable as lost:
            failed = self._first_open(ordered)
            # What memory holds may be ahead of what stands: the next call begins from the snapshots.
            self._lanes.clear()
            _log.warning("a batch of %d records comes again from record %s: %s", len(ordered), failed and failed.sequence, lost.message)
        except BaseException:
            self._lanes.clear()
            raise
        answer = batch_answer(failed)
        check_answer(answer, ordered, failed is not None)
        return answer

    def commit(self) -> None:
        """Send out what changed since the last snapshots, then save the snapshots.

        Raises:
            Unavailable: something did not answer, or another worker went on with a lane; the lanes must be read anew.
        """
        lanes = [lane for lane in self._lanes.values() if lane.is_dirty]
        self._publish(lanes)
        for lane in lanes:
            self._save(lane)

    def _publish(self, lanes: Sequence[Lane]) -> None:
        changed = [latest for lane in lanes if (latest := lane.latest()) is not None]
        if changed:
            self.outlets.hot.merge(LatestQuotes.concatenate(changed))
        blocks = [(block.bucket, encode_quotes(block)) for lane in lanes for block in lane.quote_blocks()]
        if blocks:
            self.outlets.quotes.put(blocks)

    def _save(self, lane: Lane) -> None:
        try:
            version = self.outlets.snapshots.save(self._snapshot_name(lane.name), encode_snapshot(lane), lane.version)
        except Conflict as raced:
            raise Unavailable(f"another worker went on with lane {lane.name}") from raced
        lane.settle(version)

    def _refresh(self, records: Sequence[StreamRecord]) -> None:
        """Bring every lane of the batch to the snapshot that stands: another worker may have gone on since."""
        snapshots = self.outlets.snapshots
        for record in {record.lane: record for record in records}.values():
            held = self._lanes.get(record.lane)
            if held is not None and held.version == snapshots.version(self._snapshot_name(record.lane)):
                continue
            lane = Lane(self.session, record.partition_key, record.lane)
            stored = snapshots.load(self._snapshot_name(record.lane))
            if stored is not None:
                restore_snapshot(lane, *stored)
            self._lanes[record.lane] = lane

    def _take(self, record: StreamRecord) -> None:
        lane = self._lanes[record.lane]
        if lane.is_repeat(record.sequence):
            self.repeats += 1
            return
        try:
            block = self._read(record)
        except InvalidInput as error:
            self._quarantine(record, Quarantined.record(record, error))
            lane.refuse_record()
        else:
            self._keep(record, block, lane.take(block))
        lane.advance(record.sequence)

    def _read(self, record: StreamRecord) -> TickBlock:
        """The record's block.

        Raises:
            InvalidInput: no tick block, damaged or too large, of another session, or real where the session is synthetic or the reverse.
        """
        session = self.session
        block = decode_block(record.content, max_rows=session.max_rows, max_bytes=session.max_bytes)
        if block.session_date != session.session_date:
            raise InvalidInput(f"the block is of session {block.session_date}, not {session.session_date}", field="block.session")
        if block.synthetic is not session.synthetic:
            kinds = ("market", "synthetic")
            message = f"the block holds {kinds[block.synthetic]} ticks, the session runs on {kinds[session.synthetic]} ones"
            raise InvalidInput(message, field="block.flags")
        return block

    def _keep(self, record: StreamRecord, block: TickBlock, judged: Judged) -> None:
        session_date = self.session.session_date
        if len(judged.taken):
            # A record of which every row was taken is archived as it came: nothing is encoded twice.
            content = record.content
            if len(judged.taken) < len(block.ticks):
                content = encode_block(TickBlock(block.ticks.take(judged.taken), block.symbols, session_date, block.synthetic))
            self.outlets.archive.put(record.key(ARCHIVE_FOLDER, session_date), content)
        if len(judged.refused):
            refused = TickBlock(block.ticks.take(judged.refused), block.symbols, session_date, block.synthetic)
            reasons = {verdict.name: np.flatnonzero(judged.reasons == verdict).tolist() for verdict in Verdict}
            named = {name: rows for name, rows in reasons.items() if rows}
            self._quarantine(record, Quarantined.rows(record, named, encode_block(refused)))

    def _quarantine(self, record: StreamRecord, entry: Quarantined) -> None:
        self.outlets.quarantine.put(record.key(QUARANTINE_FOLDER, self.session.session_date), entry.encode())

    def _snapshot_name(self, lane: str) -> str:
        return f"{self.session.session_date.isoformat()}/{lane}"

    def _first_open(self, records: Sequence[StreamRecord]) -> StreamRecord | None:
        """The first record that no stored snapshot covers."""
        for record in records:
            lane = self._lanes.get(record.lane)
            if lane is None or record.sequence > lane.committed:
                return record
        return None
