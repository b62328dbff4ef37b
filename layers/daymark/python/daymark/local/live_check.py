"""The proof of the live path: all ticks are accounted for, every board is at the close, and what it shows is the close's own valuation.

Live marks are made tick by tick from the streams, the close's by a task of the day from books and official closes. Nothing but the
two prices they end on is shared, so that they agree to the cent says that no tick was lost, doubled or put in the wrong order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property

from daymark.book.ports import BookStore, DayRecords, MarkStore, RecordKind
from daymark.contracts.live_board import LiveBoard, decode_board
from daymark.contracts.live_session import MARKET_BUCKET, LiveSession, bucket_key
from daymark.market_data.ingest_lane import Account, Lane
from daymark.market_data.ingest_snapshots import restore_snapshot
from daymark.market_data.stream_ports import LaneSnapshots, LiveSessions
from daymark.market_data.tick_session import TickSession
from daymark.monitoring.marking import is_before

POLL_SECONDS = 0.25
_CENTS = Decimal("0.01")

Boards = Mapping[int, LiveBoard]


@dataclass(frozen=True, slots=True)
class LaneState:
    """How far a lane of the ticks stream is.

    Attributes:
        position: Sequence number of the last record taken, -1 before the first.
        account: What became of everything it was sent.
    """

    position: int
    account: Account


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure that is one thing live and another at the close; ``None`` where there is none."""

    tenant: str
    portfolio_id: str
    figure: str
    live: Decimal | None
    close: Decimal | None


@dataclass(frozen=True)
class LivePath:
    """One opened session as its lanes and boards stand.

    Args:
        session: The session.
        lanes: Snapshots of the ticks stream's lanes.
        boards: Boards of the buckets, by :func:`~daymark.contracts.live_session.bucket_key`.
    """

    session: LiveSession
    lanes: LaneSnapshots
    boards: LaneSnapshots

    @cached_property
    def buckets(self) -> tuple[int, ...]:
        """The buckets that ticks reach: the market's, and those that hold a symbol. A bucket of cash alone is never marked."""
        return tuple(sorted({MARKET_BUCKET, *(bucket for held in self.session.buckets.values() for bucket in held)}))

    def lane_states(self) -> dict[str, LaneState]:
        """Every lane of the session.

        Raises:
            InvalidInput: a snapshot is damaged or of another session.
            Unavailable: no answer.
        """
        session = TickSession.of(self.session)
        states = {}
        for key in sorted(set(session.partition_keys.values())):
            lane = Lane(session, key, key)
            stored = self.lanes.load(f"{session.session_date.isoformat()}/{key}")
            if stored is not None:
                restore_snapshot(lane, *stored)
            states[key] = LaneState(lane.position, lane.account)
        return states

    def shown(self) -> dict[int, LiveBoard]:
        """The boards of those buckets that have one, whatever session it is of.

        Raises:
            InvalidInput: a board is damaged.
            Unavailable: no answer.
        """
        loaded = ((bucket, self.boards.load(bucket_key(bucket))) for bucket in self.buckets)
        return {bucket: decode_board(stored[0]) for bucket, stored in loaded if stored is not None}

    def is_at_the_close(self, boards: Boards) -> bool:
        """Whether every board shows this session's last instant, and every symbol has reached it."""
        session = self.session
        present = [boards[bucket] for bucket in self.buckets if bucket in boards and boards[bucket].session_date == session.session_date]
        if len(present) < len(self.buckets) or any(board.as_of != session.session_end for board in present):
            return False
        market = boards[MARKET_BUCKET]
        times = market.cells[market.columns.index("ts_event")].tolist()
        reached = {symbol for symbol, at in zip(market.names, times, strict=True) if at == session.session_end}
        return reached >= session.references.keys()

    def superseded_by(self, boards: Boards, sessions: LiveSessions) -> LiveSession | None:
        """The session that the boards have gone on to, if it was opened after this one; ``None`` if there is none.

        Raises:
            Unavailable: no answer.
        """
        for day in sorted({board.session_date for board in boards.values()} - {self.session.session_date}):
            other = sessions.session(day)
            if other is not None and is_before(self.session, other):
                return other
        return None


def total(states: Mapping[str, LaneState]) -> Account:
    """What became of everything that all lanes were sent."""
    return Account(**{each.name: sum(getattr(state.account, each.name) for state in states.values()) for each in fields(Account)})


def drained(
    path: LivePath,
    before: Mapping[str, LaneState],
    rows: int,
    patience: float,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until everything sent has gone through: accounted for by the lanes, and shown by every board.

    Args:
        path: The session.
        before: The lanes before the first of these rows was sent.
        rows: Rows sent since.
        patience: Seconds to wait.
        monotonic: Tells seconds that never run back.
        sleep: Waits so many seconds.

    Returns:
        Whether it came to that in time.

    Raises:
        InvalidInput: a snapshot or board is damaged.
        Unavailable: no answer.
    """
    deadline = monotonic() + patience
    while not _is_drained(path, before, rows):
        if monotonic() >= deadline:
            return False
        sleep(POLL_SECONDS)
    return True


def _is_drained(path: LivePath, before: Mapping[str, LaneState], rows: int) -> bool:
    states = path.lane_states()
    # More than was sent is no fault: an unanswered call is sent again, and its rows are counted as repeats.
    if total(states).rows < total(before).rows + rows:
        return False
    boards = path.shown()
    if not path.is_at_the_close(boards):
        return False
    # A lane that has applied nothing since has told no bucket anything either.
    moved = {lane: state for lane, state in states.items() if state.account.applied > before[lane].account.applied}
    owed = ((bucket, lane) for lane in moved for bucket in _told_by(path, lane))
    return all(boards[bucket].covered.get(lane, -1) >= moved[lane].position for bucket, lane in owed)


def _told_by(path: LivePath, lane: str) -> set[int]:
    """The buckets that a lane sends quotes to."""
    keys = TickSession.of(path.session).partition_keys
    return {bucket for symbol, key in keys.items() if key == lane for bucket in path.session.buckets_to_tell(symbol)}


def compare(
    path: LivePath, sessions: LiveSessions, book: BookStore, marks: MarkStore, records: DayRecords
) -> tuple[int, tuple[Difference, ...]]:
    """Hold the boards against the close: every portfolio's value, and its profit and loss.

    Returns:
        How many portfolios were compared, and every figure that is not the same, by tenant and portfolio. A portfolio that has a
        mark at the close and none live, or the reverse, differs.

    Raises:
        NotFound: a bucket has no book.
        InvalidInput: a board or book is damaged.
        Unavailable: no answer.
    """
    day = path.session.session_date
    live = dict(_live_figures(path))
    without_ticks = {
        owner for bucket, key in path.session.books.items() if bucket not in path.buckets for owner in sessions.book(key).owners
    }
    count, differences = 0, []
    for tenant in book.tenants():
        results = {record.subject: record.body for record in records.find(tenant, day, RecordKind.PROFIT_AND_LOSS)}
        for portfolio in book.portfolios(tenant):
            owner = (tenant, portfolio.portfolio_id)
            if owner in without_ticks:
                continue
            count += 1
            mark, result = marks.mark(*owner, day), results.get(portfolio.portfolio_id)
            at_close = {
                "value": None if mark is None else mark.value,
                "pnl": None if result is None else Decimal(result["pnl"]),
            }
            for figure, close in at_close.items():
                shown = live.get(owner, {}).get(figure)
                if shown is None or close is None or shown != close:
                    differences.append(Difference(*owner, figure, shown, close))
    return count, tuple(differences)


def _live_figures(path: LivePath) -> Iterator[tuple[tuple[str, str], dict[str, Decimal]]]:
    """Value, and profit and loss since the opening, of every portfolio on a board of the session."""
    for bucket, board in path.shown().items():
        if bucket == MARKET_BUCKET or board.session_date != path.session.session_date:
            continue
        values, openings = (board.cells[board.columns.index(name)].tolist() for name in ("value", "opening"))
        for name, value, opening in zip(board.names, values, openings, strict=True):
            tenant, _, portfolio_id = name.partition("/")
            yield (tenant, portfolio_id), {"value": value * _CENTS, "pnl": (value - opening) * _CENTS}
