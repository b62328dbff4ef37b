"""A bucket's book is cut from the same records, closes and rules as the marks of the close, so that live marks end on them to the cent.

What a portfolio holds is what its books give for the session's date. Its result of the day is counted from its value at the close
before, as books and closes now give it, and the flows since: ``value - opening`` is what ``book.profit_and_loss`` calls the day's
result. Cash instruments are priced at one for ever and have no ticks: they count as cash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from daymark.book.holdings import ZERO, external_flows
from daymark.book.models import Portfolio, PortfolioMark, PortfolioRecord, PositionMark
from daymark.book.valuation import fixed_point, mark, values_in_cents
from daymark.contracts.bucket_book import BucketBook
from daymark.contracts.symbols import is_symbol
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.core.money import EXACT
from daymark.market_data.models import ClosingPrice

# The classes that live marks are shown in; cash is a column of its own.
CLASSES = tuple(kind for kind in AssetClass if kind is not AssetClass.CASH)
# Sessions that the high-water mark looks back: a year of them.
LOOK_BACK = 252
_REFERENCE_PER_UNIT = 100_000
_LARGEST = 2**63 - 1
_CENTS, _PARTS = Decimal(100), Decimal(10**9)


@dataclass(frozen=True, slots=True)
class PortfolioRow:
    """One portfolio as its session begins.

    Attributes:
        quantities_1e4: Ten-thousandths of a unit by instrument id; cash instruments are in ``cash_cents``.
        cash_cents: Cash and cash instruments; negative when overdrawn.
        opening_cents: Value at the close before, and flows since.
        high_water_cents: The highest of ``opening_cents`` and of the earlier sessions' values, each with the flows since.
        targets_1e9: Target weight of each of :data:`CLASSES` in 1e-9.
    """

    tenant: str
    portfolio_id: str
    quantities_1e4: Mapping[str, int]
    cash_cents: int
    opening_cents: int
    high_water_cents: int
    targets_1e9: tuple[int, ...]


def live_prices(closes: Mapping[str, ClosingPrice], instruments: Mapping[str, Instrument]) -> dict[str, int]:
    """The closes that live marks begin at, in ten-thousandths by instrument id, sorted.

    Left out are cash instruments, which have no ticks; ids that are no symbol of the streams: one of them would keep the ingest from
    reading the whole session; and closes that the streams cannot state: not above zero, with more than four decimals, or too large
    for int64 in 1e-9.
    """
    prices = {}
    for name, close in sorted(closes.items()):
        if name not in instruments or instruments[name].kind is InstrumentKind.CASH or not is_symbol(name):
            continue
        try:
            price = int(fixed_point([close.price], name)[0])
        except InvalidInput:
            continue
        if 0 < price <= _LARGEST // _REFERENCE_PER_UNIT:
            prices[name] = price
    return prices


def references(prices_1e4: Mapping[str, int]) -> dict[str, int]:
    """Prices of the streams, in 1e-9, from ten-thousandths.

    >>> references({"KO": 441_300})
    {'KO': 44130000000}
    """
    return {name: price * _REFERENCE_PER_UNIT for name, price in prices_1e4.items()}


def portfolio_row(
    record: PortfolioRecord,
    before: PortfolioMark,
    closes: Mapping[str, ClosingPrice],
    prices_1e4: Mapping[str, int],
    instruments: Mapping[str, Instrument],
    session_date: date,
    history: Sequence[PortfolioMark],
) -> PortfolioRow:
    """A portfolio's row: what it holds at the end of the session's date, as far as it is booked by now.

    Value 1,000.00 at the close before and a deposit of 200.00 booked since: the opening is 1,200.00. Had an earlier session ended
    on 1,100.00 before the same deposit, the high-water mark is 1,300.00.

    Args:
        record: The portfolio with its lots and cash entries.
        before: Its mark at the session before, at ``closes``.
        closes: Closing prices of the session before.
        prices_1e4: Those of them that :func:`live_prices` gives.
        instruments: Every instrument by id.
        session_date: The session that begins.
        history: Marks of earlier sessions, in any order.

    Raises:
        NotPublished: a held instrument has no closing price; the field names it.
        InvalidInput: a lot names an instrument that does not exist, a price is not above zero or in another currency than the
            portfolio, a quantity has more than four decimals, a price is none that the streams can state, an amount does not fit
            int64, a holding of class cash has a market price, a target names an instrument that does not exist, or the portfolio's
            name holds what cannot be printed: no board could show the bucket.
    """
    if not f"{record.portfolio.tenant}{record.portfolio.portfolio_id}".isprintable():
        raise InvalidInput("a portfolio on a live board has a name of printable characters", field="portfolio_id")
    present = mark(record, closes, instruments, session_date)
    at_par = [row for row in present.positions if instruments[row.instrument_id].kind is InstrumentKind.CASH]
    opening = before.value + external_flows(record, session_date, after=before.session_date)
    earlier = [one.value + external_flows(record, session_date, after=one.session_date) for one in history]
    return PortfolioRow(
        tenant=record.portfolio.tenant,
        portfolio_id=record.portfolio.portfolio_id,
        quantities_1e4=_quantities([row for row in present.positions if row not in at_par], prices_1e4),
        cash_cents=_cents(present.cash + sum((row.value for row in at_par), ZERO), "cash"),
        opening_cents=_cents(opening, "opening"),
        high_water_cents=_cents(max([opening, *earlier]), "high_water"),
        targets_1e9=_targets(record.portfolio, instruments),
    )


def bucket_book(
    session_date: date, bucket: int, rows: Sequence[PortfolioRow], prices_1e4: Mapping[str, int], instruments: Mapping[str, Instrument]
) -> BucketBook:
    """The book of a bucket's portfolios, sorted by owner, whatever the order they come in; equal rows give equal books.

    Args:
        session_date: The session that begins.
        bucket: The bucket's number.
        rows: Its portfolios, each once.
        prices_1e4: What they were made with.
        instruments: Every instrument by id.
    """
    ordered = sorted(rows, key=lambda row: (row.tenant, row.portfolio_id))
    symbols = sorted({name for row in ordered for name in row.quantities_1e4})
    place = {name: number for number, name in enumerate(symbols)}
    held = [(place[name], number, units) for number, row in enumerate(ordered) for name, units in sorted(row.quantities_1e4.items())]
    columns = np.array(held, dtype=np.int64).reshape(len(held), 3).T.copy()
    return BucketBook(
        session_date=session_date,
        bucket=bucket,
        owners=tuple((row.tenant, row.portfolio_id) for row in ordered),
        symbols=tuple(symbols),
        class_names=tuple(kind.value for kind in CLASSES),
        instruments=columns[0],
        portfolios=columns[1],
        quantities_1e4=columns[2],
        classes=np.array([CLASSES.index(instruments[name].asset_class) for name in symbols], dtype=np.int64),
        prices_1e4=np.array([prices_1e4[name] for name in symbols], dtype=np.int64),
        cash_cents=np.array([row.cash_cents for row in ordered], dtype=np.int64),
        opening_cents=np.array([row.opening_cents for row in ordered], dtype=np.int64),
        high_water_cents=np.array([row.high_water_cents for row in ordered], dtype=np.int64),
        targets_1e9=np.array([row.targets_1e9 for row in ordered], dtype=np.int64).reshape(len(ordered), len(CLASSES)),
    )


def _quantities(rows: Sequence[PositionMark], prices_1e4: Mapping[str, int]) -> dict[str, int]:
    """Units by instrument id, once they and their prices are known to fit what live marks count in."""
    for row in rows:
        where = f"instruments[{row.instrument_id}]"
        if row.asset_class not in CLASSES:
            raise InvalidInput(f"{row.instrument_id} has a market price although its class is cash: no live column shows it", field=where)
        if row.instrument_id not in prices_1e4:
            raise InvalidInput(f"{row.instrument_id} closed at {row.price}: the streams cannot state this id or price", field=where)
    units = fixed_point([row.quantity for row in rows], "quantities")
    values_in_cents(units, np.array([prices_1e4[row.instrument_id] for row in rows], dtype=np.int64))
    return {row.instrument_id: int(count) for row, count in zip(rows, units, strict=True)}


def _targets(portfolio: Portfolio, instruments: Mapping[str, Instrument]) -> tuple[int, ...]:
    """Target weights summed by class, in 1e-9, half-even beyond the ninth decimal."""
    weights = dict.fromkeys(AssetClass, ZERO)
    for target in portfolio.targets:
        if target.instrument_id not in instruments:
            raise InvalidInput(
                f"a target names unknown instrument {target.instrument_id}", field=f"targets[{target.instrument_id}].instrument_id"
            )
        kind = instruments[target.instrument_id].asset_class
        weights[kind] = EXACT.add(weights[kind], target.weight)
    return tuple(int(EXACT.multiply(weights[kind], _PARTS).to_integral_value(ROUND_HALF_EVEN)) for kind in CLASSES)


def _cents(amount: Decimal, field: str) -> int:
    cents = int(EXACT.multiply(amount, _CENTS))
    if abs(cents) > _LARGEST:
        raise InvalidInput(f"{amount} does not fit int64 cents", field=field)
    return cents
