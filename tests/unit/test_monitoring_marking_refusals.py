"""What the marking refuses by name: kept as it came, while its lane goes on."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.quote_blocks import StreamPosition, encode_quotes
from daymark.market_data.quarantine import Quarantined
from tests.mark_world import DAY, NEXT_DAY, ONE, UNIT, Stores, block, books, quote, record, worth

DONE = {"batchItemFailures": []}


@pytest.fixture
def stores():
    return Stores()


@pytest.fixture(autouse=True)
def quiet_log():
    logging.getLogger("daymark").setLevel(logging.CRITICAL + 1)
    yield
    logging.getLogger("daymark").setLevel(logging.NOTSET)


def poisoned():
    good = block(1, 5, quote("KO", price=46 * ONE))
    content = encode_quotes(good)
    two = (StreamPosition("ticks-0000", 1, 2), StreamPosition("ticks-0001", 1, 2))
    return {
        "damaged": (record(7, content[:-1] + bytes([content[-1] ^ 1])), "block.checksum"),
        "cut short": (record(7, content[:80]), "block.payload_bytes"),
        "no block": (record(7, b"{}"), "block.magic"),
        "wrong version": (record(7, content[:4] + b"\x07" + content[5:]), "block.version"),
        "market ticks": (record(7, replace(good, synthetic=False)), "block.flags"),
        "another lane": (record(7, good, key="bucket-0002"), "partition_key"),
        "no lane": (record(7, good, key="ticks-0000"), "partition_key"),
        "unknown bucket": (record(7, replace(good, bucket=9)), "bucket"),
        "not held": (record(7, block(1, 5, quote("KO", price=46 * ONE), quote("GE", price=46 * ONE))), "quotes.instrument[0]"),
        "zero": (record(7, block(1, 5, quote("KO", price=0))), "quotes.price[0]"),
        "below zero": (record(7, block(1, 5, quote("KO", bid=-1, ask=1))), "quotes.bid[0]"),
        "rounds to zero": (record(7, block(1, 5, quote("KO", price=UNIT // 2))), "prices_1e4[0]"),
        "too high": (record(7, block(1, 5, quote("KO", ask=2**62))), "quotes.ask[0]"),
        "no such time": (record(7, block(1, 5, quote("KO", price=ONE, at=2**63))), "quotes.ts_event[0]"),
        "no position": (record(7, replace(good, positions=())), "positions"),
        "two positions": (record(7, replace(good, positions=two)), "positions"),
    }


@pytest.mark.parametrize("kind", poisoned())
def test_poison_is_kept_as_it_came_and_the_lane_goes_on(stores, kind):
    poison, field = poisoned()[kind]
    poison = replace(poison, arrived=1_517_850_000.0)
    worker = stores.worker()
    assert worker.take([record(6, block(1, 4, quote("XOM", price=51 * ONE))), poison]) == DONE
    (key,) = stores.quarantine.keys()
    entry = Quarantined.decode(stores.quarantine.get(key))
    # Both the session and, of a block that cannot be read, the day of its arrival are 2018-02-05.
    assert key == "quarantine/quotes/2018-02-05/shardId-0/" + "7".zfill(56)
    assert (entry.sequence, entry.payload, entry.reasons["code"], entry.reasons["field"]) == (7, poison.content, "invalid_input", field)
    assert worker.refused == 1
    assert (stores.board().revision, stores.board().prices_1e4.tolist()) == (1, [500_000, 510_000])
    assert stores.board().position == (7 if poison.partition_key == "bucket-0001" else 6)
    assert stores.worker().take([record(8, block(1, 6, quote("KO", price=47 * ONE)))]) == DONE
    assert stores.board().prices_1e4.tolist() == [470_000, 510_000]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"price": 0}, "quotes.price[0]"),
        ({"bid": -1, "ask": 1}, "quotes.bid[0]"),
        ({"ask": 2**62}, "quotes.ask[0]"),
        ({"price": ONE, "at": 2**63}, "quotes.ts_event[0]"),
    ],
)
def test_the_markets_board_refuses_what_portfolios_boards_do(stores, wrong, field):
    poison = record(7, block(0, 5, quote("KO", **wrong)), "bucket-0000")
    assert stores.worker().take([record(6, block(0, 4, quote("XOM", price=51 * ONE)), "bucket-0000"), poison]) == DONE
    (key,) = stores.quarantine.keys()
    assert Quarantined.decode(stores.quarantine.get(key)).reasons["field"] == field
    assert (stores.board(0).revision, stores.board(0).position) == (1, 7)
    assert stores.column("price", 0) == [UNDEFINED_PRICE] * 3 + [51 * ONE]
    assert stores.column("ask", 0) == [UNDEFINED_PRICE] * 4


def test_a_price_that_would_overflow_a_position_is_refused_and_the_others_of_its_block_are_taken(stores):
    """33.3333 PG: 333,333 times 2.3e13 ten-thousandths is 7.7e18, below 2^63. Of two million times as many PG it is above; GE is not."""
    price = 2_300_000_000 * ONE
    stores.worker().take([record(1, block(2, 1, quote("PG", price=price)), "bucket-0002")])
    assert stores.quarantine.keys() == []
    huge = books(DAY)[1]
    key = stores.sessions.sessions[DAY].books[2]
    stores.sessions.books[key] = replace(huge, quantities_1e4=huge.quantities_1e4 * 2_000_000)
    other = Stores()
    other.sessions = stores.sessions
    assert other.worker().take([record(1, block(2, 1, quote("GE", price=ONE), quote("PG", price=price)), "bucket-0002")]) == DONE
    (kept,) = other.quarantine.keys()
    reasons = Quarantined.decode(other.quarantine.get(kept)).reasons
    assert (reasons["field"], reasons["message"].split(";")[0]) == ("quotes.price", "no position could be valued at this price of PG")
    assert other.board(2).prices_1e4.tolist() == [10_000, 500_000, 500_000]
    held = stores.sessions.books[key]
    assert other.column("value", 2) == worth(held, {"GE": 10_000, "KO": 500_000, "PG": 500_000})
    # A worker that takes up the board finds nothing wrong with it, and the symbol goes on with its next price.
    assert other.worker().take([record(2, block(2, 2, quote("PG", price=51 * ONE)), "bucket-0002")]) == DONE
    assert other.column("value", 2) == worth(held, {"GE": 10_000, "KO": 500_000, "PG": 510_000})
    assert len(other.quarantine.keys()) == 1


def test_poison_before_any_board_leaves_its_object_and_no_board(stores):
    worker = stores.worker()
    poison = record(7, b"x")
    assert worker.take([poison]) == DONE
    assert stores.worker().take([poison]) == DONE
    assert len(stores.quarantine.keys()) == 1
    assert stores.boards.load("bucket-0001") is None
    assert stores.told() == []


def test_poison_of_a_new_session_does_not_begin_it(stores):
    stores.sessions.open(NEXT_DAY)
    worker = stores.worker()
    worker.take([record(1, block(1, 5, quote("KO", price=46 * ONE)))])
    worker.take([record(2, block(1, 6, quote("KO", price=UNIT // 3), session_date=NEXT_DAY))])
    assert stores.quarantine.keys() == ["quarantine/quotes/2018-02-06/shardId-0/" + "2".zfill(56)]
    assert (stores.board().session_date, stores.board().revision, stores.board().position) == (DAY, 1, 2)
