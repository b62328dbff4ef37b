"""Bucket books against hand arithmetic: what a portfolio holds, opens at and has been worth at most."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from daymark.book.models import AccountKind, CashEntry, CashKind, Portfolio, PortfolioMark, PortfolioRecord, Target
from daymark.book.valuation import mark
from daymark.contracts.bucket_book import encode_book
from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.instruments import AssetClass, BondTerms, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.core.money import Currency
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.bucket_books import CLASSES, bucket_book, live_prices, portfolio_row, references

D = Decimal
THURSDAY, FRIDAY, SATURDAY, MONDAY = date(2018, 2, 1), date(2018, 2, 2), date(2018, 2, 3), date(2018, 2, 5)
START = date(2016, 1, 4)
EQUITY, FIXED, CASH = AssetClass
INSTRUMENTS = {
    "KO": Instrument("KO", InstrumentKind.EQUITY, "Stock", EQUITY),
    "GE": Instrument("GE", InstrumentKind.EQUITY, "Stock", EQUITY),
    "BOND": Instrument("BOND", InstrumentKind.BOND, "Bond", FIXED, bond=BondTerms(D("0.04"), date(2030, 1, 1), "AAA")),
    "USD": Instrument("USD", InstrumentKind.CASH, "Dollars", CASH),
    "MONEY": Instrument("MONEY", InstrumentKind.FUND, "Money market fund", CASH),
    "SAP": Instrument("SAP", InstrumentKind.EQUITY, "Stock in euros", EQUITY, Currency.EUR),
    "BRK B": Instrument("BRK B", InstrumentKind.EQUITY, "Stock whose id is no symbol of the streams", EQUITY),
}


def closes(**prices):
    given = {"KO": "20.005", "GE": "10", "BOND": "101.2345", "USD": "1", "MONEY": "1.01", "SAP": "90"} | prices
    return {name: ClosingPrice(name, D(price), FRIDAY, PriceLabel.ADJUSTED_CLOSE) for name, price in given.items() if price}


def record(*lots, cash=(), targets=(), portfolio_id="P1", tenant="alpha"):
    portfolio = Portfolio(tenant, portfolio_id, "H", "adviser", "Own", AccountKind.TAXABLE, START, "us-east-1", tuple(targets))
    entries = [CashEntry(f"C{place}", portfolio_id, booked, kind, D(amount)) for place, (booked, kind, amount) in enumerate(cash)]
    return PortfolioRecord(portfolio, tuple(lots), tuple(entries))


def lot(name, quantity, acquired=START, disposals=(), portfolio_id="P1"):
    return Lot(f"L-{name}-{acquired}", portfolio_id, name, acquired, D(quantity), D("1.00"), tuple(disposals))


def row(of, history=(), **prices):
    given = closes(**prices)
    return portfolio_row(of, mark(of, given, INSTRUMENTS, FRIDAY), given, live_prices(given, INSTRUMENTS), INSTRUMENTS, MONDAY, history)


def past(day, value, portfolio_id="P1"):
    return PortfolioMark("alpha", portfolio_id, day, D(value), (), D(value))


def test_holdings_cash_and_opening_are_those_of_the_sessions_date():
    """On Monday 3 KO were bought for 60.00 and the 5 GE sold for 49.00; 200.00 came in on Saturday, 30.00 went out on Monday."""
    found = row(
        record(
            lot("KO", "10.5"),
            lot("KO", "3", MONDAY),
            lot("GE", "5", disposals=[Disposal(MONDAY, D(5), D("49.00"))]),
            cash=[
                (START, CashKind.DEPOSIT, "100.00"),
                (SATURDAY, CashKind.DEPOSIT, "200.00"),
                (MONDAY, CashKind.WITHDRAWAL, "-30.00"),
                (MONDAY, CashKind.BUY, "-60.00"),
                (MONDAY, CashKind.SELL, "49.00"),
                (date(2018, 2, 6), CashKind.DEPOSIT, "1000000.00"),
            ],
        )
    )
    assert found.quantities_1e4 == {"KO": 135_000}
    assert found.cash_cents == 10_000 + 20_000 - 3_000 - 6_000 + 4_900
    # Friday: 10.5 x 20.005 = 210.0525 -> 210.05, 5 x 10 = 50.00, cash 100.00: 360.05; flows since: 200.00 - 30.00.
    assert found.opening_cents == 36_005 + 17_000
    assert found.high_water_cents == found.opening_cents


def test_the_high_water_mark_carries_the_flows_since():
    """360.00 on Thursday before a deposit of 100.00 is 460.00 now; 440.00 on Friday before none is 440.00; open at 300.00."""
    held = record(cash=[(START, CashKind.DEPOSIT, "200.00"), (FRIDAY, CashKind.DEPOSIT, "100.00"), (FRIDAY, CashKind.FEE, "-5.00")])
    found = row(held, [past(FRIDAY, "440.00"), past(THURSDAY, "360.00")])
    assert (found.opening_cents, found.high_water_cents) == (29_500, 46_000)
    assert row(held, [past(THURSDAY, "360.00"), past(FRIDAY, "460.01")]).high_water_cents == 46_001
    # After a withdrawal the earlier peak is lower too: 500.00 on Thursday less 450.00 is below the opening of 100.00.
    emptied = record(cash=[(START, CashKind.DEPOSIT, "550.00"), (MONDAY, CashKind.WITHDRAWAL, "-450.00")])
    assert row(emptied, [past(THURSDAY, "500.00")]).high_water_cents == 10_000


def test_cash_alone_nothing_at_all_and_an_overdraft():
    only_cash = row(record(cash=[(START, CashKind.DEPOSIT, "12.34")]))
    assert (only_cash.quantities_1e4, only_cash.cash_cents, only_cash.opening_cents) == ({}, 1_234, 1_234)
    nothing = row(record())
    assert (nothing.cash_cents, nothing.opening_cents, nothing.high_water_cents, nothing.targets_1e9) == (0, 0, 0, (0, 0))
    overdrawn = row(record(lot("GE", "2"), cash=[(START, CashKind.FEE, "-25.00")]))
    assert (overdrawn.cash_cents, overdrawn.opening_cents, overdrawn.high_water_cents) == (-2_500, -500, -500)


def test_a_cash_instrument_counts_as_cash_to_the_cent_its_mark_has():
    # 100.005 at 1.00 is 100.00 half-even, 0.015 is 0.02.
    found = row(record(lot("USD", "100.005"), lot("KO", "1"), cash=[(START, CashKind.DEPOSIT, "3.00")]))
    assert (found.quantities_1e4, found.cash_cents, found.opening_cents) == ({"KO": 10_000}, 10_300, 10_300 + 2_000)
    assert row(record(lot("USD", "0.015"))).cash_cents == 2


def test_targets_are_summed_by_class_and_cash_takes_what_they_leave():
    targets = [Target("KO", D("0.333333333")), Target("GE", D("0.1")), Target("BOND", D("0.25")), Target("USD", D("0.05"))]
    assert CLASSES == (EQUITY, FIXED)
    assert row(record(targets=targets)).targets_1e9 == (433_333_333, 250_000_000)
    # Half-even where the ninth decimal is not enough: three thirds of one are one.
    thirds = [Target(name, D(1) / 3) for name in ("KO", "GE", "SAP")]
    assert row(record(targets=thirds)).targets_1e9 == (1_000_000_000, 0)
    with pytest.raises(InvalidInput) as caught:
        row(record(targets=[Target("NONE", D("0.1"))]))
    assert caught.value.field == "targets[NONE].instrument_id"


@pytest.mark.parametrize(
    ("held", "prices", "error", "field"),
    [
        (lot("KO", "1"), {"KO": ""}, NotPublished, "closes[KO]"),
        (lot("KO", "1", MONDAY), {"KO": ""}, NotPublished, "closes[KO]"),
        (lot("NONE", "1"), {}, InvalidInput, "lots[L-NONE-2016-01-04].instrument_id"),
        (lot("SAP", "1"), {}, InvalidInput, "instruments[SAP]"),
        (lot("MONEY", "1"), {}, InvalidInput, "instruments[MONEY]"),
        (lot("KO", "1"), {"KO": "20.00005"}, InvalidInput, "instruments[KO]"),
        (lot("BRK B", "1"), {"BRK B": "20"}, InvalidInput, "instruments[BRK B]"),
        (lot("KO", "1"), {"KO": "9223372036.8548"}, InvalidInput, "instruments[KO]"),
        (lot("KO", "0.00001"), {}, InvalidInput, "quantities[0]"),
        (lot("KO", "922337203685478"), {}, InvalidInput, "quantities[0]"),
        (lot("KO", "1000000000000"), {}, InvalidInput, "quantities_1e4"),
        (lot("USD", "92233720368547758.08"), {}, InvalidInput, "cash"),
    ],
)
def test_what_cannot_be_marked_live_is_refused_by_name(held, prices, error, field):
    with pytest.raises(error) as caught:
        row(record(held), **prices)
    assert caught.value.field == field


@pytest.mark.parametrize(("tenant", "portfolio_id"), [("alpha", "P\n1"), ("al\npha", "P1"), ("alpha", "P\x00"), ("alpha", "P\u2028")])
def test_a_portfolio_that_no_board_can_name_in_one_line_is_refused_by_name(tenant, portfolio_id):
    with pytest.raises(InvalidInput) as caught:
        row(record(portfolio_id=portfolio_id, tenant=tenant))
    assert caught.value.field == "portfolio_id"
    assert row(record(portfolio_id="Päule's #2", tenant="alpha")).portfolio_id == "Päule's #2"


def test_live_prices_leave_out_cash_and_what_the_streams_cannot_state():
    given = closes(KO="20.00005", GE="0", SAP="9223372036.8548", MONEY="9223372036.8547", **{"BRK B": "200"}) | {
        "UNKNOWN": ClosingPrice("UNKNOWN", D(1), FRIDAY, PriceLabel.ADJUSTED_CLOSE)
    }
    prices = live_prices(given, INSTRUMENTS)
    assert prices == {"BOND": 1_012_345, "MONEY": 92_233_720_368_547}
    assert list(prices) == sorted(prices)
    assert references(prices) == {"BOND": 101_234_500_000, "MONEY": 9_223_372_036_854_700_000}


def rows():
    one = row(record(lot("KO", "2"), lot("BOND", "3.5"), cash=[(START, CashKind.FEE, "-1.00")], targets=[Target("BOND", D("0.4"))]))
    two = row(record(lot("KO", "7", portfolio_id="P2"), cash=[(START, CashKind.DEPOSIT, "5.00")], portfolio_id="P2"))
    other = row(record(lot("GE", "1", portfolio_id="P1"), tenant="aardvark"))
    return [two, one, other]


def test_a_book_has_its_owners_symbols_and_rows_in_order():
    prices = live_prices(closes(), INSTRUMENTS)
    book = bucket_book(MONDAY, 3, rows(), prices, INSTRUMENTS)
    assert (book.session_date, book.bucket) == (MONDAY, 3)
    assert book.owners == (("aardvark", "P1"), ("alpha", "P1"), ("alpha", "P2"))
    assert (book.symbols, book.class_names) == (("BOND", "GE", "KO"), ("equity", "fixed_income"))
    held = list(zip(book.portfolios.tolist(), book.instruments.tolist(), book.quantities_1e4.tolist(), strict=True))
    assert held == [(0, 1, 10_000), (1, 0, 35_000), (1, 2, 20_000), (2, 2, 70_000)]
    assert (book.classes.tolist(), book.prices_1e4.tolist()) == ([1, 0, 0], [1_012_345, 100_000, 200_050])
    assert book.cash_cents.tolist() == [0, -100, 500]
    # 3.5 x 101.2345 = 354.32075 -> 354.32, 2 x 20.005 = 40.01, less 1.00; 7 x 20.005 = 140.035 -> 140.04, and 5.00.
    assert book.opening_cents.tolist() == book.high_water_cents.tolist() == [1_000, 39_333, 14_504]
    assert book.targets_1e9.tolist() == [[0, 0], [0, 400_000_000], [0, 0]]
    assert all(column.dtype == np.int64 and column.flags.c_contiguous for column in book.columns().values())


def test_equal_rows_give_equal_books_in_any_order_and_a_changed_one_another():
    prices = live_prices(closes(), INSTRUMENTS)
    book = encode_book(bucket_book(MONDAY, 3, rows(), prices, INSTRUMENTS))
    assert encode_book(bucket_book(MONDAY, 3, rows()[::-1], prices, INSTRUMENTS)) == book
    changed = [replace(rows()[0], cash_cents=501), *rows()[1:]]
    assert encode_book(bucket_book(MONDAY, 3, changed, prices, INSTRUMENTS)) != book


def test_a_book_of_cash_alone_has_no_symbols():
    book = bucket_book(MONDAY, 1, [row(record(cash=[(START, CashKind.DEPOSIT, "1.00")]))], {}, INSTRUMENTS)
    assert (book.symbols, len(book.quantities_1e4), book.cash_cents.tolist(), book.targets_1e9.shape) == ((), 0, [100], (1, 2))
    assert encode_book(book)
