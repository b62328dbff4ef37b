"""The real price history and a universe over it, shared by the market data tests."""

import csv
import gzip
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.metadata import distribution

from daymark.contracts.price_files import VendorClose
from daymark.core.instruments import AssetClass, BondTerms, Instrument, InstrumentKind
from daymark.core.sessions import Calendar
from daymark.local.price_history import PriceHistoryFiles, load_price_history
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import PricePanel
from daymark.market_data.ports import PriceArchive
from daymark.market_data.price_desk import PriceDesk

CRASH = date(2018, 2, 5)
BEFORE_CRASH = date(2018, 2, 2)


@cache
def history() -> PriceHistoryFiles:
    return load_price_history()


@cache
def sessions() -> tuple[date, ...]:
    return tuple(history().block.sessions.astype(object))


@cache
def universe() -> dict[str, Instrument]:
    stocks = [Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY) for name in history().block.instrument_ids]
    bonds = [bond("AAA"), bond("BAA")]
    return {item.instrument_id: item for item in [*stocks, *bonds]}


def bond(series: str) -> Instrument:
    terms = BondTerms(Decimal("0.04"), date(2030, 3, 15), series)
    return Instrument(f"BOND-{series}", InstrumentKind.BOND, f"4% 2030 {series}", AssetClass.FIXED_INCOME, bond=terms)


def desk(archive: PriceArchive) -> PriceDesk:
    return PriceDesk(archive, universe(), Calendar.exchange())


def past(session_date: date, length: int = 253) -> PricePanel:
    """The real closes of the sessions before one."""
    end = sessions().index(session_date)
    block = history().block
    closes = block.closes[end - length : end].copy()
    return PricePanel(
        sessions()[end - length : end], block.instrument_ids, closes, dict.fromkeys(block.instrument_ids, PriceLabel.ADJUSTED_CLOSE)
    )


@cache
def published(session_date: date) -> dict[str, str]:
    """One session's closes by id, straight from the wheel's file and not through the code under test."""
    path = distribution("skfolio").locate_file("skfolio/datasets/data/sp500_dataset.csv.gz")
    with gzip.open(str(path), "rt", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["Date"] == session_date.isoformat())
    return {name: close for name, close in row.items() if name != "Date"}


def vendor_file(session_date: date) -> list[VendorClose]:
    """A session's vendor rows as they would be delivered when nothing is wrong."""
    return list(history().archive().vendor_file(session_date))
