"""Laws of marks and profit and loss for any book: exactness, additivity over days, parts, flows, and order of rows."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.book.attribution import attribute
from daymark.book.models import AccountKind, CashEntry, CashKind, Portfolio, PortfolioRecord
from daymark.book.performance import link_returns
from daymark.book.profit_and_loss import profit_and_loss, results_in_cents
from daymark.book.valuation import fixed_point, mark, values_in_cents
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice

D = Decimal
START = date(2018, 1, 2)
NAMES = ("A", "B", "C")
INSTRUMENTS = {name: Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY) for name in NAMES}
PORTFOLIO = Portfolio("t", "P", "H", "a", "n", AccountKind.TAXABLE, START, "us-east-1", ())

quantities = st.integers(1, 10**8).map(lambda units: D(units).scaleb(-4))
cents = st.integers(-(10**9), 10**9).map(lambda units: D(units).scaleb(-2))
days = st.integers(0, 3).map(lambda offset: START + timedelta(days=offset))
int64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def lots(draw, place):
    quantity, acquired = draw(quantities), draw(days)
    disposals = ()
    if draw(st.booleans()):
        sold = draw(st.integers(1, int(quantity.scaleb(4)))).__int__()
        disposals = (Disposal(acquired + timedelta(days=draw(st.integers(0, 2))), D(sold).scaleb(-4), D("1.00")),)
    return Lot(f"L{place}", "P", draw(st.sampled_from(NAMES)), acquired, quantity, abs(draw(cents)), disposals)


@st.composite
def records(draw):
    count = draw(st.integers(0, 6))
    entries = draw(st.lists(st.tuples(days, st.sampled_from(list(CashKind)), cents, st.sampled_from([None, *NAMES])), max_size=8))
    return PortfolioRecord(
        PORTFOLIO,
        tuple(draw(lots(place)) for place in range(count)),
        tuple(CashEntry(f"C{place}", "P", day, kind, amount, name) for place, (day, kind, amount, name) in enumerate(entries)),
    )


prices = st.lists(st.integers(1, 10**8).map(lambda units: D(units).scaleb(-4)), min_size=3, max_size=3)


def marked(record, session, session_prices):
    closes = {
        name: ClosingPrice(name, price, session, PriceLabel.ADJUSTED_CLOSE) for name, price in zip(NAMES, session_prices, strict=True)
    }
    return mark(record, closes, INSTRUMENTS, session)


def half_even(product: Fraction) -> int:
    """Half-even by exact fractions: Python's own ``round`` of a Fraction."""
    return round(product)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**31), 2**31), st.integers(-(2**31), 2**31)), max_size=50))
def test_the_kernel_equals_exact_fractions(pairs):
    quantity, price = ([pair[side] for pair in pairs] for side in (0, 1))
    expected = [half_even(Fraction(q * p, 10**6)) for q, p in pairs]
    assert values_in_cents(np.array(quantity, dtype=np.int64), np.array(price, dtype=np.int64)).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**60), 2**60) | st.integers(-(2**51), 2**51), st.integers(-3, 3))
def test_a_product_next_to_half_a_cent_is_rounded_exactly(cents, off):
    # Below and above the size up to which the kernel divides in floating point.
    product = cents // 10**6 * 10**6 + 500_000 + off
    assert values_in_cents(np.array([product]), np.array([1])).tolist() == [half_even(Fraction(product, 10**6))]


@settings(max_examples=300, deadline=None)
@given(int64, int64)
def test_the_kernel_is_exact_or_refuses_over_all_of_int64(quantity, price):
    fits = abs(quantity * price) <= 2**63 - 1 and (min(quantity, price) > -(2**63) or quantity * price == 0)
    try:
        value = values_in_cents(np.array([quantity]), np.array([price])).tolist()
    except Exception as error:
        assert not fits, error
    else:
        assert value == [half_even(Fraction(quantity * price, 10**6))]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(10**7), 10**7), min_size=1, max_size=30))
def test_the_kernel_equals_decimal_on_ties(halves):
    # Every product is an odd or even number of half cents: 5,000 ten-thousandths of a cent-price each.
    expected = [int((D(half) * D("0.005")).quantize(D("0.01"), rounding=ROUND_HALF_EVEN).scaleb(2)) for half in halves]
    assert values_in_cents(np.array(halves) * 10_000, np.full(len(halves), 50)).tolist() == expected


@settings(max_examples=80, deadline=None)
@given(records(), prices, days)
def test_value_is_positions_and_cash_and_no_row_order_matters(record, session_prices, session):
    one = marked(record, session, session_prices)
    assert one.value == one.cash + sum(row.value for row in one.positions)
    turned = replace(record, lots=record.lots[::-1], cash=record.cash[::-1])
    assert marked(turned, session, session_prices) == one
    counts = fixed_point([row.quantity for row in one.positions], "quantities"), fixed_point([row.price for row in one.positions], "prices")
    assert values_in_cents(*counts).tolist() == [int(row.value.scaleb(2)) for row in one.positions]


@settings(max_examples=80, deadline=None)
@given(records(), prices, prices, prices)
def test_results_of_adjacent_days_add_up_and_parts_sum(record, first, second, third):
    marks = [marked(record, START + timedelta(days=offset), each) for offset, each in enumerate((first, second, third))]
    one, two, both = (profit_and_loss(record, *pair) for pair in ((marks[0], marks[1]), (marks[1], marks[2]), (marks[0], marks[2])))
    assert one.pnl + two.pnl == both.pnl
    assert one.flows + two.flows == both.flows
    assert one.inflows + two.inflows == both.inflows
    assert one.other + two.other == both.other
    for name in NAMES:
        assert one.by_position.get(name, 0) + two.by_position.get(name, 0) == both.by_position.get(name, 0)
    assert sum(both.by_position.values()) + both.other == both.pnl == both.value - both.prior_value - both.flows


@settings(max_examples=80, deadline=None)
@given(records(), records(), prices, prices, prices)
def test_reported_value_restatement_flows_and_result_are_the_value(past, record, reported_prices, first, second):
    """Whatever the books and closes were when the prior value was reported, to the cent."""
    reported = marked(past, START, reported_prices)
    prior, current = marked(record, START, first), marked(record, START + timedelta(days=1), second)
    result = profit_and_loss(record, prior, current, reported)
    assert reported.value + result.restatement + result.flows + result.pnl == current.value
    assert result.reported_prior_value == reported.value
    assert replace(result, restatement=D(0)) == profit_and_loss(record, prior, current)


@settings(max_examples=60, deadline=None)
@given(records(), prices, cents)
def test_a_day_on_which_only_flows_happen_earns_nothing(record, session_prices, amount):
    last = START + timedelta(days=10)
    kind = CashKind.DEPOSIT if amount > 0 else CashKind.WITHDRAWAL
    record = replace(record, cash=(*record.cash, CashEntry("X", "P", last, kind, amount)))
    result = profit_and_loss(record, marked(record, last - timedelta(days=1), session_prices), marked(record, last, session_prices))
    assert result.pnl == 0 and result.flows == amount and not any(result.by_position.values())


@settings(max_examples=60, deadline=None)
@given(records(), prices, prices)
def test_the_vector_kernel_and_the_rule_agree_by_position(record, first, second):
    prior, current = marked(record, START, first), marked(record, START + timedelta(days=1), second)
    result = profit_and_loss(record, prior, current)
    held = [{row.instrument_id: row.quantity for row in one.positions} for one in (prior, current)]
    moved = {
        name: sum(
            (
                e.amount
                for e in record.cash
                if e.booked == START + timedelta(days=1)
                and e.instrument_id == name
                and e.kind not in (CashKind.DEPOSIT, CashKind.WITHDRAWAL)
            ),
            D(0),
        )
        for name in NAMES
    }
    kernel = results_in_cents(
        fixed_point([held[0].get(name, D(0)) for name in NAMES], "q"),
        fixed_point(first, "p"),
        fixed_point([held[1].get(name, D(0)) for name in NAMES], "q"),
        fixed_point(second, "p"),
        [int(moved[name].scaleb(2)) for name in NAMES],
    )
    assert kernel.tolist() == [int(result.by_position.get(name, D(0)).scaleb(2)) for name in NAMES]


@settings(max_examples=60, deadline=None)
@given(records(), prices, prices)
def test_contributions_sum_to_the_return(record, first, second):
    funded = replace(record, cash=(*record.cash, CashEntry("X", "P", START, CashKind.DEPOSIT, D("100000000000.00"))))
    result = profit_and_loss(funded, marked(funded, START, first), marked(funded, START + timedelta(days=1), second))
    parts = attribute(result)
    assert abs(sum(parts.contributions.values()) + parts.other - parts.day_return) < 1e-12


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=20), st.lists(st.floats(0, 1e6), min_size=20, max_size=20))
def test_the_linked_index_does_not_see_deposits(day_returns, deposits):
    plain, funded, flows = [1e6], [1e6], [0.0]
    for change, deposit in zip(day_returns, deposits, strict=False):
        plain.append(plain[-1] * (1 + change))
        funded.append((funded[-1] + deposit) * (1 + change))
        flows.append(deposit)
    nothing = np.zeros(len(plain))
    index = link_returns(np.array(plain), nothing, nothing)[1]
    assert np.allclose(link_returns(np.array(funded), np.array(flows), np.array(flows))[1], index, rtol=1e-9)
    assert np.allclose(index, np.cumprod([1.0, *(1 + change for change in day_returns)]), rtol=1e-9)


def test_the_kernel_gives_the_same_across_its_blocks():
    generator = np.random.default_rng(7)
    quantity, price = generator.integers(-(10**7), 10**7, (3, 17_000)), generator.integers(1, 10**6, 17_000)
    whole = values_in_cents(quantity, price)
    expected = [[half_even(Fraction(int(q) * int(p), 10**6)) for q, p in zip(row, price, strict=True)] for row in quantity]
    assert whole.tolist() == expected
    cash = generator.integers(-(10**6), 10**6, (3, 17_000))
    assert (results_in_cents(quantity, price, quantity[::-1], price, cash) == whole[::-1] - whole + cash).all()
