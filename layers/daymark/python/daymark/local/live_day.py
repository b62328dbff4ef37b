"""The live path beside one run of the day: ticks are played from the open, have gone through before the close, and are held against it.

Whatever goes wrong here never stops the day: it is told, stands in the result, and ends the command that ran the day with 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from daymark.adapters.dynamodb.client import dynamodb_client, s3_client
from daymark.adapters.dynamodb.mark_store import DynamoMarkStore
from daymark.adapters.kinesis import KinesisTickStream, kinesis_client
from daymark.adapters.s3.lane_snapshots import S3LaneSnapshots
from daymark.adapters.s3.live_sessions import S3LiveSessions
from daymark.adapters.s3.price_archive import S3PriceArchive
from daymark.book.ports import BookStore, DayRecords, MarkStore
from daymark.contracts.live_session import LiveSession
from daymark.core.errors import Conflict, DaymarkError, NotPublished, Unavailable
from daymark.core.sessions import Calendar
from daymark.local.live_check import LaneState, LivePath, compare, drained, total
from daymark.local.live_result import LiveResult, LiveState
from daymark.local.tick_feed import FEED_SECONDS, TickFeed
from daymark.local.workspace import REGION
from daymark.market_data.price_desk import PriceDesk
from daymark.market_data.stream_ports import LaneSnapshots, LiveSessions
from daymark.market_data.tick_ports import TickStream
from daymark.market_data.tick_replay import TickReplay, replay_closes
from daymark.operations.models import OperationPhase

TICKS_PER_SYMBOL = 1_000
FINISH_SECONDS, DRAIN_SECONDS = 60.0, 60.0
OUTPUTS = ("TicksStream", "LiveBucket")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class LiveStores:
    """Where the live path and the day's results stand."""

    sessions: LiveSessions
    lanes: LaneSnapshots
    boards: LaneSnapshots
    stream: TickStream
    desk: PriceDesk
    book: BookStore
    marks: MarkStore
    records: DayRecords

    @classmethod
    def deployed(cls, outputs: Mapping[str, Any], book: BookStore, records: DayRecords) -> LiveStores | None:
        """Those of a deployment; ``None`` where it has no live path."""
        if any(name not in outputs for name in OUTPUTS):
            return None
        s3, bucket = s3_client(REGION), outputs["LiveBucket"]
        archive = S3PriceArchive(outputs["PricesBucket"], s3)
        return cls(
            sessions=S3LiveSessions(bucket, s3),
            lanes=S3LaneSnapshots(bucket, "lanes", s3),
            boards=S3LaneSnapshots(bucket, "boards", s3),
            stream=KinesisTickStream(outputs["TicksStream"], kinesis_client(REGION)),
            desk=PriceDesk(archive, book.instruments(), Calendar.exchange()),
            book=book,
            marks=DynamoMarkStore(outputs["OperationsTable"], dynamodb_client(REGION)),
            records=records,
        )


class LiveDay:
    """The live path of one session beside one run of its phases.

    Args:
        stores: What it works on.
        session_date: The session.
        tell: Takes a line about how it goes.
        ticks_per_symbol: Rows of each symbol.
        seconds: About how long their playing takes.
        patience: Seconds to wait for the stream to be drained.

    Attributes:
        result: What it came to so far; ``None`` before the open.
    """

    def __init__(
        self,
        stores: LiveStores,
        session_date: date,
        tell: Tell,
        *,
        ticks_per_symbol: int = TICKS_PER_SYMBOL,
        seconds: float = FEED_SECONDS,
        patience: float = DRAIN_SECONDS,
    ) -> None:
        self._stores, self._session_date, self._tell = stores, session_date, tell
        self._ticks_per_symbol, self._seconds, self._patience = ticks_per_symbol, seconds, patience
        self._path: LivePath | None = None
        self._feed: TickFeed | None = None
        self._before: Mapping[str, LaneState] = {}
        self._compared = False
        self.result: LiveResult | None = None

    def before(self, phase: OperationPhase) -> None:
        """A phase is about to run: ticks begin with the first one after the open, and have gone through before the close."""
        if phase is OperationPhase.PRE_MARKET:
            return
        if self.result is None:
            with self._told():
                self._open(plays=phase is not OperationPhase.POST_MARKET)
        if phase is OperationPhase.MARKET_CLOSE and self._feed is not None:
            with self._told():
                self._drain(self._feed)
        # Where an interrupted day goes on after its close, the boards are still there.
        if phase is OperationPhase.POST_MARKET:
            self._compare()

    def after(self, phase: OperationPhase) -> None:
        """A phase has ended: once the close has, its figures are held against the boards'."""
        if phase is OperationPhase.MARKET_CLOSE:
            self._compare()

    def stop(self) -> None:
        """End the feed if it still plays."""
        if self._feed is not None:
            self._feed.stop()

    def _open(self, plays: bool) -> None:
        live = self._stores.sessions.session(self._session_date)
        if live is None:
            self.result = LiveResult(LiveState.NOT_OPENED)
            self._tell("No live session was opened: no ticks are played")
            return
        self.result = LiveResult(LiveState.NOT_PLAYED)
        path = LivePath(live, self._stores.lanes, self._stores.boards)
        boards = path.shown()
        later = path.superseded_by(boards, self._stores.sessions)
        if later is not None:
            self.result = LiveResult(LiveState.SUPERSEDED)
            self._tell(f"The live session is {later.session_date}, opened later: no ticks of {self._session_date} are played")
            return
        self._path, self._before = path, path.lane_states()
        if path.is_at_the_close(boards):
            self._now(state=LiveState.PLAYED_BEFORE)
            self._tell("The live session is already at the close: its ticks were played before")
        elif plays:
            self._play(live)

    def _play(self, live: LiveSession) -> None:
        source = replay_of(live, self._stores.desk, self._ticks_per_symbol)
        self._tell(f"Playing {source.rows:,} synthetic ticks of {len(source.symbols)} symbols into the stream")
        self._feed = TickFeed(self._stores.stream, source, live.groups, self._seconds)
        self._feed.start()

    def _drain(self, feed: TickFeed) -> None:
        self._feed = None
        counts = feed.finish(FINISH_SECONDS)
        self._now(state=LiveState.PLAYED, ticks=counts.rows_sent, records=counts.records_sent, bytes=counts.bytes_sent)
        if self._path is not None and not drained(self._path, self._before, counts.rows_sent, self._patience) and not self._gave_way():
            raise Unavailable(f"the stream did not drain in {self._patience:.0f} s: not every tick shows on the boards")

    def _compare(self) -> None:
        path, stores = self._path, self._stores
        if path is None or self._compared:
            return
        self._compared = True
        with self._told():
            self._now(account=total(path.lane_states()))
            portfolios, differences = compare(path, stores.sessions, stores.book, stores.marks, stores.records)
            # Boards that went on to a later session, be it while they were read, say nothing about this one.
            if not differences or not self._gave_way():
                self._now(portfolios=portfolios, differences=differences)

    def _gave_way(self) -> bool:
        """Whether a later session has taken the boards over since ticks were played into this one."""
        path = self._path
        later = None if path is None else path.superseded_by(path.shown(), self._stores.sessions)
        if later is None:
            return False
        self._path = None
        self._now(state=LiveState.SUPERSEDED)
        self._tell(f"The live session is now {later.session_date}, opened later: the marks of {self._session_date} are not compared")
        return True

    def _now(self, **changes: Any) -> None:
        self.result = replace(self.result or LiveResult(LiveState.NOT_PLAYED), **changes)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Trouble is told and kept, and does not stop the day."""
        try:
            yield
        except DaymarkError as error:
            self._tell(f"Live path: {error.message}")
            if self.result is None or self.result.trouble is None:
                self._now(trouble=error.message)


def replay_of(live: LiveSession, desk: PriceDesk, ticks_per_symbol: int) -> TickReplay:
    """The synthetic ticks of a live session: of its symbols, between the closes that books are marked with.

    Raises:
        Conflict: the session runs on ticks that a market made.
        NotPublished: one of its symbols has no close to end on; the field names it.
        NotASession, QualityBlocked, InvalidInput: see :func:`~daymark.market_data.tick_replay.replay_closes`.
    """
    if not live.synthetic:
        raise Conflict(f"the live session {live.session_date} runs on a market's ticks: no synthetic ones are played into it")
    calendar = Calendar.exchange()
    session = calendar.session(live.session_date)
    previous, closes = replay_closes(desk, calendar, session)
    missing = sorted(live.references.keys() - closes.keys())
    if missing:
        raise NotPublished(f"{missing[0]} is in the live session but has no close on {live.session_date}", field=missing[0])
    symbols = live.references
    return TickReplay(session, {name: previous[name] for name in symbols}, {name: closes[name] for name in symbols}, ticks_per_symbol)
