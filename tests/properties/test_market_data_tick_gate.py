"""The tick gate and conflation against a plain loop over rows, for any stream and any cut of it into blocks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.dbn_records import UNDEFINED_PRICE, UNDEFINED_TIME, Action
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput
from daymark.market_data.conflation import HotQuotes, LatestRows
from daymark.market_data.tick_gate import TickGate, TickRules, Verdict
from daymark.market_data.tick_rules import ANY_TIME

ONE = 1_000_000_000
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE  # 2018-02-05 09:30 and 16:00 in New York
RULES = TickRules(OPEN, CLOSE, spread=0.05, band=0.10, reanchor_after=3, ahead_ns=1_000, age_ns=5_000)
SYMBOLS, PUBLISHERS = 3, (7, 2)
REFERENCES = np.array([100 * ONE, 0, 50 * ONE], dtype=np.int64)

PRICE = st.one_of(
    st.integers(90, 130).map(lambda units: units * ONE),
    st.integers(-2, 2000).map(lambda units: units * ONE),
    st.sampled_from([UNDEFINED_PRICE, UNDEFINED_PRICE - 1, -(2**63), 0]),
)
# When a stream may have taken the blocks: any time, or while the rows below are under way.
RECEIVED_BY = st.sampled_from([ANY_TIME, ANY_TIME, OPEN + 5_000, OPEN + 6])
TIME = st.one_of(st.integers(OPEN, OPEN + 12), st.sampled_from([0, OPEN - 1, CLOSE, CLOSE + 1, 2**63, UNDEFINED_TIME]))


@st.composite
def rows(draw):
    event = draw(TIME)
    received = draw(st.one_of(st.just(event), TIME, st.integers(-1_001, 5_001).map(lambda late: min(max(event + late, 0), UNDEFINED_TIME))))
    bid = draw(PRICE)
    ask = draw(st.one_of(st.just(bid), st.integers(-1, 7).map(lambda width: max(min(bid + width * ONE, UNDEFINED_PRICE), -(2**63))), PRICE))
    price = draw(st.one_of(st.just(bid), st.just(ask), PRICE))
    return {
        "instrument": draw(st.sampled_from([0, 1, 2, 0, 1, 2, SYMBOLS, 2**32 - 1])),
        "publisher": draw(st.sampled_from([7, 2, 7, 2, 3, 65_535])),
        "sequence": draw(st.one_of(st.integers(0, 12), st.just(2**32 - 1))),
        "ts_event": event,
        "ts_recv": received,
        "bid": bid,
        "ask": ask,
        "price": max(price, -(2**63)),
        "bid_size": draw(st.integers(0, 9)),
        "ask_size": draw(st.integers(0, 9)),
        "size": draw(st.integers(0, 9)),
        "action": draw(st.sampled_from([Action.TRADE, Action.MODIFY])),
        "flags": 0,
    }


def ticks_of(listed):
    return Ticks(**{name: np.array([row[name] for row in listed], dtype=dtype) for name, dtype in COLUMNS.items()})


class PlainGate:
    """The same rules, one row after the other, in Python's own integers."""

    def __init__(self, received_by):
        self.last, self.reference, self.refused = {}, {}, {}
        self.received_by = received_by

    def judge(self, row):
        if row["instrument"] >= SYMBOLS:
            return Verdict.UNKNOWN_SYMBOL
        if row["publisher"] not in PUBLISHERS:
            return Verdict.UNKNOWN_PUBLISHER
        key = row["publisher"], row["instrument"]
        verdict, level = self.alone(row)
        if verdict is not Verdict.TAKEN:
            return verdict
        if row["sequence"] <= self.last.get(key, -1):
            return Verdict.REPEATED
        self.last[key] = row["sequence"]
        return self.in_band(key, level)

    def alone(self, row):
        bid, ask, price, event, received = (row[name] for name in ("bid", "ask", "price", "ts_event", "ts_recv"))
        quoted = bid != UNDEFINED_PRICE and ask != UNDEFINED_PRICE
        traded = row["action"] == Action.TRADE and price != UNDEFINED_PRICE
        if not quoted and not traded:
            return Verdict.NO_PRICE, 0
        if any(not 100_000 <= one <= UNDEFINED_PRICE // 4 for one in ([bid, ask] if quoted else []) + ([price] if traded else [])):
            return Verdict.NOT_POSITIVE, 0
        if quoted and ask < bid:
            return Verdict.CROSSED, 0
        if quoted and 2.0 * (ask - bid) > RULES.spread * (bid + ask):
            return Verdict.WIDE_SPREAD, 0
        if quoted and traded and not bid - (ask - bid) <= price <= ask + (ask - bid):
            return Verdict.OFF_MARKET, 0
        if not OPEN <= event <= CLOSE:
            return Verdict.OUTSIDE_SESSION, 0
        # An undefined or absurd receipt wraps to a number of its own; it is refused one way or the other.
        late = (received - event + 2**63) % 2**64 - 2**63
        if late < -RULES.ahead_ns or received > self.received_by:
            return Verdict.FUTURE, 0
        if late > RULES.age_ns:
            return Verdict.STALE, 0
        return Verdict.TAKEN, bid + ask if quoted else 2 * price

    def in_band(self, key, level):
        good = self.reference.setdefault(key, 2 * int(REFERENCES[key[1]]))
        if good and self.refused.get(key, 0) < RULES.reanchor_after and abs(level - good) > RULES.band * good:
            self.refused[key] = self.refused.get(key, 0) + 1
            return Verdict.OUTSIDE_BAND
        self.reference[key], self.refused[key] = level, 0
        return Verdict.TAKEN


def new_gate():
    return TickGate(RULES, SYMBOLS, PUBLISHERS, REFERENCES)


def state_of(gate, hot):
    kept = [gate.last_sequence, gate.reference_x2, gate.refused_in_a_row]
    for latest in (hot.quotes, hot.trades):
        kept += [latest.ts_event, latest.rank, *latest.columns.values()]
    return [array.tolist() for array in kept]


def run(ticks, cuts, received_by=ANY_TIME):
    gate, hot = new_gate(), HotQuotes(SYMBOLS)
    verdicts, superseded, kept = [], 0, 0
    for start, end in zip([0, *cuts], [*cuts, len(ticks)], strict=True):
        block = ticks.take(slice(start, end))
        judged, taken, key = gate.judge(block, received_by)
        assert sorted(taken.tolist()) == np.flatnonzero(judged == Verdict.TAKEN).tolist()
        slots = {number: slot for slot, number in enumerate(PUBLISHERS)}
        expected = [slots[int(block.publisher[row])] * SYMBOLS + int(block.instrument[row]) for row in taken]
        assert key.tolist() == expected == sorted(expected)
        changed, lost = hot.take(block, taken)
        assert set(changed.tolist()) <= set(block.instrument[taken].tolist())
        verdicts += judged.tolist()
        superseded += lost
        kept += len(taken) - lost
    return verdicts, state_of(gate, hot), kept + superseded


@settings(max_examples=400)
@given(st.lists(rows(), max_size=40), RECEIVED_BY)
def test_every_verdict_is_that_of_the_plain_loop(listed, received_by):
    plain = PlainGate(received_by)
    verdicts, _, taken = run(ticks_of(listed), [], received_by)
    assert [Verdict(one).name for one in verdicts] == [plain.judge(row).name for row in listed]
    assert taken == verdicts.count(Verdict.TAKEN)


@settings(max_examples=300)
@given(st.lists(rows(), max_size=40), st.lists(st.integers(0, 40), max_size=6), RECEIVED_BY)
def test_any_cut_into_blocks_gives_the_same_verdicts_and_the_same_state(listed, cuts, received_by):
    ticks = ticks_of(listed)
    assert run(ticks, sorted(min(cut, len(ticks)) for cut in cuts), received_by)[:2] == run(ticks, [], received_by)[:2]


@given(st.lists(rows(), max_size=40), st.integers(0, 40))
def test_a_replay_from_any_place_takes_nothing_twice(listed, start):
    ticks, gate, hot = ticks_of(listed), new_gate(), HotQuotes(SYMBOLS)
    first, taken, _ = gate.judge(ticks)
    hot.take(ticks, taken)
    before, start = state_of(gate, hot), min(start, len(ticks))
    verdicts, taken, _ = gate.judge(ticks.take(slice(start, None)))
    assert len(taken) == 0
    # What is bad by itself is so again; the others have been sent.
    sent = {Verdict.TAKEN, Verdict.REPEATED, Verdict.OUTSIDE_BAND}
    assert verdicts.tolist() == [Verdict.REPEATED if one in sent else one for one in first.tolist()[start:]]
    assert state_of(gate, hot) == before


@given(st.lists(rows(), max_size=40), st.randoms(use_true_random=False))
def test_the_latest_row_stands_whatever_the_order(listed, random):
    good = [row for row in listed if row["instrument"] < SYMBOLS]
    distinct = list({(row["ts_event"], row["publisher"], row["sequence"], row["instrument"]): row for row in good}.values())
    shuffled = random.sample(distinct, len(distinct))
    states = []
    for order in (distinct, shuffled):
        hot = HotQuotes(SYMBOLS)
        hot.take(ticks_of(order), np.arange(len(order)))
        states.append(state_of(new_gate(), hot))
    assert states[0] == states[1]
    quoted = [row for row in distinct if row["bid"] != UNDEFINED_PRICE != row["ask"]]
    for symbol in range(SYMBOLS):
        mine = [row for row in quoted if row["instrument"] == symbol]
        last = max(mine, key=lambda row: (row["ts_event"], row["publisher"], row["sequence"]), default=None)
        assert hot.quotes.columns["bid"][symbol] == (0 if last is None else last["bid"])


def quote(sequence, middle, **others):
    row = dict.fromkeys(COLUMNS, 0)
    now = OPEN + sequence
    row |= {"publisher": 7, "sequence": sequence, "ts_event": now, "ts_recv": now, "price": UNDEFINED_PRICE, "action": Action.MODIFY}
    return row | {"bid": middle - ONE // 100, "ask": middle + ONE // 100} | others


def named(listed):
    """The verdicts, which row by row are the same as block by block."""
    alone = TickGate(RULES, SYMBOLS, PUBLISHERS, REFERENCES, block_checks=False)
    verdicts = [Verdict(one).name for one in new_gate().judge(ticks_of(listed))[0]]
    assert [Verdict(one).name for one in alone.judge(ticks_of(listed))[0]] == verdicts
    return verdicts


def test_a_spike_is_refused_and_moves_no_reference():
    assert named([quote(1, 101 * ONE), quote(2, 10_100 * ONE), quote(3, 102 * ONE)]) == ["TAKEN", "OUTSIDE_BAND", "TAKEN"]


def test_a_price_that_stays_is_believed_after_three_refusals():
    jump = [quote(number, 150 * ONE) for number in range(1, 6)]
    assert named(jump) == ["OUTSIDE_BAND"] * 3 + ["TAKEN"] * 2


def test_the_edge_of_the_band_is_inside():
    assert named([quote(1, 110 * ONE)]) == ["TAKEN"]
    assert named([quote(1, 110 * ONE + 1)]) == ["OUTSIDE_BAND"]


def test_a_symbol_without_a_reference_takes_its_first_price():
    assert named([quote(1, 999 * ONE, instrument=1), quote(2, 1 * ONE, instrument=1)]) == ["TAKEN", "OUTSIDE_BAND"]


@pytest.mark.parametrize("bad", [{"bid": -7}, {"bid": UNDEFINED_PRICE}, {"ts_event": CLOSE + 1, "ts_recv": CLOSE + 1}])
def test_a_row_that_is_bad_by_itself_mutes_nobody_whatever_sequence_it_claims(bad):
    assert named([quote(1, 100 * ONE), quote(2**32 - 1, 100 * ONE, **bad), quote(2, 100 * ONE)])[::2] == ["TAKEN", "TAKEN"]


def test_a_publisher_whose_clock_is_fast_holds_no_symbol_at_a_price_of_the_future():
    """Its row of noon comes at 09:30; the good row after it would be the older one, and so would all until noon."""
    noon = {"ts_event": OPEN + 9_000 * ONE, "ts_recv": OPEN + 9_000 * ONE}
    ticks = ticks_of([quote(1, 101 * ONE, **noon), quote(2, 102 * ONE)])
    taken_at = RULES.received_by(OPEN // ONE)
    for received_by, verdicts, bid in (
        (taken_at, ["FUTURE", "TAKEN"], 102 * ONE - ONE // 100),
        (ANY_TIME, ["TAKEN", "TAKEN"], 101 * ONE - ONE // 100),
    ):
        gate, hot = new_gate(), HotQuotes(SYMBOLS)
        found, taken, key = gate.judge(ticks, received_by)
        hot.take(ticks, taken, key)
        assert [Verdict(one).name for one in found] == verdicts
        assert hot.quotes.columns["bid"][0] == bid


@pytest.mark.parametrize(("late", "verdict"), [(0, "TAKEN"), (1, "FUTURE")])
def test_a_receipt_may_lie_a_little_after_the_arrival_because_clocks_differ(late, verdict):
    """The stream took the block at the open, and a second is allowed: 09:30:01."""
    now = {"ts_event": OPEN + ONE + late, "ts_recv": OPEN + ONE + late}
    verdicts, _, _ = new_gate().judge(ticks_of([quote(1, 100 * ONE, **now)]), RULES.received_by(OPEN / ONE))
    assert [Verdict(one).name for one in verdicts] == [verdict]


def test_an_arrival_that_no_receipt_can_pass_bounds_nothing():
    assert RULES.received_by(253_402_300_799.0) == RULES.received_by(0.0) == 2**64 - 1


def test_a_bad_price_that_is_repeated_does_not_speak_for_itself():
    """Three refusals make the next price believed; the others here are the first one again."""
    rows = [quote(1, 100 * ONE), *[quote(2, 300 * ONE)] * 5, quote(3, 100 * ONE)]
    assert named(rows) == ["TAKEN", "OUTSIDE_BAND", *["REPEATED"] * 4, "TAKEN"]


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"bid": 100 * ONE, "ask": 100 * ONE - 1}, "CROSSED"),
        ({"bid": 100 * ONE, "ask": 100 * ONE}, "TAKEN"),
        ({"bid": 0, "ask": ONE}, "NOT_POSITIVE"),
        ({"bid": 99_999, "ask": 100_000}, "NOT_POSITIVE"),
        ({"bid": UNDEFINED_PRICE, "ask": UNDEFINED_PRICE, "action": Action.TRADE, "price": 99_999}, "NOT_POSITIVE"),
        ({"bid": 97 * ONE, "ask": 103 * ONE}, "WIDE_SPREAD"),
        ({"bid": UNDEFINED_PRICE}, "NO_PRICE"),
        ({"action": Action.TRADE, "price": 100 * ONE + 3 * ONE // 100}, "TAKEN"),
        ({"action": Action.TRADE, "price": 100 * ONE + 3 * ONE // 100 + 1}, "OFF_MARKET"),
        ({"ts_event": OPEN - 1, "ts_recv": OPEN - 1}, "OUTSIDE_SESSION"),
        ({"ts_recv": OPEN + 1 - 1_000}, "TAKEN"),
        ({"ts_recv": OPEN + 1 - 1_001}, "FUTURE"),
        ({"ts_recv": OPEN + 1 + 5_000}, "TAKEN"),
        ({"ts_recv": OPEN + 1 + 5_001}, "STALE"),
        ({"instrument": 3}, "UNKNOWN_SYMBOL"),
        ({"publisher": 8}, "UNKNOWN_PUBLISHER"),
    ],
)
def test_each_reason_has_its_name(change, verdict):
    assert named([quote(1, 100 * ONE, **change)]) == [verdict]


def test_no_rows_change_nothing():
    gate, hot = new_gate(), HotQuotes(SYMBOLS)
    before = state_of(gate, hot)
    verdicts, taken, key = gate.judge(Ticks.empty())
    assert (len(verdicts), len(taken), len(key)) == (0, 0, 0)
    assert [part.tolist() if hasattr(part, "tolist") else part for part in hot.take(Ticks.empty(), taken)] == [[], 0]
    assert state_of(gate, hot) == before


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"session_start": CLOSE, "session_end": CLOSE}, "session_start"),
        ({"spread": 0.0}, "spread"),
        ({"band": 1.0}, "band"),
        ({"band": float("nan")}, "band"),
        ({"reanchor_after": 0}, "reanchor_after"),
        ({"age_ns": 0}, "age_ns"),
        ({"ahead_ns": 0}, "ahead_ns"),
        ({"skew_ns": 0}, "skew_ns"),
    ],
)
def test_rules_that_mean_nothing_are_refused_by_name(wrong, field):
    with pytest.raises(InvalidInput) as refused:
        replace(RULES, **wrong)
    assert refused.value.field == field


def test_the_least_of_each_limit_is_one():
    one = replace(RULES, reanchor_after=1, ahead_ns=1, age_ns=1, skew_ns=1)
    assert (one.reanchor_after, one.ahead_ns, one.age_ns, one.skew_ns) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("publishers", "references", "field"),
    [
        ((), REFERENCES, "publishers"),
        ((7, 7), REFERENCES, "publishers"),
        ((70_000,), REFERENCES, "publishers"),
        ((7,), REFERENCES[:2], "references"),
        ((7,), -REFERENCES, "references"),
    ],
)
def test_a_gate_that_could_not_judge_is_refused(publishers, references, field):
    with pytest.raises(InvalidInput) as refused:
        TickGate(RULES, SYMBOLS, publishers, references)
    assert refused.value.field == field


def test_a_block_of_many_rows_of_many_symbols_is_judged_as_its_parts_are():
    """65,536 rows take 17 bits and 32,768 keys 16: together more than the 32 of the narrow sort, which takes the parts."""
    n_rows, n_symbols, draws = 1 << 16, 1 << 14, np.random.default_rng(5)
    same = dict.fromkeys(("bid", "ask", "price"), 100 * ONE) | {"ts_event": OPEN, "ts_recv": OPEN, "action": Action.TRADE}
    drawn = {
        "instrument": draws.integers(0, n_symbols, n_rows),
        "publisher": draws.choice(PUBLISHERS, n_rows),
        "sequence": draws.integers(0, 2**32, n_rows),
    }
    ticks = Ticks(**{name: np.asarray(drawn.get(name, np.full(n_rows, same.get(name, 1))), dtype) for name, dtype in COLUMNS.items()})
    whole, parts = (TickGate(RULES, n_symbols, PUBLISHERS, np.full(n_symbols, 100 * ONE, dtype=np.int64)) for _ in range(2))
    verdicts, rows, key = whole.judge(ticks)
    judged = [
        parts.judge(Ticks(**{name: getattr(ticks, name)[start : start + 4_096] for name in COLUMNS}))[0]
        for start in range(0, n_rows, 4_096)
    ]
    assert verdicts.tolist() == np.concatenate(judged).tolist()
    last, taken = {}, []
    for place, (name, sender, number) in enumerate(zip(*(drawn[column].tolist() for column in drawn), strict=True)):
        if number > last.get((sender, name), -1):
            last[sender, name] = number
            taken.append(place)
    assert np.flatnonzero(verdicts == Verdict.TAKEN).tolist() == taken
    slots = np.array([PUBLISHERS.index(sender) for sender in drawn["publisher"].tolist()])
    order = np.lexsort((drawn["instrument"], slots))
    assert rows.tolist() == [place for place in order.tolist() if verdicts[place] == Verdict.TAKEN]
    assert key.tolist() == (slots * n_symbols + drawn["instrument"])[rows].tolist()
    assert whole.last_sequence.tolist() == parts.last_sequence.tolist()


def test_the_first_row_of_a_block_can_be_the_latest():
    same = dict.fromkeys(COLUMNS, 0) | {"ts_event": OPEN, "bid": ONE}
    block = ticks_of([same | {"instrument": 2}, same | {"instrument": 1}, same | {"instrument": 1, "sequence": 1}])
    latest = LatestRows.none(SYMBOLS, ("bid",))
    assert latest.take(block, np.arange(3)).tolist() == [2, 0]
    assert latest.take(block, np.arange(3)).tolist() == []
