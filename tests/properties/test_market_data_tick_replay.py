"""Replayed ticks for any closes: they end on the close, are sound, and depend on session, symbol and seed alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput
from daymark.core.sessions import Calendar
from daymark.market_data.tick_gate import TickGate, TickRules
from daymark.market_data.tick_replay import PUBLISHERS, TickReplay
from daymark.market_data.trading_intensity import events_before

SESSIONS = [date(2018, 2, 5), date(2018, 7, 3), date(2012, 1, 3)]
PRICE = st.integers(10, 2_000_000).map(lambda thousandths: Decimal(thousandths) / 1000)
MOVE = st.floats(-0.6, 0.5)


def source(day: date, pairs: dict[str, tuple[Decimal, Decimal]], ticks: int = 250, seed: int = 0) -> TickReplay:
    previous, closes = ({name: pair[side] for name, pair in pairs.items()} for side in range(2))
    return TickReplay(Calendar.exchange().session(day), previous, closes, ticks, seed)


def content(ticks: Ticks, replay: TickReplay) -> bytes:
    return encode_block(TickBlock(ticks, replay.symbols, replay.session.session_date, synthetic=True))


def whole(replay: TickReplay, most_rows: int = 5_000, most_ns: int | None = None) -> Ticks:
    return Ticks.concatenate(list(replay.blocks(most_rows, most_ns)))


@settings(max_examples=30)
@given(st.sampled_from(SESSIONS), PRICE, MOVE, st.integers(0, 5), st.integers(250, 400))
def test_any_close_is_reached_by_rows_that_the_gate_takes(day, first, move, seed, count):
    last = max(Decimal("0.01"), (first * Decimal(1 + move)).quantize(Decimal("0.001")))
    replay = source(day, {"A": (first, last)}, count, seed)
    ticks = whole(replay)
    assert len(ticks) == count
    assert (ticks.bid > 0).all()
    assert (ticks.ask >= ticks.bid).all()
    assert (np.diff(ticks.ts_event.astype(np.int64)) >= 0).all()
    closing = ticks.take(slice(-len(PUBLISHERS), None))
    assert set(closing.publisher.tolist()) == {publisher.number for publisher in PUBLISHERS}
    exact = int(last * 10**9)
    assert (closing.bid + closing.ask == 2 * exact).all()
    assert (closing.price == exact).all()
    gate = TickGate(TickRules(replay.session_start, replay.session_end), 1, (1, 2, 3), np.array([int(first * 10**9)]))
    verdicts, _, _ = gate.judge(ticks)
    assert not verdicts.any()
    assert not gate.refused_in_a_row.any()


@settings(max_examples=12)
@given(st.sampled_from(SESSIONS), st.integers(1, 700), st.one_of(st.none(), st.integers(1, 3 * 3600 * 10**9)), st.integers(0, 3))
def test_however_the_rows_are_cut_they_are_the_same_bytes(day, most_rows, most_ns, seed):
    assume(most_ns is None or most_ns > 10**9)
    pairs = {"KO": (Decimal("38.1"), Decimal("37.25")), "AMD": (Decimal("13.25"), Decimal("12.5"))}
    replay = source(day, pairs, seed=seed)
    blocks = list(replay.blocks(most_rows, most_ns))
    assert max(map(len, blocks)) <= most_rows
    assert min(map(len, blocks)) > 0
    again = source(day, pairs, seed=seed)
    assert content(Ticks.concatenate(blocks), replay) == content(whole(again), again)


def of_symbol(replay: TickReplay, name: str) -> dict[str, list[int]]:
    ticks = whole(replay)
    mine = ticks.take(ticks.instrument == replay.symbols.number(name))
    return {column: getattr(mine, column).tolist() for column in COLUMNS if column != "instrument"}


@settings(max_examples=5)
@given(st.permutations(["AMD", "GE", "KO", "XOM"]), st.integers(1, 4), st.integers(0, 3))
def test_a_symbols_rows_do_not_depend_on_the_other_symbols_or_their_order(names, kept, seed):
    pairs = {name: (Decimal(10 + place), Decimal(11)) for place, name in enumerate(sorted(names))}
    everyone = source(SESSIONS[0], pairs, seed=seed)
    chosen = source(SESSIONS[0], {name: pairs[name] for name in names[:kept]}, seed=seed)
    for name in names[:kept]:
        assert of_symbol(chosen, name) == of_symbol(everyone, name)


def test_another_session_symbol_or_seed_has_other_rows():
    pair = (Decimal(40), Decimal(41))
    listed = [source(SESSIONS[0], {"KO": pair}), source(SESSIONS[0], {"KO": pair}, seed=1), source(SESSIONS[2], {"KO": pair})]
    paths = [whole(replay).bid.tolist() for replay in listed] + [whole(source(SESSIONS[0], {"KP": pair})).bid.tolist()]
    assert len({tuple(path) for path in paths}) == 4
    times = [(whole(replay).ts_event - np.uint64(replay.session_start)).tolist() for replay in listed]
    assert len({tuple(each) for each in times}) == 3


@given(st.integers(0, 10**9), st.integers(1, 2_000))
def test_the_intensity_integrates_to_the_count(total, slices):
    before = events_before(total, slices)
    assert (before[0], before[-1], len(before)) == (0, total, slices + 1)
    assert (np.diff(before) >= 0).all()


@settings(max_examples=30)
@given(PRICE, PRICE, st.integers(4, 260))
def test_a_way_too_steep_for_its_ticks_is_refused_and_any_other_passes_the_gate(first, last, count):
    try:
        replay = source(SESSIONS[0], {"A": (first, last)}, count)
    except InvalidInput as refused:
        assert refused.field == "ticks_per_symbol"
        return
    gate = TickGate(TickRules(replay.session_start, replay.session_end), 1, (1, 2, 3), replay.references())
    assert not gate.judge(whole(replay))[0].any()
