"""The marking: every block of the ``quotes`` stream moves its bucket's board exactly once, whatever comes twice, fails or dies on the way.

A bucket's board is one object: what is shown, the position in the stream and what of the ticks it covers stand or fall together. It is
saved first and told of afterwards, so nobody hears of a revision that cannot be read.

- A block that cannot be read or breaks a rule is quarantined as it came, and the lane goes on past it. One whose only fault is a price
  that a position cannot be valued at is quarantined too, but its other prices are taken.
- A block whose ticks the board covers already, or of a session opened before the one shown, changes nothing and is counted.
- A block of a session that cannot be found comes again until it can. Blocks come from an ingest that has read the session, so it was
  opened: it is only not seen yet. Setting the block aside would leave the board without prices that nothing sends anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from daymark.contracts.bucket_book import BucketBook
from daymark.contracts.live_board import decode_board, encode_board
from daymark.contracts.live_session import MARKET_BUCKET, LiveSession, bucket_key
from daymark.contracts.marks_moved import MarksMoved
from daymark.contracts.quote_blocks import QuoteBlock, decode_quotes
from daymark.contracts.stream_records import StreamRecord
from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound, Unavailable
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.stream_lanes import StreamLanes
from daymark.market_data.stream_ports import LaneSnapshots, LiveSessions, Quarantine
from daymark.monitoring.board_lane import BoardLane, BoardRows, Shown
from daymark.monitoring.market_lane import MarketLane
from daymark.monitoring.portfolio_lane import PortfolioLane
from daymark.monitoring.ports import MarksAnnouncer

_log = logging.getLogger(__name__)
T = TypeVar("T")

QUARANTINE_FOLDER = "quarantine/quotes"


@dataclass(frozen=True)
class MarkOutlets:
    """Where the marking's effects go; boards stand under the names of ``bucket_key``."""

    boards: LaneSnapshots
    quarantine: Quarantine
    announcer: MarksAnnouncer


class Marking(StreamLanes[BoardLane]):
    """The marking of every bucket. Any number of workers may run beside and after one another, each with an object of its own.

    Args:
        sessions: The sessions that have been opened.
        outlets: Where the effects go.
        save_every: After how many records boards are saved at the latest, besides at the end of every batch.
        prove_every: At how many revisions apart everything is valued anew and compared, besides at the session's end.

    Attributes:
        late: Blocks that this worker let pass: covered already, or of a session before the one shown.
        refused: Records that this worker put into quarantine.

    Raises:
        InvalidInput: ``save_every`` or ``prove_every`` is below 1.
    """

    def __init__(self, sessions: LiveSessions, outlets: MarkOutlets, save_every: int = 256, prove_every: int = 1024) -> None:
        super().__init__(outlets.boards, save_every)
        if prove_every < 1:
            raise InvalidInput(f"prove_every must be at least 1, got {prove_every}", field="prove_every")
        self.sessions, self.outlets, self.prove_every = sessions, outlets, prove_every
        self.late = self.refused = 0
        self._opened: dict[date, LiveSession] = {}
        self._is_bus_silent = False

    def take(self, records: Sequence[StreamRecord]) -> Mapping[str, Any]:
        """See ``StreamLanes.take``."""
        self._is_bus_silent = False
        return super().take(records)

    def commit(self) -> None:
        """Save every board that went on, and tell of those that moved.

        Raises:
            Unavailable: something did not answer, or another worker went on with a board; the boards must be read anew.
        """
        super().commit()
        for lane in self._lanes.values():
            self._tell(lane)

    def _save(self, lane: BoardLane) -> None:
        super()._save(lane)
        self._tell(lane)

    def _tell(self, lane: BoardLane) -> None:
        """Tell that the stored board moved. A telling that fails is made good with the next batch and never fails this one.

        The board stands and is the truth: doing the batch again would change nothing on it, and whoever reads it finds everything. A bus
        that did not answer once is not asked again in the same batch, whose other lanes would all wait for it.
        """
        if self._is_bus_silent or not lane.is_untold or lane.shown is None:
            return
        try:
            self.outlets.announcer.announce(MarksMoved(lane.shown.bucket, lane.revision))
            lane.is_untold = False
        except DaymarkError as failure:
            self._is_bus_silent = True
            _log.warning("revision %d of %s was not told: %s", lane.revision, lane.name, failure.message)

    def _snapshot_name(self, lane: str) -> str:
        return lane

    def _encode(self, lane: BoardLane) -> bytes:
        return encode_board(lane.board())

    def _open(self, record: StreamRecord, stored: tuple[bytes, str] | None) -> BoardLane:
        lane = BoardLane(record.lane)
        if stored is None:
            return lane
        board = decode_board(stored[0])
        session, repaired = self._session(board.session_date), False
        rows: BoardRows
        if board.is_market:
            rows = MarketLane.restored(session, board)
        else:
            rows, repaired = PortfolioLane.restored(self._book(session, board.bucket), board, board.revision + 1)
        lane.restore(board, stored[1], Shown(session, board.bucket, rows, dict(board.covered), board.as_of))
        # Told before anything is taken: should the batch end here, these records are never brought again.
        self._tell(lane)
        if repaired:
            _log.error("values on %s were not what its positions are worth; they are put right", lane.name)
            lane.move(True, lane.revision + 1)
        return lane

    def _take(self, lane: BoardLane, record: StreamRecord) -> None:
        filed = datetime.fromtimestamp(record.arrived, UTC).date()
        try:
            block = decode_quotes(record.content)
            filed = block.session_date
            unbearable = self._mark(lane, record, block)
            refusal = _unbearable_price(unbearable) if unbearable else None
        except InvalidInput as error:
            refusal = error
        if refusal is not None:
            self.outlets.quarantine.put(record.key(QUARANTINE_FOLDER, filed), Quarantined.record(record, refusal).encode())
            self.refused += 1
        lane.advance(record.sequence)

    def _mark(self, lane: BoardLane, record: StreamRecord, block: QuoteBlock) -> tuple[str, ...]:
        """Take a block, or let a late one pass; the symbols whose price was left out.

        Raises:
            InvalidInput: the block breaks a rule; the lane is as it was.
            Unavailable: its session or book cannot be read, or the kept values are wrong; the lane must be read anew.
        """
        session = self._session(block.session_date)
        check_lane(record, block)
        check_block(session, block)
        (position,) = block.positions
        shown = lane.shown
        # A board that was lost, or that another region keeps, goes on above all that anybody was sent of it.
        revision = lane.revision + 1 if shown is not None else max(1, int(record.arrived * 1000))
        if shown is not None and is_before(session, shown.session):
            self.late += 1
            return ()
        if shown is None or shown.session.session_date != session.session_date:
            shown = Shown(session, block.bucket, self._rows(session, block.bucket, revision), {})
            changed = True
        elif shown.covers(position):
            self.late += 1
            return ()
        else:
            changed = False
        taken = shown.rows.take(block, revision)
        shown.covered[position.shard] = position.last
        shown.as_of = max(shown.as_of, int(block.quotes.ts_event.max(initial=0)))
        lane.shown = shown
        lane.move(changed or taken.changed, revision)
        if lane.revision % self.prove_every == 0 or shown.as_of >= session.session_end:
            self._prove(lane, shown.rows)
        return taken.unbearable

    def _prove(self, lane: BoardLane, rows: BoardRows) -> None:
        try:
            rows.prove()
        except Conflict as differs:
            _log.exception("%s is rebuilt", lane.name)
            raise Unavailable(f"{lane.name} is rebuilt: {differs.message}") from differs

    def _session(self, session_date: date) -> LiveSession:
        """A session; what was opened never changes, so it is asked for once.

        Raises:
            Unavailable: it cannot be found or read.
        """
        if session_date not in self._opened:
            session = readable(lambda: self.sessions.session(session_date), f"session {session_date}")
            if session is None:
                raise Unavailable(f"session {session_date} cannot be found: it was not opened, or is not seen yet")
            self._opened[session_date] = session
        return self._opened[session_date]

    def _rows(self, session: LiveSession, bucket: int, revision: int) -> BoardRows:
        """A bucket's rows as the session begins.

        Raises:
            Unavailable: its book cannot be found, read or valued.
        """
        if bucket == MARKET_BUCKET:
            return MarketLane.opened(session, revision)
        book = self._book(session, bucket)
        return readable(lambda: PortfolioLane.opened(book, revision), f"book {session.books[bucket]}")

    def _book(self, session: LiveSession, bucket: int) -> BucketBook:
        """A bucket's book.

        Raises:
            Unavailable: it cannot be found or read.
        """
        key = session.books[bucket]
        return readable(lambda: self.sessions.book(key), f"book {key}")


def readable(read: Callable[[], T], what: str) -> T:
    """What a reader of our own stores gives. What it refuses says nothing about the record at hand, which must come again.

    Raises:
        Unavailable: it cannot be found or read.
    """
    try:
        return read()
    except (InvalidInput, NotFound) as wrong:
        raise Unavailable(f"{what} cannot be read: {wrong.message}") from wrong


def _unbearable_price(symbols: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        f"no position could be valued at this price of {', '.join(symbols)}; each keeps the one it had", field="quotes.price"
    )


def is_before(session: LiveSession, shown: LiveSession) -> bool:
    """Whether a session was opened before another; of two opened at one instant the earlier date is the earlier."""
    return (session.opened_at, session.session_date) < (shown.opened_at, shown.session_date)


def check_lane(record: StreamRecord, block: QuoteBlock) -> None:
    """Refuse a block in a lane that is not its bucket's: it would move another bucket's board, out of its order.

    Raises:
        InvalidInput: the partition key is not the bucket's.
    """
    if record.partition_key != bucket_key(block.bucket):
        message = f"the block is of {bucket_key(block.bucket)}, its lane is {record.partition_key[:80]!r}"
        raise InvalidInput(message, field="partition_key")


def check_block(session: LiveSession, block: QuoteBlock) -> None:
    """Refuse a block that is none of its session's.

    Raises:
        InvalidInput: its label, bucket or positions are wrong; the field is named.
    """
    if block.synthetic is not session.synthetic:
        kinds = ("market", "synthetic")
        message = f"the block is made of {kinds[block.synthetic]} ticks, the session runs on {kinds[session.synthetic]} ones"
        raise InvalidInput(message, field="block.flags")
    if block.bucket != MARKET_BUCKET and block.bucket not in session.books:
        raise InvalidInput(f"session {session.session_date} has no bucket {block.bucket}", field="bucket")
    if len(block.positions) != 1:
        # Quotes of several lanes, some of them covered, could be neither taken nor left.
        raise InvalidInput(f"a block covers one lane of ticks, this one {len(block.positions)}", field="positions")
