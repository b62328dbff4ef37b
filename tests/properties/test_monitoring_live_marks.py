"""Live marks: whatever the order of prices, every value is the one the closing rule gives, to the cent."""

from __future__ import annotations

from decimal import Decimal
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.book.valuation import position_value
from daymark.core.errors import Conflict, InvalidInput
from daymark.monitoring import live_marks
from daymark.monitoring.live_marks import Holdings, LiveMarks

INSTRUMENTS, PORTFOLIOS, CLASSES = 6, 4, 3
PRICES = st.integers(1, 9_999_999)

pairs = st.lists(
    st.tuples(st.integers(0, INSTRUMENTS - 1), st.integers(0, PORTFOLIOS - 1), st.integers(-(10**9), 10**9)),
    max_size=20,
    unique_by=lambda row: row[:2],
)
ticks = st.lists(st.tuples(st.integers(0, INSTRUMENTS - 1), PRICES), max_size=30)
books = st.tuples(
    pairs,
    st.lists(st.integers(0, CLASSES - 1), min_size=INSTRUMENTS, max_size=INSTRUMENTS),
    st.lists(PRICES, min_size=INSTRUMENTS, max_size=INSTRUMENTS),
    st.lists(st.integers(-(10**10), 10**10), min_size=PORTFOLIOS, max_size=PORTFOLIOS),
)


def marks_of(book):
    rows, classes, prices, cash = book
    instruments, portfolios, quantities = zip(*rows, strict=True) if rows else ((), (), ())
    return LiveMarks(Holdings.of(instruments, portfolios, quantities, classes, PORTFOLIOS, CLASSES), prices, cash)


def decimal_values(book, prices):
    """The rule of the close, position by position in decimals: another route to the same cents."""
    rows, _, _, cash = book
    values = [Decimal(cents) / 100 for cents in cash]
    for instrument, portfolio, quantity in rows:
        values[portfolio] += position_value(Decimal(quantity) / 10_000, Decimal(prices[instrument]) / 10_000)
    return [int(value * 100) for value in values]


@given(books, ticks, st.data())
def test_values_equal_the_closing_rule_after_any_ticks_in_any_batches(book, stream, data):
    marks = marks_of(book)
    prices, highest = list(book[2]), decimal_values(book, book[2])
    left = list(stream)
    while left:
        size = data.draw(st.integers(1, len(left)))
        batch, left = left[:size], left[size:]
        touched = marks.apply([one for one, _ in batch], [price for _, price in batch])
        for instrument, price in batch:
            prices[instrument] = price
        names = {instrument for instrument, _ in batch}
        assert touched.tolist() == sorted({portfolio for instrument, portfolio, _ in book[0] if instrument in names})
        highest = [max(pair) for pair in zip(highest, decimal_values(book, prices), strict=True)]
        assert marks.value_cents.tolist() == decimal_values(book, prices)
        assert marks.high_water_cents.tolist() == highest
        marks.prove()


@given(books, ticks)
def test_the_last_price_alone_decides_the_value(book, stream):
    one_by_one, at_once = marks_of(book), marks_of(book)
    for instrument, price in stream:
        one_by_one.apply([instrument], [price])
    at_once.apply([one for one, _ in stream], [price for _, price in stream])
    assert one_by_one.value_cents.tolist() == at_once.value_cents.tolist()
    assert one_by_one.class_cents.tolist() == at_once.class_cents.tolist()


@given(st.integers(-(10**13), 10**13).filter(bool), st.integers(1, 2**63 - 1), st.integers(-2, 2))
def test_a_price_is_bearable_exactly_when_it_can_be_applied(quantity, price, step):
    """Also at the edge, where quantity times price is just below or above 2^63."""
    limit = (2**63 - 1) // abs(quantity)
    for one in (price, min(max(limit + step, 1), 2**63 - 1)):
        marks = LiveMarks(Holdings.of([0, 1], [0, 0], [quantity, 1], [0, 0], 1, 1), [1, 1], [0])
        fits = bool(marks.bearable(np.array([0]), np.array([one]))[0])
        assert fits is (abs(quantity) * one < 2**63)
        if fits:
            marks.apply([0], [one])
        else:
            with pytest.raises(InvalidInput):
                marks.apply([0], [one])


@given(books, st.permutations(range(20)))
def test_the_order_of_the_rows_changes_nothing(book, order):
    rows = book[0]
    shuffled = ([rows[place] for place in order if place < len(rows)], *book[1:])
    assert marks_of(shuffled).value_cents.tolist() == marks_of(book).value_cents.tolist()


@given(books)
def test_classes_and_cash_add_up_to_the_value(book):
    marks = marks_of(book)
    assert (marks.class_cents.sum(axis=1) + marks.cash_cents).tolist() == marks.value_cents.tolist()


def two_portfolios():
    # Portfolio 0: 2 of A at 10.00 and 1 of B at 20.00; portfolio 1: 1 of A; portfolio 2: nothing. Cash 10.00, 0, 5.00.
    holdings = Holdings.of([0, 1, 0], [0, 0, 1], [20_000, 10_000, 10_000], [0, 1], 3, 2)
    return LiveMarks(holdings, [100_000, 200_000], [1_000, 0, 500])


def test_drift_and_drawdown_by_hand():
    marks = two_portfolios()
    assert marks.value_cents.tolist() == [5_000, 1_000, 500]
    everybody = np.arange(3)
    # 20 and 20 of 50 against a half each; 10 and 0 of 10; nothing of 5.
    targets = np.full((3, 2), 0.5)
    assert marks.drift(everybody, targets).tolist() == [[-0.09999999999999998, -0.09999999999999998], [0.5, -0.5], [-0.5, -0.5]]
    assert marks.apply([0], [50_000]).tolist() == [0, 1]
    # 2 x 5 + 20 + 10 = 40 of 50; 5 of 10; untouched.
    assert marks.drawdown(everybody).tolist() == [pytest.approx(-0.2), pytest.approx(-0.5), 0.0]
    marks.apply([0], [100_000])
    assert marks.drawdown(everybody).tolist() == [0.0, 0.0, 0.0]


def test_what_is_worth_nothing_has_no_weights_and_no_drawdown():
    marks = LiveMarks(Holdings.of([], [], [], [0], 2, 1), [1], [0, -5])
    assert np.isnan(marks.drift(np.arange(2), np.zeros((2, 1)))).all()
    assert np.isnan(marks.drawdown(np.arange(2))).all()


def test_an_earlier_high_water_mark_is_kept():
    holdings = Holdings.of([0], [0], [10_000], [0], 1, 1)
    marks = LiveMarks(holdings, [100_000], [0], high_water_cents=[4_000])
    assert marks.drawdown(np.array([0])).tolist() == [-0.75]


@pytest.mark.parametrize(
    ("instruments", "prices", "field"),
    [
        ([0, 2], [1, 1], "instruments[1]"),
        ([-1], [1], "instruments[0]"),
        ([0, 1], [5, 0], "prices_1e4[1]"),
        ([0], [-1], "prices_1e4[0]"),
        ([0], [1, 2], "prices_1e4"),
        ([0.5], [1], "instruments"),
        ([0], [float("nan")], "prices_1e4"),
        ([1, 0], [5, 2**62], "quantities_1e4"),
    ],
)
def test_bad_ticks_are_refused_by_name_and_change_nothing(instruments, prices, field):
    marks = two_portfolios()
    before = [array.tolist() for array in (marks.prices_1e4, marks.value_cents, marks.class_cents)]
    with pytest.raises(InvalidInput) as refused:
        marks.apply(instruments, prices)
    assert refused.value.field == field
    assert [array.tolist() for array in (marks.prices_1e4, marks.value_cents, marks.class_cents)] == before


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (([0, 0], [1, 1], [1, 1], [0], 2, 1), "portfolios"),
        (([1], [0], [1], [0], 1, 1), "instruments[0]"),
        (([0], [1], [1], [0], 1, 1), "portfolios[0]"),
        (([0], [0], [1], [1], 1, 1), "classes[0]"),
        (([0], [0, 0], [1], [0], 1, 1), "quantities_1e4"),
    ],
)
def test_bad_holdings_are_refused_by_name(arguments, field):
    with pytest.raises(InvalidInput) as refused:
        Holdings.of(*arguments)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("prices", "cash", "high_water", "field"),
    [
        ([1], [0, 0, 0], None, "prices_1e4"),
        ([1, 0], [0, 0, 0], None, "prices_1e4[1]"),
        ([1, 1], [0], None, "cash_cents"),
        ([1, 1], [0, 0, 0], [0], "high_water_cents"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_by_name(prices, cash, high_water, field):
    with pytest.raises(InvalidInput) as refused:
        LiveMarks(two_portfolios().holdings, prices, cash, high_water)
    assert refused.value.field == field


@pytest.mark.parametrize("kept", ["class_cents", "value_cents"])
def test_the_full_pass_finds_a_single_wrong_cent(kept):
    marks = two_portfolios()
    getattr(marks, kept).reshape(-1)[0] += 1
    with pytest.raises(Conflict):
        marks.prove()


@given(st.data(), st.integers(1, 9), st.integers(1, 4), st.integers(10, 30))
def test_portfolios_in_many_strips_come_to_what_one_strip_comes_to(data, strip, rows_together, portfolios):
    """How many portfolios or rows are changed together is a matter of time alone: all state and every answer is equal, bit by bit."""
    held = st.tuples(st.integers(0, INSTRUMENTS - 1), st.integers(0, portfolios - 1))
    rows = data.draw(st.dictionaries(held, st.integers(-(10**9), 10**9), min_size=portfolios, max_size=4 * portfolios))
    instruments, owners = ([pair[place] for pair in rows] for place in (0, 1))
    classes, prices, _ = data.draw(books.map(lambda book: book[1:]))
    cash = data.draw(st.lists(st.integers(-(10**10), 10**10), min_size=portfolios, max_size=portfolios))
    batches = data.draw(st.lists(ticks, min_size=1, max_size=4))

    def run():
        marks = LiveMarks(Holdings.of(instruments, owners, list(rows.values()), classes, portfolios, CLASSES), prices, cash)
        touched = [marks.apply([one for one, _ in batch], [price for _, price in batch]).tolist() for batch in batches]
        marks.prove()
        return touched, [array.tobytes() for array in (marks.value_cents, marks.class_cents, marks.high_water_cents, marks.prices_1e4)]

    whole = run()
    with mock.patch.multiple(live_marks, _STRIP=strip, _ROWS=rows_together):
        assert run() == whole


@pytest.mark.parametrize("n_portfolios", [4_095, 4_096, 4_097, 9_000])
def test_thousands_of_portfolios_are_marked_as_the_closing_rule_says(n_portfolios):
    # Portfolio p holds p + 1 units of A and, if it is odd, sells one B short: at 2 and 3 currency 2p + 2, less 3.
    everybody = np.arange(n_portfolios)
    odd = everybody[1::2]
    held = np.concatenate([np.zeros(n_portfolios, int), np.ones(len(odd), int)])
    quantities = np.concatenate([(everybody + 1) * 10_000, np.full(len(odd), -10_000)])
    holdings = Holdings.of(held, np.concatenate([everybody, odd]), quantities, [0, 1], n_portfolios, 2)
    marks = LiveMarks(holdings, [10_000, 10_000], np.zeros(n_portfolios, dtype=np.int64))
    assert marks.apply([1], [30_000]).tolist() == odd.tolist()
    assert marks.apply([0, 1], [20_000, 30_000]).tolist() == everybody.tolist()
    assert np.array_equal(marks.value_cents, 200 * (everybody + 1) - 300 * (everybody % 2))
    marks.prove()


def test_many_holders_are_found_as_few_are():
    # One instrument that every one of 100 portfolios holds, and one that a single portfolio holds.
    holdings = Holdings.of([0] * 100 + [1], [*range(100), 7], [10_000] * 101, [0, 0], 100, 1)
    marks = LiveMarks(holdings, [100, 100], np.zeros(100, dtype=np.int64))
    assert marks.apply([0], [200]).tolist() == list(range(100))
    assert marks.apply([1], [300]).tolist() == [7]
    assert marks.apply([1, 0, 1], [300, 200, 400]).tolist() == list(range(100))
    assert marks.apply([], []).tolist() == []
