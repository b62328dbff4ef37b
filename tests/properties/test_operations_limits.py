"""Limits and drift for any portfolio: against plain fractions, whatever the order of rows and the size of the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark, Target
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.market_data.labels import PriceLabel
from daymark.operations.drift import measure_drift
from daymark.operations.limits import check_limits

DAY = date(2018, 2, 2)
SECTOR = {"A": "one", "B": "one", "C": "two", "D": None}
INSTRUMENTS = {name: Instrument(name, InstrumentKind.EQUITY, name, AssetClass.EQUITY, sector=sector) for name, sector in SECTOR.items()}
HOLDINGS = st.dictionaries(st.sampled_from(list(SECTOR)), st.integers(1, 50), min_size=1)
PORTFOLIO = Portfolio(
    "t", "p", "h", "a", "P", AccountKind.TAXABLE, DAY, "us-east-1", (Target("A", Decimal("0.4")), Target("B", Decimal("0.2")))
)


def mark(cash: int, values: dict[str, int], scale: int = 1) -> PortfolioMark:
    positions = tuple(
        PositionMark(
            name, AssetClass.EQUITY, Decimal(1), Decimal(value), Decimal(value * scale), Decimal(1), DAY, PriceLabel.ADJUSTED_CLOSE
        )
        for name, value in values.items()
    )
    return PortfolioMark("t", "p", DAY, Decimal(cash * scale), positions, Decimal((cash + sum(values.values())) * scale))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 50), HOLDINGS)
def test_breaches_are_exactly_the_fractions_above_the_limit(cash: int, values: dict[str, int]) -> None:
    whole = cash + sum(values.values())
    breached = {breach.name for breach in check_limits(PORTFOLIO, mark(cash, values), INSTRUMENTS).breaches}
    sectors = {name: sum(value for held, value in values.items() if SECTOR[held] == name) for name in ("one", "two")}
    expected = {name for name, value in values.items() if Fraction(value, whole) > Fraction(1, 4)}
    assert breached == expected | {name for name, value in sectors.items() if Fraction(value, whole) > Fraction(45, 100)}


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 50), HOLDINGS)
def test_outside_the_band_is_exactly_the_fractions_that_strayed(cash: int, values: dict[str, int]) -> None:
    whole = cash + sum(values.values())
    targets = {"A": Fraction(2, 5), "B": Fraction(1, 5)}
    outside = {row.instrument_id for row in measure_drift(PORTFOLIO, mark(cash, values)).rows if row.outside_band}
    names = targets.keys() | values.keys()
    assert outside == {name for name in names if abs(Fraction(values.get(name, 0), whole) - targets.get(name, 0)) > Fraction(3, 100)}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 50), HOLDINGS, st.randoms(use_true_random=False))
def test_order_and_size_change_nothing(cash: int, values: dict[str, int], random: object) -> None:
    book = mark(cash, values)
    positions = list(book.positions)
    random.shuffle(positions)
    shuffled = replace(book, positions=tuple(positions))
    assert measure_drift(PORTFOLIO, shuffled) == measure_drift(PORTFOLIO, book)
    assert check_limits(PORTFOLIO, shuffled, INSTRUMENTS) == check_limits(PORTFOLIO, book, INSTRUMENTS)
    large = mark(cash, values, scale=1000)
    assert check_limits(PORTFOLIO, large, INSTRUMENTS) == check_limits(PORTFOLIO, book, INSTRUMENTS)
    assert [(row.weight, row.outside_band) for row in measure_drift(PORTFOLIO, large).rows] == [
        (row.weight, row.outside_band) for row in measure_drift(PORTFOLIO, book).rows
    ]
