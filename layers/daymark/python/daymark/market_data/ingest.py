"""The ingest: every record of the ticks stream takes effect exactly once, whatever is delivered twice, fails or dies on the way.

A record's objects come first (what it brought into the archive, what is wrong with it into quarantine), each under a key made of the
record alone and with bytes that a replay repeats. Then, for several records together, come the hot quotes, merged by time; the quote
blocks, which say which records they cover; and last the snapshot, which holds position and state in one. A crash between any two leaves
records above the snapshot's position, which are taken again with the same outcome; at or below it, a record is a repeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from daymark.contracts.quote_blocks import encode_quotes
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.core.errors import InvalidInput
from daymark.market_data.ingest_lane import Judged, Lane
from daymark.market_data.ingest_snapshots import encode_snapshot, restore_snapshot
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.stream_lanes import StreamLanes
from daymark.market_data.stream_ports import HotQuoteStore, LaneSnapshots, LatestQuotes, Quarantine, QuoteStream, TickArchive
from daymark.market_data.tick_gate import Verdict
from daymark.market_data.tick_session import TickSession

ARCHIVE_FOLDER, QUARANTINE_FOLDER = "ticks", "quarantine"


@dataclass(frozen=True)
class Outlets:
    """Where the ingest's effects go."""

    archive: TickArchive
    quarantine: Quarantine
    hot: HotQuoteStore
    quotes: QuoteStream
    snapshots: LaneSnapshots


class Ingest(StreamLanes[Lane]):
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
        super().__init__(outlets.snapshots, snapshot_every)
        self.session, self.outlets = session, outlets

    def commit(self) -> None:
        """Send out what changed since the last snapshots, then save the snapshots.

        Raises:
            Unavailable: something did not answer, or another worker went on with a lane; the lanes must be read anew.
        """
        self._publish([lane for lane in self._lanes.values() if lane.is_dirty])
        super().commit()

    def _publish(self, lanes: Sequence[Lane]) -> None:
        changed = [latest for lane in lanes if (latest := lane.latest()) is not None]
        if changed:
            self.outlets.hot.merge(LatestQuotes.concatenate(changed))
        blocks = [(block.bucket, encode_quotes(block)) for lane in lanes for block in lane.quote_blocks()]
        if blocks:
            self.outlets.quotes.put(blocks)

    def _open(self, record: StreamRecord, stored: tuple[bytes, str] | None) -> Lane:
        lane = Lane(self.session, record.partition_key, record.lane)
        if stored is not None:
            restore_snapshot(lane, *stored)
        return lane

    def _encode(self, lane: Lane) -> bytes:
        return encode_snapshot(lane)

    def _take(self, lane: Lane, record: StreamRecord) -> None:
        try:
            block = self._read(record)
        except InvalidInput as error:
            self._quarantine(record, Quarantined.record(record, error))
            lane.refuse_record()
        else:
            self._keep(record, block, lane.take(block, record.arrived))
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
