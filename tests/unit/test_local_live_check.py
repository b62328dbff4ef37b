"""The live path beside the day, in memory from the opening task to the close's own valuation; and what is told when it goes wrong."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.marks_announcer import MemoryMarksAnnouncer
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.adapters.memory.tick_stream import MemoryTickStream
from daymark.book.models import PortfolioRecord
from daymark.contracts.live_board import decode_board, encode_board
from daymark.contracts.live_session import bucket_key
from daymark.contracts.stream_records import StreamRecord
from daymark.core.errors import Conflict, NotPublished
from daymark.core.sessions import Calendar
from daymark.local.live_check import LivePath, drained
from daymark.local.live_day import LiveDay, LiveStores, replay_of
from daymark.local.live_result import LiveState, live_lines
from daymark.market_data.ingest import Outlets
from daymark.market_data.price_desk import PriceDesk
from daymark.market_data.session_ingest import SessionIngest
from daymark.monitoring.marking import Marking, MarkOutlets
from daymark.operations.models import OperationPhase
from tests.unit.task_world import MONDAY, TUESDAY, World, synthetic_records

PRE, OPEN, MID, CLOSE, POST = OperationPhase


class Live:
    """The day's world, and the functions of the live path around it: records are taken when they are put."""

    def __init__(self, *more: PortfolioRecord) -> None:
        self.world = World().load([*synthetic_records(), *more])
        self.lanes, self.boards, self.quotes = MemoryLaneSnapshots(), MemoryLaneSnapshots(), MemoryQuoteStream()
        self.ticks, self.told, self.taken, self.works = MemoryTickStream(), [], defaultdict(int), True
        objects, world = MemoryObjects(), self.world
        self.ingest = SessionIngest(world.sessions, Outlets(objects, objects, MemoryHotQuotes(), self.quotes, self.lanes))
        self.marking = Marking(world.sessions, MarkOutlets(self.boards, objects, MemoryMarksAnnouncer()))
        desk = PriceDesk(world.archive, world.book.instruments(), Calendar.exchange())
        self.stores = LiveStores(world.sessions, self.lanes, self.boards, self, desk, world.book, world.marks, world.records)

    def put(self, records):
        results = self.ticks.put(records)
        if self.works:
            pairs = zip(records, results, strict=True)
            self.ingest.take([StreamRecord(one.shard_id, int(one.sequence_number), put.partition_key, put.data) for put, one in pairs])
            for bucket, blocks in self.quotes.blocks.items():
                first, self.taken[bucket] = self.taken[bucket], len(blocks)
                new = enumerate(blocks[first:], first)
                self.marking.take([StreamRecord("shardId-0", number, bucket_key(bucket), block) for number, block in new])
        return results

    def perform(self, phase, *tasks, session=MONDAY):
        for task in tasks:
            self.world.registry(self.world.command(phase, task, session))

    def open(self, session=MONDAY):
        self.perform(PRE, "open_live_session", session=session)

    def close(self):
        self.perform(CLOSE, "publish_official_closes", "mark_portfolios", "compute_profit_and_loss")

    def day(self, session=MONDAY, **options):
        return LiveDay(self.stores, session, self.told.append, **{"ticks_per_symbol": 300, "seconds": 0.2, "patience": 0.0} | options)

    def path(self):
        return LivePath(self.world.sessions.session(MONDAY), self.lanes, self.boards)


def whole_day(live, **options):
    live.open()
    day = live.day(**options)
    for phase in OperationPhase:
        day.before(phase)
        if phase is CLOSE:
            live.close()
        day.after(phase)
    day.stop()
    return day.result


def test_the_ticks_end_on_what_the_close_comes_to_for_every_portfolio():
    live = Live()
    result = whole_day(live)
    # 20 stocks and two bonds; of three portfolios one is cash, in a bucket that holds a symbol.
    assert (result.state, result.ticks, result.trouble, result.differences) == (LiveState.PLAYED, 6_600, None, ())
    assert result.equal == result.portfolios == 3
    account = result.account
    assert account.rows == account.applied + account.coalesced == 6_600
    # P-A1 by hand from the price file: 370.94 + 3,771.10 + 301.52 and 6,696.47 in cash (see the world's statements).
    boards = [decode_board(live.boards.load(bucket_key(bucket))[0]) for bucket in live.path().buckets[1:]]
    values = {name: int(board.cells[board.columns.index("value"), row]) for board in boards for row, name in enumerate(board.names)}
    assert values["alpha/P-A1"] == 1_114_003
    assert values["beta/P-B1"] == 901_525
    lines = live_lines(result.as_document())
    assert lines[0].startswith("Live path: 6,600 synthetic ticks")
    assert lines[1] == f"{result.portfolios} of {result.portfolios} portfolios: live mark and P&L equal the close's, to the cent"
    assert result.failure() is None


def test_a_bucket_of_cash_alone_is_never_marked_and_its_portfolios_are_not_compared():
    (cash,) = (record for record in synthetic_records() if record.portfolio.portfolio_id == "P-A2")
    alone = PortfolioRecord(replace(cash.portfolio, portfolio_id="P-A8"), (), (replace(cash.cash[0], portfolio_id="P-A8"),))
    live = Live(alone)
    result = whole_day(live)
    # SHA-256 of alpha/P-A8 begins with e, fifteenth of sixteen: the last of eight buckets; no ticks reach it, and it has no board.
    assert hashlib.sha256(b"alpha/P-A8").hexdigest()[0] == "e"
    assert 8 in live.path().session.books and 8 not in live.path().buckets
    assert live.boards.load(bucket_key(8)) is None
    assert live.world.marks.mark("alpha", "P-A8", MONDAY) is not None
    assert (result.portfolios, result.equal, result.differences, result.trouble) == (3, 3, (), None)


def test_a_session_that_was_played_is_not_played_again_but_still_compared():
    live = Live()
    whole_day(live)
    live.told.clear()
    day = live.day()
    day.before(OPEN)
    day.before(CLOSE)
    day.after(CLOSE)
    assert (day.result.state, day.result.ticks, day.result.differences) == (LiveState.PLAYED_BEFORE, 0, ())
    assert day.result.account.rows == 6_600
    assert len(live.told) == 1
    assert "already at the close" in live.told[0]
    # An interrupted day that goes on after its close has the boards to hold it against.
    late = live.day()
    late.before(POST)
    assert late.result.portfolios == day.result.portfolios


def test_an_interrupted_feed_is_played_again_and_repeats_are_told_apart():
    live = Live()
    live.open()
    day = live.day(seconds=3_600)
    day.before(OPEN)
    day.stop()
    stream, _ = live.ticks, live.told.clear()
    again = live.day()
    again.before(MID)
    again.before(CLOSE)
    live.close()
    again.after(CLOSE)
    assert (again.result.state, again.result.trouble, again.result.differences) == (LiveState.PLAYED, None, ())
    assert again.result.account.repeated == again.result.account.rows - 6_600
    assert stream is live.ticks


def test_a_cent_of_difference_names_the_portfolio_and_fails():
    live = Live()
    live.open()
    day = live.day()
    day.before(OPEN)
    day.before(CLOSE)
    live.close()
    (bucket,) = {one for one in live.path().buckets[1:] if "beta/P-B1" in decode_board(live.boards.load(bucket_key(one))[0]).names}
    content, version = live.boards.load(bucket_key(bucket))
    board = decode_board(content)
    cells = board.cells.copy()
    cells[board.columns.index("value"), board.names.index("beta/P-B1")] += 1
    live.boards.save(bucket_key(bucket), encode_board(replace(board, cells=cells)), version)
    day.after(CLOSE)
    wrong = [(item.tenant, item.portfolio_id, item.figure, item.live - item.close) for item in day.result.differences]
    assert wrong == [("beta", "P-B1", figure, Decimal("0.01")) for figure in ("value", "pnl")]
    assert day.result.equal == day.result.portfolios - 1
    failure = day.result.failure()
    assert failure.context == {"tenant": "beta", "portfolio": "P-B1", "live": "9015.26", "close": "9015.25"}
    assert day.result.as_document()["differences"][0]["live"] == "9015.26"


def test_a_portfolio_that_is_not_marked_on_either_side_differs():
    live = Live()
    live.open()
    day = live.day()
    day.before(OPEN)
    day.before(CLOSE)
    day.after(CLOSE)
    assert {(item.figure, item.close) for item in day.result.differences} == {("value", None), ("pnl", None)}
    assert day.result.equal == 0


def test_a_stream_that_does_not_drain_is_told_and_the_day_goes_on():
    live = Live()
    live.works = False
    result = whole_day(live)
    assert result.state is LiveState.PLAYED
    assert "did not drain" in result.trouble
    assert {item.live for item in result.differences} == {None}
    assert result.failure() is not None
    assert any("did not drain" in line for line in live.told)


def test_a_session_that_was_not_opened_is_fed_nothing():
    live = Live()
    day = live.day()
    day.before(PRE)
    assert day.result is None
    day.before(OPEN)
    day.before(CLOSE)
    day.after(CLOSE)
    assert day.result.state is LiveState.NOT_OPENED
    assert not any(live.ticks.records(shard) for shard in live.ticks.shard_ids)
    assert day.result.failure() is None


def test_a_session_that_another_has_followed_is_fed_nothing():
    live = Live()
    live.open()
    live.world.clock.instant = datetime(2026, 1, 6, tzinfo=UTC)
    live.open(TUESDAY)
    tuesday = live.day(TUESDAY)
    tuesday.before(OPEN)
    tuesday.before(CLOSE)
    assert tuesday.result.trouble is None
    monday = live.day()
    monday.before(OPEN)
    assert monday.result.state is LiveState.SUPERSEDED
    assert "no ticks of 2018-02-05 are played" in live.told[-1]


@pytest.mark.parametrize("works", [True, False])
def test_a_session_that_gives_way_while_it_is_played_is_not_compared(works):
    """Another command opens the next session between the open and the close; be it that the stream then drains, or that it does not."""
    live = Live()
    live.open()
    monday = live.day()
    monday.before(OPEN)
    live.world.clock.instant = datetime(2026, 1, 6, tzinfo=UTC)
    live.open(TUESDAY)
    tuesday = live.day(TUESDAY)
    tuesday.before(OPEN)
    tuesday.before(CLOSE)
    assert tuesday.result.trouble is None
    live.works = works
    monday.before(CLOSE)
    live.close()
    monday.after(CLOSE)
    assert (monday.result.state, monday.result.ticks) == (LiveState.SUPERSEDED, 6_600)
    assert (monday.result.portfolios, monday.result.differences, monday.result.trouble) == (0, (), None)
    assert monday.result.failure() is None
    assert "The live session is now 2018-02-06" in live.told[-1]


def test_draining_waits_for_rows_for_boards_and_for_what_the_lanes_told():
    live = Live()
    live.open()
    path = live.path()
    before = path.lane_states()
    day = live.day()
    day.before(OPEN)
    day.before(CLOSE)
    assert drained(path, before, 6_600, 0.0)
    assert not drained(path, before, 6_601, 0.0)
    # The market's board has taken one record less of a lane than the lane has told of.
    content, version = live.boards.load(bucket_key(0))
    board = decode_board(content)
    covered = dict(board.covered)
    covered[min(covered)] -= 1
    version = live.boards.save(bucket_key(0), encode_board(replace(board, covered=covered)), version)
    assert not drained(path, before, 6_600, 0.0)
    waits = []

    def arrive(seconds):
        waits.append(seconds)
        live.boards.save(bucket_key(0), content, version)

    assert drained(path, before, 6_600, 60.0, sleep=arrive)
    assert len(waits) == 1
    # One symbol has not reached the close.
    cells = board.cells.copy()
    cells[board.columns.index("ts_event"), 0] -= 1
    live.boards.save(bucket_key(0), encode_board(replace(board, cells=cells)), live.boards.version(bucket_key(0)))
    assert not path.is_at_the_close(path.shown())
    assert not drained(path, before, 6_600, 0.0)


def test_only_a_synthetic_session_whose_symbols_have_closes_is_replayed():
    live = Live()
    live.open()
    session = live.world.sessions.session(MONDAY)
    with pytest.raises(Conflict):
        replay_of(replace(session, synthetic=False), live.stores.desk, 300)
    strange = replace(session, references={**session.references, "ZZZ": 10**9}, buckets={**session.buckets, "ZZZ": ()})
    with pytest.raises(NotPublished) as refused:
        replay_of(strange, live.stores.desk, 300)
    assert refused.value.field == "ZZZ"


def test_an_older_deployment_has_no_live_path():
    assert LiveStores.deployed({"BookTable": "x"}, None, None) is None
