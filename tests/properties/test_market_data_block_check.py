"""Block checks: they prove only what every row by itself confirms, and change neither a verdict nor the state."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.dbn_records import UNDEFINED_PRICE, UNDEFINED_TIME, Action
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.market_data.block_check import proven_levels, steps_hold
from daymark.market_data.conflation import HotQuotes
from daymark.market_data.tick_gate import TickGate, TickRules, Verdict
from daymark.market_data.tick_rules import ANY_TIME, HIGHEST

ONE = 1_000_000_000
CENT = ONE // 100
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE
RULES = TickRules(OPEN, CLOSE, spread=0.05, band=0.10, reanchor_after=2, ahead_ns=1_000, age_ns=5_000)
SYMBOLS, PUBLISHERS = 3, (7, 2)


def clean(n_rows, seed):
    """Rows near 100, of which every rule takes each: sequences rise, trades lie on the quote."""
    draw = np.random.default_rng(seed)
    bid = 100 * ONE + draw.integers(-200, 200, n_rows) * CENT
    trade = draw.random(n_rows) < 0.3
    event = OPEN + np.sort(draw.integers(0, 50, n_rows))
    columns = {
        "instrument": draw.integers(0, SYMBOLS, n_rows),
        "publisher": draw.choice(PUBLISHERS, n_rows),
        "sequence": 10 + 2 * np.arange(n_rows),
        "ts_event": event,
        "ts_recv": event + draw.integers(-1_000, 5_001, n_rows),
        "bid": bid,
        "ask": bid + draw.integers(0, 5, n_rows) * CENT,
        "price": np.where(trade, bid, UNDEFINED_PRICE),
        "action": np.where(trade, int(Action.TRADE), int(Action.MODIFY)),
    }
    return Ticks(**{name: np.ascontiguousarray(columns.get(name, np.full(n_rows, 3)), dtype) for name, dtype in COLUMNS.items()})


def changed(ticks, row, name, value):
    column = getattr(ticks, name).copy()
    column[row] = value
    return replace(ticks, **{name: column})


DIRT = st.one_of(
    st.tuples(st.just("quote"), st.integers(85, 125).map(lambda units: units * ONE)),
    st.tuples(st.just("sequence"), st.integers(0, 60)),
    st.tuples(
        st.sampled_from(["bid", "ask", "price"]),
        st.sampled_from([0, -1, 1, 99_999, 100_000, UNDEFINED_PRICE, -(2**63), HIGHEST, HIGHEST + 1]),
    ),
    st.tuples(st.sampled_from(["bid", "ask", "price"]), st.integers(85, 125).map(lambda units: units * ONE)),
    st.tuples(st.sampled_from(["ts_event", "ts_recv"]), st.sampled_from([0, OPEN - 1, OPEN + 5_020, CLOSE, CLOSE + 1, UNDEFINED_TIME])),
    st.tuples(st.just("instrument"), st.just(SYMBOLS)),
    st.tuples(st.just("publisher"), st.just(9)),
    st.tuples(st.just("action"), st.just(int(Action.TRADE))),
)


def passed(blocks, references, block_checks, received_by):
    gate = TickGate(RULES, SYMBOLS, PUBLISHERS, references, block_checks=block_checks)
    hot, seen = HotQuotes(SYMBOLS), []
    for block in blocks:
        verdicts, rows, keys = gate.judge(block, received_by)
        symbols, superseded = hot.take(block, rows, keys)
        seen += [verdicts.tolist(), rows.tolist(), keys.tolist(), symbols.tolist(), superseded]
        seen += [array.tolist() for array in (gate.last_sequence, gate.reference_x2, gate.refused_in_a_row)]
        for latest in (hot.quotes, hot.trades):
            seen += [array.tolist() for array in (latest.ts_event, latest.rank, *latest.columns.values())]
    return seen


@settings(max_examples=300)
@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=3),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 60), DIRT), max_size=3),
    st.lists(st.sampled_from([0, 92 * ONE, 100 * ONE, 109 * ONE, 130 * ONE]), min_size=SYMBOLS, max_size=SYMBOLS),
    st.sampled_from([ANY_TIME, ANY_TIME, OPEN + 5_050, OPEN + 4_000]),
)
def test_checks_change_no_verdict_and_no_state(sizes, seed, dirt, references, received_by):
    ticks = clean(sum(sizes), seed)
    for row, (name, value) in dirt if len(ticks) else ():
        for part in ("bid", "ask", "price") if name == "quote" else (name,):
            ticks = changed(ticks, row % len(ticks), part, value)
    ends = np.cumsum(sizes).tolist()
    blocks = [ticks.take(slice(first, last)) for first, last in zip([0, *ends], ends, strict=False)]
    known = np.array(references, np.int64)
    assert passed(blocks, known, True, received_by) == passed(blocks, known, False, received_by)


@given(st.integers(1, 40), st.integers(0, 2**32))
def test_a_clean_block_is_proven_without_looking_at_a_row_alone(n_rows, seed):
    ticks = clean(n_rows, seed)
    gate = TickGate(RULES, SYMBOLS, PUBLISHERS, np.full(SYMBOLS, 100 * ONE))
    gate._alone = gate._walk = None
    assert gate.judge(ticks)[0].tolist() == [Verdict.TAKEN] * n_rows


def test_no_row_is_proven_that_was_received_after_its_block_arrived():
    ticks = changed(clean(2, 1), 1, "ts_recv", OPEN + 4_000)
    assert proven_levels(ticks, RULES, OPEN + 4_000) is not None
    late = changed(ticks, 1, "ts_recv", OPEN + 4_001)
    assert proven_levels(late, RULES, OPEN + 4_000) is None
    assert proven_levels(late, RULES) is not None


@pytest.mark.parametrize(
    ("name", "held", "refused"),
    [
        ("ts_event", OPEN, OPEN - 1),
        ("ts_event", CLOSE, CLOSE + 1),
        ("ts_recv", OPEN + 20 - 1_000, OPEN + 20 - 1_001),
        ("ts_recv", OPEN + 20 + 5_000, OPEN + 20 + 5_001),
        ("bid", 100 * ONE, 100 * ONE + 1),
        ("bid", 100 * ONE, -(2**63)),
        ("ask", 100 * ONE, UNDEFINED_PRICE),
        # A spread of 5 in a middle of 100: bid 97.5, ask 102.5.
        ("spread", 0, 1),
        ("price", 100 * ONE, 100 * ONE + 1),
        ("price", 100 * ONE, 100 * ONE - 1),
        ("price", 100 * ONE, UNDEFINED_PRICE),
        ("price", 100 * ONE, 0),
    ],
)
def test_each_check_holds_at_its_limit_and_not_one_step_beyond(name, held, refused):
    """One row of a locked quote of 100, so that a trade may lie nowhere else; a second row beside it is always fine."""
    ticks = clean(2, 1)
    event, locked = np.full(2, OPEN + 20, np.uint64), np.full(2, 100 * ONE)
    ticks = replace(
        ticks, ts_event=event, ts_recv=event, bid=locked, ask=locked, price=locked, action=np.full(2, int(Action.TRADE), np.uint8)
    )

    def at(value):
        if name == "spread":
            wide = changed(changed(ticks, 0, "bid", 97_500_000_000), 0, "ask", 102_500_000_000 + value)
            return replace(wide, action=np.full(2, int(Action.MODIFY), np.uint8))
        one = changed(ticks, 0, name, value)
        return changed(one, 0, "ts_recv", value) if name == "ts_event" else one

    levels = proven_levels(at(held), RULES)
    assert levels is not None
    assert levels.tolist() == [200 * ONE, 200 * ONE]
    assert proven_levels(at(refused), RULES) is None


@pytest.mark.parametrize(
    ("price", "is_proven"), [(100_000, True), (99_999, False), (0, False), (-1, False), (HIGHEST, True), (HIGHEST + 1, False)]
)
def test_a_locked_quote_is_proven_within_the_range_of_prices(price, is_proven):
    """Bid and ask alike, so that neither the spread nor a crossed quote gives it away."""
    ticks = clean(1, 1)
    quote = np.full(1, price)
    ticks = replace(ticks, bid=quote, ask=quote, action=np.full(1, int(Action.MODIFY), np.uint8))
    assert (proven_levels(ticks, RULES) is not None) == is_proven


@pytest.mark.parametrize(
    ("bid", "ask", "price", "is_proven"),
    [
        (100 * ONE, 200 * ONE, 100_000, True),
        (100 * ONE, 200 * ONE, 99_999, False),
        (HIGHEST - 1, HIGHEST, HIGHEST, True),
        (HIGHEST - 1, HIGHEST, HIGHEST + 1, False),
    ],
)
def test_a_trade_no_further_out_than_the_quote_is_wide_must_still_be_a_price(bid, ask, price, is_proven):
    ticks = replace(
        clean(1, 1), bid=np.full(1, bid), ask=np.full(1, ask), price=np.full(1, price), action=np.full(1, int(Action.TRADE), np.uint8)
    )
    assert (proven_levels(ticks, replace(RULES, spread=0.9)) is not None) == is_proven


def test_no_rows_prove_nothing():
    assert proven_levels(Ticks.empty(), RULES) is None


def test_the_longest_step_is_held_against_the_lowest_level():
    heads = np.array([0, 3])
    # Of the lowest level 1000 a tenth is 100; from 1100 to 1000 is one step of that length. 5000 begins another key.
    assert steps_hold(np.array([1_050, 1_100, 1_000, 5_000]), heads, 0.10)
    assert not steps_hold(np.array([1_050, 1_101, 1_000, 5_000]), heads, 0.10)
    assert not steps_hold(np.array([1_050, 1_000, 1_101, 5_000]), heads, 0.10)
