"""The marking, effect by effect: what a block moves, what it leaves alone, what is refused by name, and what is told."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.live_board import LiveBoard, decode_board, encode_board
from daymark.core.errors import DaymarkError, InvalidInput, Unavailable
from tests.mark_world import CLOSE, DAY, NEXT_DAY, ONE, OPEN, UNIT, Stores, block, books, quote, record, worth

DONE = {"batchItemFailures": []}


def again(sequence):
    return {"batchItemFailures": [{"itemIdentifier": str(sequence)}]}


@pytest.fixture
def stores():
    return Stores()


@pytest.fixture(autouse=True)
def quiet_log():
    logging.getLogger("daymark").setLevel(logging.CRITICAL + 1)
    yield
    logging.getLogger("daymark").setLevel(logging.NOTSET)


def test_a_board_shows_every_portfolio_by_hand(stores):
    """3 KO at 46.005 = 138.015, half-even 138.02; 10.5 XOM at the reference 50 = 525.00; cash 100.00: together 763.02.

    -1.2345 KO at 46.005 = -56.7931725, -56.79; cash 200.00: 143.21. The third holds nothing: 300.00. The fourth 2 XOM: 100.00.
    """
    assert stores.worker().take([record(12, block(1, 5, quote("KO", price=46 * ONE + ONE // 200, at=9)))]) == DONE
    board = stores.board()
    assert board.names == ("northstar/P10", "northstar/P11", "northstar/P12", "northstar/P13")
    assert board.columns == ("value", "cash", "opening", "high_water", "class:Energy", "class:Staples", "target:Energy", "target:Staples")
    # At the reference of 50: 150.00 + 525.00 + 100.00 = 775.00; -61.725, half-even -61.72, + 200.00 = 138.28.
    assert board.cells.tolist() == [
        [76_302, 14_321, 30_000, 10_000],
        [10_000, 20_000, 30_000, 0],
        [1_000_000, 2_000_000, 3_000_000, 0],
        [77_500, 14_321, 30_000, 10_000],
        [52_500, 0, 0, 10_000],
        [13_802, -5_679, 0, 0],
        [ONE // 2] * 4,
        [ONE // 2] * 4,
    ]
    assert (board.revision, board.as_of, board.position, board.covered) == (1, OPEN + 9, 12, {"ticks-0000": 5})
    assert (board.session_date, board.synthetic, board.prices_1e4.tolist()) == (DAY, True, [460_050, 500_000])
    assert (board.changed == 1).all()
    assert stores.told() == [(1, 1)]


def test_only_cells_that_differ_carry_the_new_revision(stores):
    worker = stores.worker()
    worker.take([record(1, block(1, 1, quote("KO", price=50 * ONE)))])
    worker.take([record(2, block(1, 2, quote("XOM", price=51 * ONE)))])
    board = stores.board()
    moved = {(board.columns[row], board.names[column]) for row, column in np.argwhere(board.changed == 2).tolist()}
    assert moved == {(name, owner) for name in ("value", "high_water", "class:Energy") for owner in ("northstar/P10", "northstar/P13")}
    worker.take([record(3, block(1, 3, quote("XOM", price=51 * ONE, at=7)))])
    assert (stores.board().revision, stores.board().as_of, int(stores.board().changed.max())) == (3, OPEN + 7, 2)
    assert stores.told() == [(1, 1), (1, 2)]


@pytest.mark.parametrize(
    ("quoted", "mark"),
    [
        (quote("KO", price=46 * ONE, bid=40 * ONE, ask=41 * ONE), 460_000),
        (quote("KO", bid=40 * ONE, ask=41 * ONE), 405_000),
        (quote("KO", bid=40 * ONE, ask=40 * ONE + UNIT), 400_000),
        (quote("KO", bid=40 * ONE + UNIT, ask=40 * ONE + 2 * UNIT), 400_002),
        (quote("KO", bid=40 * ONE, ask=40 * ONE + UNIT + 1), 400_001),
        (quote("KO", price=40 * ONE + UNIT // 2), 400_000),
        (quote("KO", price=40 * ONE + UNIT // 2 + 1), 400_001),
        (quote("KO", price=40 * ONE + 3 * UNIT // 2), 400_002),
        (quote("KO", bid=40 * ONE), 500_000),
        (quote("KO"), 500_000),
    ],
)
def test_the_mark_price_is_the_trade_the_middle_or_the_reference(stores, quoted, mark):
    """Halves of a ten-thousandth go to the even one: 40.00005 to 40.0000, 40.00015 to 40.0002."""
    stores.worker().take([record(1, block(1, 1, quoted))])
    assert stores.board().prices_1e4.tolist() == [mark, 500_000]


def test_a_quote_that_goes_leaves_the_reference(stores):
    worker = stores.worker()
    worker.take([record(1, block(1, 1, quote("KO", bid=40 * ONE, ask=42 * ONE)))])
    worker.take([record(2, block(1, 2, quote("KO", bid=40 * ONE)))])
    assert stores.board().prices_1e4.tolist() == [500_000, 500_000]


def test_the_market_shows_every_symbol_of_the_session(stores):
    stores.worker().take([record(1, block(0, 1, quote("PG", price=80 * ONE, bid=79 * ONE, ask=81 * ONE, at=4, publishers=2)))])
    board, none = stores.board(0), UNDEFINED_PRICE
    assert (board.names, board.columns) == (("GE", "KO", "PG", "XOM"), ("bid", "ask", "price", "ts_event", "publishers", "reference"))
    assert board.cells.tolist() == [
        [none, none, 79 * ONE, none],
        [none, none, 81 * ONE, none],
        [none, none, 80 * ONE, none],
        [0, 0, OPEN + 4, 0],
        [0, 0, 2, 0],
        [50 * ONE] * 4,
    ]
    assert len(board.prices_1e4) == 0
    cold = stores.worker()
    cold.take([record(2, block(0, 2, quote("PG", price=80 * ONE, bid=79 * ONE, ask=82 * ONE, at=5, publishers=2)))])
    board = stores.board(0)
    assert np.argwhere(board.changed == 2).tolist() == [[1, 2], [3, 2]]
    assert board.as_of == OPEN + 5


def test_what_was_taken_is_a_repeat_and_what_is_covered_is_late(stores):
    worker = stores.worker()
    worker.take([record(5, block(1, 10, quote("KO", price=46 * ONE))), record(6, block(1, 9, quote("KO", price=45 * ONE)))])
    before = stores.board()
    assert (before.position, before.revision, before.prices_1e4.tolist(), worker.late) == (6, 1, [460_000, 500_000], 1)
    worker.take([record(6, block(1, 12, quote("KO", price=44 * ONE)))])
    worker.take([record(7, block(1, 10, quote("KO", price=44 * ONE)))])
    assert (worker.repeats, worker.late, stores.board().prices_1e4.tolist()) == (1, 2, [460_000, 500_000])
    assert (stores.board().position, stores.board().revision) == (7, 1)
    # Another lane of ticks has a count of its own.
    worker.take([record(8, block(1, 3, quote("XOM", price=60 * ONE), lane="ticks-0001"))])
    assert stores.board().covered == {"ticks-0000": 10, "ticks-0001": 3}
    assert stores.told() == [(1, 1), (1, 2)]


def test_a_later_session_begins_from_its_own_book_and_the_revision_goes_on(stores):
    stores.sessions.open(NEXT_DAY)
    worker = stores.worker()
    worker.take(
        [
            record(
                1,
                block(1, 5, quote("KO", price=46 * ONE)),
            ),
            record(2, block(1, 6, quote("KO", price=47 * ONE))),
        ]
    )
    worker.take([record(3, block(1, 4, quote("XOM", price=60 * ONE), session_date=NEXT_DAY))])
    board = stores.board()
    assert (board.session_date, board.revision, board.covered) == (NEXT_DAY, 3, {"ticks-0000": 4})
    assert board.prices_1e4.tolist() == [500_000, 600_000]
    assert (board.changed == 3).all()
    worker.take([record(4, block(1, 9, quote("KO", price=48 * ONE)))])
    assert (worker.late, stores.board().session_date, stores.board().revision, stores.board().position) == (1, NEXT_DAY, 3, 4)


def test_the_session_opened_later_is_the_present_one_whatever_its_date(stores):
    """A day that is run again for the past."""
    stores.sessions.open(date(2018, 2, 2), opened_at=datetime(2018, 2, 5, 10, tzinfo=UTC))
    worker = stores.worker()
    worker.take([record(1, block(1, 5, quote("KO", price=46 * ONE)))])
    worker.take([record(2, block(1, 5, quote("KO", price=47 * ONE), session_date=date(2018, 2, 2)))])
    assert stores.board().session_date == date(2018, 2, 2)


def test_a_board_is_saved_also_when_only_its_position_moved(stores):
    worker = stores.worker()
    worker.take([record(1, block(1, 5, quote("KO", price=46 * ONE)))])
    worker.take([record(2, b"x")])
    assert (stores.board().position, stores.told()) == (2, [(1, 1)])


def test_a_block_of_a_session_that_is_not_seen_comes_again_and_other_lanes_stand(stores):
    batch = [
        record(1, block(2, 1, quote("KO", price=46 * ONE))),
        record(2, block(1, 1, quote("KO", price=46 * ONE), session_date=NEXT_DAY)),
    ]
    worker = stores.worker(save_every=1)
    assert worker.take(batch) == again(2)
    assert stores.board(2).position == 1
    stores.sessions.open(NEXT_DAY)
    assert worker.take(batch[1:]) == DONE
    assert stores.board(1).session_date == NEXT_DAY


@pytest.mark.parametrize("wrong", ["missing", "contradicts itself"])
def test_a_book_that_cannot_be_read_condemns_no_block(stores, wrong):
    key = stores.sessions.sessions[DAY].books[1]
    kept = stores.sessions.books.pop(key)
    if wrong == "contradicts itself":
        stores.sessions.books[key] = replace(kept, instruments=0 * kept.instruments, portfolios=0 * kept.portfolios)
    worker = stores.worker()
    assert worker.take([record(1, block(1, 1, quote("KO", price=46 * ONE)))]) == again(1)
    assert stores.quarantine.keys() == []
    stores.sessions.books[key] = kept
    assert worker.take([record(1, block(1, 1, quote("KO", price=46 * ONE)))]) == DONE


class Deaf:
    """An announcer that fails so many times."""

    def __init__(self, stores, failures):
        self.stores, self.failures = stores, failures

    def announce(self, moved):
        self.failures -= 1
        if self.failures >= 0:
            raise Unavailable("no bus")
        assert moved.revision <= self.stores.board(moved.bucket).revision
        self.stores.announcer.announce(moved)


def test_a_telling_that_fails_does_not_fail_the_batch_and_is_made_good(stores):
    worker = stores.worker()
    worker.outlets = replace(worker.outlets, announcer=Deaf(stores, 1))
    assert worker.take([record(1, block(1, 1, quote("KO", price=46 * ONE)))]) == DONE
    assert (stores.board().revision, stores.told()) == (1, [])
    # Nothing moves, and the word still goes out.
    worker.take([record(2, b"x")])
    assert stores.told() == [(1, 1)]


def test_a_silent_bus_is_asked_once_a_batch_however_many_lanes_have_something_to_tell(stores):
    worker, bus = stores.worker(), Deaf(stores, 1_000)
    worker.outlets = replace(worker.outlets, announcer=bus)
    both = [record(1, block(1, 1, quote("KO", price=46 * ONE))), record(2, block(2, 1, quote("KO", price=46 * ONE)))]
    assert worker.take(both) == DONE
    assert bus.failures == 999
    bus.failures = 0
    worker.take([record(3, b"x")])
    assert sorted(stores.told()) == [(1, 1), (2, 1)]


def test_a_board_whose_worker_died_before_it_told_is_told_when_its_batch_comes_again(stores):
    class Dies(Exception):
        pass

    class Deadly:
        def announce(self, moved):
            raise Dies

    worker = stores.worker()
    worker.outlets = replace(worker.outlets, announcer=Deadly())
    batch = [record(1, block(1, 1, quote("KO", price=46 * ONE)))]
    with pytest.raises(Dies):
        worker.take(batch)
    assert stores.worker().take(batch) == DONE
    assert stores.told() == [(1, 1)]


def test_a_board_with_which_another_worker_went_on_comes_again(stores):
    first, second = record(1, block(1, 1, quote("KO", price=46 * ONE))), record(2, block(1, 2, quote("KO", price=47 * ONE)))
    worker, other = stores.worker(), stores.worker()
    true = worker.sessions.book

    def overtaken(key):
        stores.sessions.book = true
        other.take([first, second])
        return true(key)

    stores.sessions.book = overtaken
    assert worker.take([first]) == again(1)
    assert worker.take([first]) == DONE
    assert (worker.repeats, stores.board().revision) == (1, 2)


@pytest.mark.parametrize(("revision", "at", "proved"), [(3, 1, True), (2, 1, False), (2, CLOSE - OPEN, True)])
def test_kept_values_are_proved_every_so_often_and_at_the_close(stores, revision, at, proved):
    worker = stores.worker(prove_every=3)
    for number in range(1, revision):
        worker.take([record(number, block(1, number, quote("XOM", price=(50 + number) * ONE)))])
    worker._lanes["bucket-0001"].shown.rows.marks.class_cents[0, 0] -= 7
    last = record(revision, block(1, revision, quote("KO", price=46 * ONE, at=at)))
    assert worker.take([last]) == (again(revision) if proved else DONE)
    if proved:
        assert worker.take([last]) == DONE
        held = books(DAY)[0]
        prices = dict(zip(held.symbols, stores.board().prices_1e4.tolist(), strict=True))
        assert stores.column("class:Energy") == worth(held, prices, "Energy")
        assert stores.column("value") == worth(held, prices)


def test_wrong_values_on_a_board_are_put_right_as_a_change_by_whoever_takes_it_up(stores):
    stores.worker().take([record(1, block(1, 1, quote("KO", price=46 * ONE)))])
    content, version = stores.boards.load("bucket-0001")
    board = decode_board(content)
    cells = board.cells.copy()
    cells[0, 1] -= 7
    stores.boards.save("bucket-0001", encode_board(replace(board, cells=cells)), version)
    stores.worker().take([record(1, block(1, 1, quote("KO", price=46 * ONE)))])
    mended = stores.board()
    assert mended.cells.tolist() == board.cells.tolist()
    assert (mended.revision, np.argwhere(mended.changed == 2).tolist()) == (2, [[0, 1]])
    assert stores.told()[-1] == (1, 2)


def test_a_high_water_mark_outlives_its_worker(stores):
    stores.worker().take([record(1, block(1, 1, quote("XOM", price=60 * ONE)))])
    stores.worker().take([record(2, block(1, 2, quote("XOM", price=40 * ONE)))])
    # 3 KO at 50 + 10.5 XOM at 60 + 100 = 880; now 10.5 at 40: 670.
    assert (stores.column("value")[0], stores.column("high_water")[0]) == (67_000, 88_000)


def test_a_board_of_other_rows_is_refused(stores):
    stores.worker().take([record(1, block(1, 1, quote("KO", price=46 * ONE)))])
    key = stores.sessions.sessions[DAY].books[1]
    owners = (("northstar", "P10"), ("northstar", "P11"), ("northstar", "P12"), ("northstar", "P14"))
    stores.sessions.books[key] = replace(stores.sessions.books[key], owners=owners)
    with pytest.raises(InvalidInput) as refused:
        stores.worker().take([record(2, block(1, 2, quote("KO", price=46 * ONE)))])
    assert refused.value.field == "board.names"


def test_tables_of_symbols_are_told_apart(stores):
    """The same number stands for another symbol in another table."""
    worker = stores.worker()
    worker.take([record(1, block(1, 1, quote("KO", price=46 * ONE)))])
    narrow = replace(block(1, 2, quote("GE", price=47 * ONE)), symbols=type(block(1, 1).symbols)(("XOM",)))
    worker.take([record(2, narrow)])
    assert stores.board().prices_1e4.tolist() == [460_000, 470_000]


@pytest.mark.parametrize("settings", [{"save_every": 0}, {"prove_every": 0}])
def test_limits_below_one_are_refused(stores, settings):
    with pytest.raises(InvalidInput):
        stores.worker(**settings)


def test_a_market_board_with_mark_prices_is_refused(stores):
    stores.worker().take([record(1, block(0, 1, quote("KO", price=46 * ONE)))])
    board = stores.board(0)
    with pytest.raises(InvalidInput) as refused:
        replace(board, prices_1e4=np.ones(1, np.int64))
    assert refused.value.field == "prices_1e4"
    assert isinstance(decode_board(encode_board(board)), LiveBoard)


def test_an_error_that_nobody_knows_is_no_poison(stores):
    worker = stores.worker()

    class Refusing:
        def put(self, key, content):
            raise DaymarkError("denied")

    worker.outlets = replace(worker.outlets, quarantine=Refusing())
    with pytest.raises(DaymarkError):
        worker.take([record(1, b"x")])


def test_a_board_that_was_lost_goes_on_above_all_that_was_seen_of_it(stores):
    """Whoever holds a revision of the first board must not take one of the second for a continuation of it."""
    noon = 1_517_850_000.0
    stores.worker().take([record(1, block(1, 1, quote("KO", price=46 * ONE)), arrived=noon)])
    stores.worker().take([record(2, block(1, 2, quote("KO", price=47 * ONE)), arrived=noon + 1)])
    assert stores.board().revision == 1_517_850_000_001
    stores.boards = MemoryLaneSnapshots()
    stores.worker().take([record(3, block(1, 3, quote("XOM", price=51 * ONE)), arrived=noon + 2)])
    assert stores.board().revision == int(stores.board().changed.min()) == 1_517_850_002_000
