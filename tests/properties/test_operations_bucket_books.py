"""Bucket books, whatever the records: live marks begin at the book's own valuation and end on the close's value and result."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from daymark.book.holdings import external_flows
from daymark.book.models import AccountKind, CashEntry, CashKind, Portfolio, PortfolioMark, PortfolioRecord
from daymark.book.profit_and_loss import profit_and_loss
from daymark.book.valuation import mark, position_value
from daymark.contracts.bucket_book import decode_book, encode_book
from daymark.core.instruments import AssetClass, BondTerms, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.monitoring.live_marks import Holdings, LiveMarks
from daymark.operations.bucket_books import bucket_book, live_prices, portfolio_row

BEFORE, SESSION = date(2018, 2, 2), date(2018, 2, 5)
DAYS = st.sampled_from([date(2018, 1, 2), date(2018, 2, 1), BEFORE, date(2018, 2, 3), SESSION, date(2018, 2, 6)])
EARLIER = (date(2018, 1, 2), date(2018, 2, 1), BEFORE)
INSTRUMENTS = {
    "A": Instrument("A", InstrumentKind.EQUITY, "A", AssetClass.EQUITY),
    "B": Instrument("B", InstrumentKind.FUND, "B", AssetClass.EQUITY),
    "C": Instrument("C", InstrumentKind.BOND, "C", AssetClass.FIXED_INCOME, bond=BondTerms(Decimal("0.04"), date(2030, 1, 1), "AAA")),
    "USD": Instrument("USD", InstrumentKind.CASH, "USD", AssetClass.CASH),
}
UNITS = st.integers(1, 10**8).map(lambda count: Decimal(count).scaleb(-4))
PRICE = st.integers(1, 9_999_999).map(lambda count: Decimal(count).scaleb(-4))
AMOUNT = st.integers(-(10**9), 10**9).map(lambda count: Decimal(count).scaleb(-2))


@st.composite
def records(draw, number):
    lots = []
    for place in range(draw(st.integers(0, 5))):
        acquired, quantity = draw(DAYS), draw(UNITS)
        sold = draw(st.none() | st.tuples(DAYS, st.integers(1, 4)))
        disposals = () if sold is None or sold[0] < acquired else (Disposal(sold[0], quantity * sold[1], Decimal(0)),)
        whole = 4 * quantity
        lots.append(Lot(f"L{place}", f"P{number}", draw(st.sampled_from(sorted(INSTRUMENTS))), acquired, whole, Decimal(0), disposals))
    cash = [
        CashEntry(f"C{place}", f"P{number}", draw(DAYS), draw(st.sampled_from(list(CashKind))), draw(AMOUNT))
        for place in range(draw(st.integers(0, 6)))
    ]
    owner = Portfolio("alpha", f"P{number}", "H", "adviser", "Own", AccountKind.TAXABLE, date(2016, 1, 4), "us-east-1", ())
    return PortfolioRecord(owner, tuple(lots), tuple(cash))


def closes(prices, day):
    given = dict(zip("ABC", prices, strict=True)) | {"USD": Decimal(1)}
    return {name: ClosingPrice(name, price, day, PriceLabel.ADJUSTED_CLOSE) for name, price in given.items()}


def by_hand(record, given, on):
    """The rule of the close, lot by lot in decimals, in cents."""
    units = {}
    for lot in record.lots:
        units[lot.instrument_id] = units.get(lot.instrument_id, Decimal(0)) + lot.open_quantity(on)
    value = sum((position_value(count, given[name].price) for name, count in units.items()), Decimal(0))
    return int((value + sum(entry.amount for entry in record.cash if entry.booked <= on)) * 100)


@given(
    st.tuples(records(1), records(2), records(3)),
    st.tuples(PRICE, PRICE, PRICE),
    st.tuples(PRICE, PRICE, PRICE),
    st.lists(st.tuples(st.sampled_from(EARLIER), AMOUNT), max_size=3, unique_by=lambda one: one[0]),
)
def test_live_marks_begin_and_end_on_the_books_own_cents(book_of_records, first, last, peaks):
    opening, closing = closes(first, BEFORE), closes(last, SESSION)
    prices = live_prices(opening, INSTRUMENTS)
    history = {
        record.portfolio.portfolio_id: [
            PortfolioMark("alpha", record.portfolio.portfolio_id, day, value, (), value) for day, value in peaks
        ]
        for record in book_of_records
    }
    rows = [
        portfolio_row(
            record,
            mark(record, opening, INSTRUMENTS, BEFORE),
            opening,
            prices,
            INSTRUMENTS,
            SESSION,
            history[record.portfolio.portfolio_id],
        )
        for record in book_of_records
    ]
    book = decode_book(encode_book(bucket_book(SESSION, 1, rows, prices, INSTRUMENTS)))
    holdings = Holdings.of(book.instruments, book.portfolios, book.quantities_1e4, book.classes, len(book.owners), len(book.class_names))
    marks = LiveMarks(holdings, book.prices_1e4, book.cash_cents, book.high_water_cents)
    for place, record in enumerate(book_of_records):
        assert int(marks.value_cents[place]) == by_hand(record, opening, SESSION)
        assert int(marks.value_cents[place]) == int(mark(record, opening, INSTRUMENTS, SESSION).value * 100)
        flows = {day: int(external_flows(record, SESSION, after=day) * 100) for day in EARLIER}
        assert book.opening_cents[place] == by_hand(record, opening, BEFORE) + flows[BEFORE]
        assert book.high_water_cents[place] == max(
            [int(book.opening_cents[place]), *(int(value * 100) + flows[day] for day, value in peaks)]
        )
    marks.apply(np.arange(len(book.symbols)), [int(closing[name].price * 10_000) for name in book.symbols])
    for place, record in enumerate(book_of_records):
        current = mark(record, closing, INSTRUMENTS, SESSION)
        assert int(marks.value_cents[place]) == int(current.value * 100) == by_hand(record, closing, SESSION)
        result = profit_and_loss(record, mark(record, opening, INSTRUMENTS, BEFORE), current)
        assert int(marks.value_cents[place]) - int(book.opening_cents[place]) == int(result.pnl * 100)
