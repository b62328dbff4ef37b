"""Replayed ticks on real closes: hours, labels of what they hold, pacing, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest

from daymark.contracts.dbn_records import Action
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput, NotASession, NotPublished
from daymark.core.sessions import Calendar
from daymark.market_data.conflation import HotQuotes
from daymark.market_data.labels import PriceLabel
from daymark.market_data.official_closes import official_document
from daymark.market_data.price_bridge import bridge
from daymark.market_data.replay_pacing import paced
from daymark.market_data.tick_gate import TickGate, TickRules
from daymark.market_data.tick_replay import PUBLISHERS, SYNTHETIC_TICKS, TickReplay, replay_closes
from daymark.market_data.trading_intensity import events_before, intensity, share_before
from tests.market_data_world import CRASH, desk, history, published

CALENDAR = Calendar.exchange()
HALF_DAY = date(2018, 7, 3)
# The largest move of a runnable session: AMD rose by 52 % on its results.
LEAP = date(2016, 4, 22)
NANOSECONDS = 10**9


def replay(day: date, ticks_per_symbol: int = 300, **changes) -> TickReplay:
    session = CALENDAR.session(day)
    previous, closes = replay_closes(desk(history().archive()), CALENDAR, session)
    return TickReplay(session, previous, closes, ticks_per_symbol, **changes)


def whole(source: TickReplay, most_rows: int = 10_000) -> Ticks:
    return Ticks.concatenate(list(source.blocks(most_rows)))


def closes_in_1e9(day: date) -> dict[str, int]:
    """The published closes of the stocks, and the bonds' as books are marked with them."""
    bonds = {name: close.price for name, close in desk(history().archive()).closing_prices(day).closes.items() if name.startswith("BOND")}
    assert len(bonds) == 2
    return {name: int(Decimal(price) * NANOSECONDS) for name, price in (published(day) | bonds).items()}


@pytest.mark.parametrize("day", [CRASH, HALF_DAY, LEAP])
def test_every_symbol_of_every_publisher_ends_on_its_close_and_the_gate_refuses_nothing(day):
    source, real = replay(day), closes_in_1e9(day)
    ticks = whole(source)
    assert len(ticks) == 22 * 300 == source.rows
    assert set(source.symbols.symbols) == set(real)
    for number, name in enumerate(source.symbols.symbols):
        for publisher in PUBLISHERS:
            last = np.flatnonzero((ticks.instrument == number) & (ticks.publisher == publisher.number))[-1]
            assert int(ticks.bid[last]) + int(ticks.ask[last]) == 2 * real[name]
            assert ticks.action[last] == Action.TRADE
            assert int(ticks.price[last]) == real[name]
    gate = TickGate(TickRules(source.session_start, source.session_end), 22, tuple(p.number for p in PUBLISHERS), source.references())
    hot = HotQuotes(22)
    for part in source.blocks(500):
        verdicts, rows, _ = gate.judge(part)
        assert not verdicts.any()
        hot.take(part, rows)
    closes = np.array([real[name] for name in source.symbols.symbols])
    assert (hot.quotes.columns["bid"] + hot.quotes.columns["ask"] == 2 * closes).all()
    assert (hot.trades.columns["price"] == closes).all()


def test_a_bond_moves_between_its_own_two_closes_in_whole_cents_and_ends_on_all_four_decimals():
    """BOND-AAA, 4 % until 2030-03-15: 105.92 on 2 February 2018, 105.9511 on the 5th: January's yield, and three days' interest."""
    source = replay(CRASH)
    assert source.previous_closes["BOND-AAA"] == Decimal("105.92")
    ticks = whole(source)
    bond = ticks.take(ticks.instrument == source.symbols.number("BOND-AAA"))
    assert (bond.bid[:-3] % 10_000_000 == 0).all()
    assert bond.price[-3:].tolist() == [105_951_100_000] * 3
    assert abs(int(bond.bid[0]) / NANOSECONDS / 105.92 - 1) < 0.005
    assert "priced from a yield series" in SYNTHETIC_TICKS


def test_cash_has_no_ticks_and_a_stand_in_for_a_refused_close_has():
    archive = history().archive()
    wanted = desk(archive)
    listed = {close.instrument_id: close for close in wanted.closing_prices(CRASH).closes.values()}
    listed["KO"] = replace(listed["KO"], label=PriceLabel.LAST_GOOD)
    listed["CASH"] = replace(listed["KO"], instrument_id="CASH", price=Decimal(1), label=PriceLabel.CASH)
    archive.publish_official_closes(CRASH, official_document(CRASH, listed.values()), 1, fence=None)
    previous, closes = replay_closes(wanted, CALENDAR, CALENDAR.session(CRASH))
    assert closes.keys() == previous.keys() == listed.keys() - {"CASH"}


@pytest.mark.parametrize(("day", "hours"), [(CRASH, 6.5), (HALF_DAY, 3.5)])
def test_the_rows_fill_the_sessions_own_hours(day, hours):
    source = replay(day)
    ticks = whole(source)
    assert source.session_end - source.session_start == hours * 3600 * NANOSECONDS
    assert int(ticks.ts_event[0]) >= source.session_start
    assert int(ticks.ts_event[0]) < source.session_start + 60 * NANOSECONDS
    assert (ticks.ts_event[-66:] == source.session_end).all()
    assert (ticks.ts_event[:-66] < source.session_end).all()
    assert (ticks.ts_recv > ticks.ts_event).all()


def test_open_and_close_are_busier_and_events_come_in_bursts():
    source = replay(CRASH, 4_000)
    ticks = whole(source)
    half_hours = np.bincount(((ticks.ts_event[:-66] - source.session_start) // (1800 * NANOSECONDS)).astype(np.int64), minlength=13)
    # The intensity is 2.2 at the ends and 0.4 in the middle; over a half hour of thirteen 1.94 and 0.40.
    assert half_hours[0] / half_hours.mean() == pytest.approx(1.94, abs=0.1)
    assert half_hours[12] / half_hours.mean() == pytest.approx(1.94, abs=0.1)
    assert half_hours[6] / half_hours.mean() == pytest.approx(0.40, abs=0.05)
    gaps = np.diff(ticks.ts_event[ticks.instrument == 0].astype(np.int64))
    # Events of a Poisson stream of 4,000 in 6.5 hours lie 5 s apart on average; one in 1,200 within 5 ms of the one before.
    assert (gaps < 5_000_000).mean() > 0.15


def test_publishers_disagree_a_little_and_share_the_rows_as_said():
    ticks = whole(replay(CRASH, 4_000))
    shares = [(ticks.publisher == publisher.number).mean() for publisher in PUBLISHERS]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
    one = ticks.take(ticks.instrument == 0)
    middle = (one.bid + one.ask) / 2
    switches = np.flatnonzero(np.diff(one.publisher.astype(int)))
    assert 0 < np.abs(middle[switches + 1] / middle[switches] - 1).max() < 0.005
    kinds = {Action(value) for value in np.unique(ticks.action).tolist()}
    assert kinds == {Action.ADD, Action.MODIFY, Action.TRADE}


def test_the_path_is_as_volatile_as_it_was_asked_to_be_and_leaps_nowhere():
    # At this price a tick and the disagreements are too small to count: what moves is the bridge.
    source = TickReplay(CALENDAR.session(CRASH), {"A": Decimal(100_000)}, {"A": Decimal(100_500)}, 8_000, volatility=0.02)
    ticks = whole(source)
    steps = np.diff(np.log((ticks.bid + ticks.ask) / 2))
    # A sum of 8,000 squares has a standard error of sqrt(2 / 8,000), 1.6 %.
    assert (steps**2).sum() == pytest.approx(0.02**2, rel=0.08)
    assert np.abs(steps).max() < 6 * 0.02 / np.sqrt(8_000)


def test_events_stay_in_order_where_bursts_meet_the_ends_of_parts():
    session = replace(CALENDAR.session(CRASH), close=CALENDAR.session(CRASH).open + timedelta(seconds=1))
    source = TickReplay(session, {"A": Decimal(10), "B": Decimal(20)}, {"A": Decimal(10), "B": Decimal(20)}, 4_000)
    ticks = whole(source)
    assert (np.diff(ticks.ts_event.astype(np.int64)) >= 0).all()
    for number in range(2):
        for publisher in PUBLISHERS:
            mine = ticks.sequence[(ticks.instrument == number) & (ticks.publisher == publisher.number)].astype(np.int64)
            assert (np.diff(mine) > 0).all()


def test_a_stock_below_a_dollar_is_quoted_in_hundredths_of_a_cent():
    session = CALENDAR.session(CRASH)
    cheap = TickReplay(session, {"A": Decimal("0.25"), "B": Decimal("25")}, {"A": Decimal("0.251"), "B": Decimal("25.5")}, 300)
    ticks = whole(cheap)
    steps = [int(np.gcd.reduce(ticks.bid[(ticks.instrument == number) & (ticks.action != Action.TRADE)])) for number in range(2)]
    assert [step % 10_000_000 for step in steps] == [100_000, 0]
    assert steps[0] == 100_000


def test_a_block_spans_no_longer_a_stretch_than_asked_for():
    source = replay(CRASH)
    stretch = 10 * NANOSECONDS
    parts = list(source.blocks(10_000, stretch))
    assert max(int(part.ts_event[-1] - part.ts_event[0]) for part in parts) < stretch
    assert Ticks.concatenate(parts).columns().keys() == whole(source).columns().keys()
    for name, column in whole(source).columns().items():
        assert np.array_equal(getattr(Ticks.concatenate(parts), name), column)


def test_the_closes_are_those_that_books_are_marked_with():
    archive = history().archive()
    wanted = desk(archive)
    session = CALENDAR.session(CRASH)
    corrected = [replace(close, price=Decimal("98.765")) for close in wanted.closing_prices(CRASH).closes.values()]
    archive.publish_official_closes(CRASH, official_document(CRASH, corrected), 1, fence=None)
    previous, closes = replay_closes(wanted, CALENDAR, session)
    assert set(closes.values()) == {Decimal("98.765")}
    assert len(closes) == 22
    assert closes.keys() == previous.keys()
    assert previous["AAPL"] == wanted.closing_prices(date(2018, 2, 2)).closes["AAPL"].price


def test_a_symbol_without_a_close_before_is_refused():
    archive = history().archive()
    wanted = desk(archive)
    before = date(2018, 2, 2)
    kept = [close for name, close in wanted.closing_prices(before).closes.items() if name != "KO"]
    archive.publish_official_closes(before, official_document(before, kept), 1, fence=None)
    with pytest.raises(NotPublished) as refused:
        replay_closes(wanted, CALENDAR, CALENDAR.session(CRASH))
    assert refused.value.field == "KO"
    with pytest.raises(NotASession):
        CALENDAR.session(date(2018, 2, 4))


GOOD = {"previous_closes": {"KO": Decimal("40")}, "closes": {"KO": Decimal("41")}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"closes": {}}, "closes"),
        ({"closes": {"XOM": Decimal(1)}}, "closes"),
        ({"closes": {"KO": Decimal("NaN")}}, "closes.KO"),
        ({"closes": {"KO": Decimal("Infinity")}}, "closes.KO"),
        ({"closes": {"KO": Decimal("-1")}}, "closes.KO"),
        ({"closes": {"KO": Decimal("0.009")}}, "closes.KO"),
        ({"closes": {"KO": Decimal("1000000.1")}}, "closes.KO"),
        ({"closes": {"KO": Decimal("40.0000000001")}}, "closes.KO"),
        ({"previous_closes": {"KO": Decimal(0)}}, "previous_closes.KO"),
        ({"ticks_per_symbol": 3}, "ticks_per_symbol"),
        ({"ticks_per_symbol": 20}, "ticks_per_symbol"),
        ({"closes": {"KO": Decimal("400000")}}, "ticks_per_symbol"),
        ({"volatility": 0.0}, "volatility"),
        ({"volatility": float("nan")}, "volatility"),
        ({"volatility": 1.0}, "volatility"),
    ],
)
def test_what_cannot_be_bridged_is_refused_by_name(changes, field):
    with pytest.raises(InvalidInput) as refused:
        TickReplay(CALENDAR.session(CRASH), **{"ticks_per_symbol": 300} | GOOD | changes)
    assert refused.value.field == field


@pytest.mark.parametrize(("limits", "field"), [((0,), "most_rows"), ((10, 0), "most_ns")])
def test_a_limit_out_of_range_is_refused_at_once(limits, field):
    with pytest.raises(InvalidInput) as refused:
        TickReplay(CALENDAR.session(CRASH), **GOOD, ticks_per_symbol=300).blocks(*limits)
    assert refused.value.field == field


def test_intensity_is_the_slope_of_the_share_and_the_shares_add_up():
    places = np.linspace(0.01, 0.99, 50)
    slopes = (share_before(places + 1e-6) - share_before(places - 1e-6)) / 2e-6
    assert slopes == pytest.approx(intensity(places), rel=1e-6)
    assert events_before(1, 3).tolist() == [0, 0, 1, 1]
    for limits, field in (((-1, 3), "total"), ((1, 0), "slices")):
        with pytest.raises(InvalidInput) as refused:
            events_before(*limits)
        assert refused.value.field == field


def test_a_bridge_has_the_variance_of_a_bridge():
    draws = np.random.default_rng(3).standard_normal((20_000, 4))
    paths = np.array([bridge(1.0, 3.0, np.array([1.0, 1.0, 1.0, 1.0]), 0.5, normals) for normals in draws])
    # At time t of 4 the mean lies on the line and the variance is 0.25 t (4 - t) / 4; standard errors of 20,000 draws.
    assert paths.mean(axis=0) == pytest.approx([1.5, 2.0, 2.5, 3.0], abs=4 * 0.5 / np.sqrt(20_000))
    assert paths.var(axis=0) == pytest.approx([0.1875, 0.25, 0.1875, 0.0], rel=4 * np.sqrt(2 / 20_000), abs=1e-15)
    assert (paths[:, -1] == 3.0).all()
    assert len(bridge(1.0, 2.0, np.empty(0), 1.0, np.empty(0))) == 0


@pytest.mark.parametrize(
    ("steps", "normals", "field"), [([1.0], [0.0, 0.0], "normals"), ([1.0, -1.0], [0.0, 0.0], "steps"), ([0.0], [0.0], "steps")]
)
def test_a_bridge_without_a_way_is_refused(steps, normals, field):
    with pytest.raises(InvalidInput) as refused:
        bridge(1.0, 2.0, np.array(steps), 1.0, np.array(normals))
    assert refused.value.field == field


class Watch:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def block_at(*seconds: int) -> Ticks:
    rows = whole(TickReplay(CALENDAR.session(CRASH), **GOOD, ticks_per_symbol=300)).take(slice(0, len(seconds)))
    return replace(rows, ts_event=np.array([second * NANOSECONDS for second in seconds], np.uint64))


def test_blocks_are_handed_out_when_their_last_event_may_have_happened():
    watch, blocks = Watch(), [block_at(1_000, 1_010), Ticks.empty(), block_at(1_030), block_at(1_040)]
    stream = paced(blocks, 1_000 * NANOSECONDS, 5.0, watch, watch.sleep)
    assert next(stream) is blocks[0]
    assert watch.now == 102.0
    assert len(next(stream)) == 0
    watch.now = 107.0  # the third was due at 106: it is late, the fourth is not
    next(stream)
    assert watch.now == 107.0
    next(stream)
    assert watch.slept == [2.0, 1.0]
    assert next(stream, None) is None


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(InvalidInput) as refused:
        paced([], 0, speed, Watch(), lambda _: None)
    assert refused.value.field == "speed"
