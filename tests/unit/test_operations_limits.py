"""Limits by hand: positions, sectors, the limit itself, and portfolios without weights."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.market_data.labels import PriceLabel
from daymark.operations.limits import as_body, check_limits

DAY = date(2018, 2, 2)
SECTORS = {"KO": "staples", "PG": "staples", "GE": "industrials", "XOM": "energy", "FUND": None}
INSTRUMENTS = {name: Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY, sector=sector) for name, sector in SECTORS.items()}
PORTFOLIO = Portfolio("northstar", "p", "h", "a", "P", AccountKind.TAXABLE, DAY, "us-east-1", ())


def mark(cash: str, **values: str) -> PortfolioMark:
    positions = tuple(
        PositionMark(name, AssetClass.EQUITY, Decimal(1), Decimal(value), Decimal(value), Decimal(1), DAY, PriceLabel.ADJUSTED_CLOSE)
        for name, value in values.items()
    )
    total = Decimal(cash) + sum((position.value for position in positions), Decimal(0))
    return PortfolioMark("northstar", "p", DAY, Decimal(cash), positions, total)


def test_positions_and_sectors_by_hand() -> None:
    """Of 1,000 at 25 % and 45 %: KO 30 %, GE 26 % too heavy, XOM 25 % at the limit; staples 30 + 16 = 46 % too heavy."""
    check = check_limits(PORTFOLIO, mark("30", XOM="250", GE="260", KO="300", PG="160"), INSTRUMENTS)
    assert as_body(check) == {
        "breaches": [
            {"limit": "position", "name": "KO", "weight": 0.3, "maximum": 0.25},
            {"limit": "position", "name": "GE", "weight": 0.26, "maximum": 0.25},
            {"limit": "sector", "name": "staples", "weight": 0.46, "maximum": 0.45},
        ],
        "largest_position": {"instrument_id": "KO", "weight": 0.3},
        "as_of": "2018-02-02",
    }


def test_without_a_sector_is_in_none() -> None:
    """An instrument without a sector breaks no sector limit, however heavy."""
    check = check_limits(PORTFOLIO, mark("0", FUND="100"), INSTRUMENTS)
    assert [(breach.limit, breach.name) for breach in check.breaches] == [("position", "FUND")]


def test_equal_positions_name_the_first_by_id() -> None:
    check = check_limits(PORTFOLIO, mark("0", PG="50", KO="50"), INSTRUMENTS)
    assert check.largest_position == ("KO", Decimal("0.5"))


@pytest.mark.parametrize("cash", ["0", "100"])
def test_without_positions_nothing_is_breached(cash: str) -> None:
    body = as_body(check_limits(PORTFOLIO, mark(cash), INSTRUMENTS))
    assert body == {"breaches": [], "largest_position": None, "as_of": "2018-02-02"}


def test_refusals_name_what_is_wrong() -> None:
    for book, field in (
        (mark("0", TSLA="1"), "TSLA"),
        (mark("-2", KO="1"), "value"),
        (replace(mark("1"), portfolio_id="q"), "mark"),
        (replace(mark("1"), tenant="harbor"), "mark"),
    ):
        with pytest.raises(InvalidInput) as refused:
            check_limits(PORTFOLIO, book, INSTRUMENTS)
        assert refused.value.field == field
