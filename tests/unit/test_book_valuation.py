"""Holdings, marks and the fixed-point kernel against hand arithmetic."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from daymark.book.holdings import cash_balance, external_flows, positions
from daymark.book.models import AccountKind, CashEntry, CashKind, Portfolio, PortfolioRecord, Target
from daymark.book.valuation import fixed_point, mark, position_value, values_in_cents
from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.instruments import AssetClass, BondTerms, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.core.money import Currency
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice

D = Decimal
FRIDAY, SATURDAY, MONDAY = date(2018, 2, 2), date(2018, 2, 3), date(2018, 2, 5)
INSTRUMENTS = {
    "AAPL": Instrument("AAPL", InstrumentKind.EQUITY, "Apple", AssetClass.EQUITY, sector="Technology"),
    "KO": Instrument("KO", InstrumentKind.EQUITY, "Coca-Cola", AssetClass.EQUITY, sector="Staples"),
    "BOND-AAA": Instrument(
        "BOND-AAA", InstrumentKind.BOND, "Aaa", AssetClass.FIXED_INCOME, bond=BondTerms(D("0.04"), date(2030, 1, 1), "AAA")
    ),
}
PORTFOLIO = Portfolio(
    "northstar",
    "P-1",
    "H-1",
    "adviser.ben.northstar",
    "Growth",
    AccountKind.TAXABLE,
    date(2017, 1, 3),
    "us-east-1",
    (Target("AAPL", D("0.6")),),
)
RECORD = PortfolioRecord(
    PORTFOLIO,
    lots=(
        Lot("L1", "P-1", "AAPL", date(2017, 1, 3), D("10"), D("300.00"), (Disposal(MONDAY, D("4"), D("160.00")),)),
        Lot("L2", "P-1", "AAPL", FRIDAY, D("2.5"), D("100.00")),
        Lot("L3", "P-1", "KO", date(2017, 1, 3), D("3"), D("100.00"), (Disposal(FRIDAY, D("1"), D("40.00")),)),
        Lot("L4", "P-1", "KO", MONDAY, D("1"), D("43.00")),
    ),
    cash=(
        CashEntry("C1", "P-1", date(2017, 1, 3), CashKind.DEPOSIT, D("1000.00")),
        CashEntry("C2", "P-1", FRIDAY, CashKind.BUY, D("-100.00"), "AAPL"),
        CashEntry("C3", "P-1", SATURDAY, CashKind.DEPOSIT, D("50.00")),
        CashEntry("C4", "P-1", MONDAY, CashKind.WITHDRAWAL, D("-20.00")),
        CashEntry("C5", "P-1", MONDAY, CashKind.FEE, D("-1.25")),
    ),
)


def close(instrument_id, price, as_of=MONDAY, label=PriceLabel.ADJUSTED_CLOSE):
    return ClosingPrice(instrument_id, D(price), as_of, label)


CLOSES = {"AAPL": close("AAPL", "39.123"), "KO": close("KO", "43.005"), "BOND-AAA": close("BOND-AAA", "99")}


def test_positions_are_lots_bought_by_then_and_not_yet_sold():
    friday = positions(RECORD, INSTRUMENTS, FRIDAY)
    # AAPL 10 + 2.5 for 300 + 100; KO 3 - 1 = 2 for 100 x 2/3 = 66.67.
    assert [(row.instrument_id, row.quantity, row.cost_basis) for row in friday] == [
        ("AAPL", D("12.5"), D("400.00")),
        ("KO", D("2"), D("66.67")),
    ]
    monday = positions(RECORD, INSTRUMENTS, MONDAY)
    # AAPL 6 + 2.5 for 180 + 100; KO 2 + 1 for 66.67 + 43.
    assert [(row.instrument_id, row.quantity, row.cost_basis) for row in monday] == [
        ("AAPL", D("8.5"), D("280.00")),
        ("KO", D("3"), D("109.67")),
    ]
    assert positions(RECORD, INSTRUMENTS, date(2016, 12, 30)) == ()


def test_what_is_sold_out_is_no_position():
    lot = Lot("L", "P-1", "AAPL", FRIDAY, D("1"), D("10"), (Disposal(MONDAY, D("1"), D("11")),))
    record = PortfolioRecord(PORTFOLIO, (lot,), ())
    assert positions(record, INSTRUMENTS, MONDAY) == ()


def test_a_lot_of_an_unknown_instrument_is_refused_by_name():
    record = replace(RECORD, lots=(Lot("L9", "P-1", "NONE", FRIDAY, D("1"), D("1")),))
    with pytest.raises(InvalidInput) as caught:
        positions(record, INSTRUMENTS, MONDAY)
    assert caught.value.field == "lots[L9].instrument_id"


def test_cash_is_the_sum_of_entries_booked_by_then():
    assert cash_balance(RECORD, FRIDAY) == D("900.00")
    assert cash_balance(RECORD, SATURDAY) == D("950.00")
    assert cash_balance(RECORD, MONDAY) == D("928.75")
    assert cash_balance(RECORD, date(2016, 1, 1)) == 0


def test_flows_cross_the_border_and_those_of_a_weekend_count_on_monday():
    assert external_flows(RECORD, MONDAY) == D("-20.00")
    assert external_flows(RECORD, MONDAY, after=FRIDAY) == D("30.00")
    # The deposit of Saturday came before what is after Saturday.
    assert external_flows(RECORD, MONDAY, after=SATURDAY) == D("-20.00")
    assert external_flows(RECORD, FRIDAY) == 0


def test_a_mark_is_positions_to_the_cent_and_cash():
    result = mark(RECORD, CLOSES, INSTRUMENTS, MONDAY)
    # 8.5 x 39.123 = 332.5455 -> 332.55; 3 x 43.005 = 129.015, a tie -> 129.02 (even); cash 928.75.
    assert [row.value for row in result.positions] == [D("332.55"), D("129.02")]
    assert result.cash == D("928.75")
    assert result.value == D("1390.32")
    assert result.positions[0].label is PriceLabel.ADJUSTED_CLOSE and result.positions[0].price_as_of == MONDAY


def test_half_cents_go_to_the_even_cent():
    assert position_value(D("1"), D("0.005")) == D("0.00")
    assert position_value(D("3"), D("0.005")) == D("0.02")
    assert position_value(D("1"), D("0.0050000000000000000000000000000000001")) == D("0.01")
    # 38 digits each: the product has 76, which the default context of 28 would round before the cent.
    nines = D("9" * 38)
    assert position_value(nines, nines) == D(int("9" * 38) ** 2)


@pytest.mark.parametrize(
    ("closes", "error", "field"),
    [
        ({"AAPL": CLOSES["AAPL"]}, NotPublished, "closes[KO]"),
        (CLOSES | {"KO": close("KO", "0")}, InvalidInput, "closes[KO].price"),
        (CLOSES | {"KO": close("KO", "-1")}, InvalidInput, "closes[KO].price"),
        (CLOSES | {"KO": close("KO", "NaN")}, InvalidInput, "closes[KO].price"),
        (CLOSES | {"KO": close("KO", "Infinity")}, InvalidInput, "closes[KO].price"),
        (CLOSES | {"KO": close("KO", "43", as_of=date(2018, 2, 6))}, InvalidInput, "closes[KO].as_of"),
    ],
)
def test_a_bad_price_is_refused_by_name(closes, error, field):
    with pytest.raises(error) as caught:
        mark(RECORD, closes, INSTRUMENTS, MONDAY)
    assert caught.value.field == field


def test_another_currency_is_refused():
    record = replace(RECORD, portfolio=replace(PORTFOLIO, currency=Currency.EUR))
    with pytest.raises(InvalidInput) as caught:
        mark(record, CLOSES, INSTRUMENTS, MONDAY)
    assert caught.value.field == "instruments[AAPL]"


def test_the_kernel_rounds_half_even_for_either_sign():
    # Products in units of 1e-8: 0.5, 1.5, 2.5 cents and one unit beside them.
    quantities = np.array([50, 150, 250, 250, 250])
    prices = np.array([10_000, 10_000, 10_000, 10_001, 9_999])
    assert values_in_cents(quantities, prices).tolist() == [0, 2, 2, 3, 2]
    assert values_in_cents(-quantities, prices).tolist() == [0, -2, -2, -3, -2]


def test_the_kernel_refuses_to_wrap_round():
    limit = 2**63 - 1
    assert values_in_cents([limit], [1]).tolist() == [9_223_372_036_855]  # 9223372036854.775807 cents
    assert values_in_cents([2**40, 1], [1, 2**40]).tolist() == [1_099_512, 1_099_512]  # largest times largest alone would pass
    for quantity, price in [(2**62, 2), (-(2**62), 3), (2, 2**62), (limit, 2), (-(2**63), 1), (1, -(2**63)), (2**32, 2**31)]:
        with pytest.raises(InvalidInput):
            values_in_cents([1, quantity], [1, price])


@pytest.mark.parametrize("bad", [[1.0], [True], ["1"], np.array([1], dtype=np.uint64)])
def test_the_kernel_takes_integers_alone(bad):
    with pytest.raises(InvalidInput) as caught:
        values_in_cents(bad, [1])
    assert caught.value.field == "quantities_1e4"


def test_the_kernel_broadcasts_and_keeps_empty():
    assert values_in_cents([[10_000], [20_000]], [10_000, 20_000]).tolist() == [[100, 200], [200, 400]]
    assert values_in_cents([], []).tolist() == []
    assert values_in_cents(np.zeros((0, 3), dtype=np.int64), [1, 2, 3]).shape == (0, 3)
    with pytest.raises(InvalidInput) as caught:
        values_in_cents([1, 2], [1, 2, 3])
    assert caught.value.field == "prices_1e4"


def test_fixed_point_is_exact_or_refused():
    assert fixed_point([D("39.123"), D("-0.0001"), D("1E+3"), D("0")], "prices").tolist() == [391_230, -1, 10_000_000, 0]
    for bad in ("0.00001", "NaN", "Infinity", "1E+16"):
        with pytest.raises(InvalidInput) as caught:
            fixed_point([D("1"), D(bad)], "prices")
        assert caught.value.field == "prices[1]"
