"""Drift by hand: weights, targets, the edge of the band, and portfolios without weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, PositionMark, Target
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass
from daymark.market_data.labels import PriceLabel
from daymark.operations.drift import as_body, measure_drift

DAY = date(2018, 2, 2)


def portfolio(targets: Mapping[str, str]) -> Portfolio:
    rows = tuple(Target(name, Decimal(weight)) for name, weight in targets.items())
    return Portfolio("northstar", "p", "h", "adviser.ben.northstar", "P", AccountKind.TAXABLE, DAY, "us-east-1", rows)


def mark(cash: str, **values: str) -> PortfolioMark:
    positions = tuple(
        PositionMark(name, AssetClass.EQUITY, Decimal(1), Decimal(value), Decimal(value), Decimal(1), DAY, PriceLabel.ADJUSTED_CLOSE)
        for name, value in values.items()
    )
    total = Decimal(cash) + sum((position.value for position in positions), Decimal(0))
    return PortfolioMark("northstar", "p", DAY, Decimal(cash), positions, total)


def test_weights_drift_and_band_by_hand() -> None:
    """Of 1,000: KO 540 against 50 % (+4 %), PG 330 against 30 % (+3 %, the edge), GE 0 against 5 % (-5 %), XOM 20 without a target."""
    drift = measure_drift(portfolio({"PG": "0.30", "KO": "0.50", "GE": "0.05"}), mark("110", PG="330", XOM="20", KO="540"))
    assert [(row.instrument_id, row.weight, row.drift, row.outside_band) for row in drift.rows] == [
        ("GE", 0, Decimal("-0.05"), True),
        ("KO", Decimal("0.54"), Decimal("0.04"), True),
        ("PG", Decimal("0.33"), Decimal("0.03"), False),
        ("XOM", Decimal("0.02"), Decimal("0.02"), False),
    ]
    assert (drift.cash_weight, drift.largest) == (Decimal("0.11"), Decimal("0.05"))


def test_overdrawn_cash_is_a_negative_weight() -> None:
    drift = measure_drift(portfolio({"KO": "1"}), mark("-100", KO="1100"))
    assert (drift.rows[0].weight, drift.cash_weight) == (Decimal("1.1"), Decimal("-0.1"))


def test_an_empty_portfolio_has_no_rows() -> None:
    drift = measure_drift(portfolio({"KO": "1"}), mark("0"))
    assert as_body(drift) == {"as_of": "2018-02-02", "rows": [], "cash_weight": 0.0, "largest_drift": 0.0}


@pytest.mark.parametrize("book", [mark("-200", KO="100"), mark("-100", KO="100"), mark("-1")])
def test_worth_nothing_or_less_has_no_weights(book: PortfolioMark) -> None:
    with pytest.raises(InvalidInput) as refused:
        measure_drift(portfolio({"KO": "1"}), book)
    assert refused.value.field == "value"


@pytest.mark.parametrize("other", [{"portfolio_id": "q"}, {"tenant": "harbor"}])
def test_another_portfolios_mark_is_refused(other: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        measure_drift(portfolio({"KO": "1"}), replace(mark("1"), **other))
    assert refused.value.field == "mark"


def test_body_is_plain_json_data() -> None:
    body = as_body(measure_drift(portfolio({"KO": "0.5"}), mark("40", KO="60")))
    assert body == {
        "as_of": "2018-02-02",
        "rows": [{"instrument_id": "KO", "target": 0.5, "weight": 0.6, "drift": 0.1, "outside_band": True}],
        "cash_weight": 0.4,
        "largest_drift": 0.1,
    }
