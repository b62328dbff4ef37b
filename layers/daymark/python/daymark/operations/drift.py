"""Drift: an instrument's weight less its target; outside the band once it strays further than the portfolio allows.

Weights are fractions of the whole value, cash included. What is held without a target has the target zero. Cash has no row: it is
what the targets leave. Decisions are exact decimals; only what is shown is rounded to a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from daymark.book.models import Portfolio, PortfolioMark
from daymark.core.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One instrument's value, target and exact distance from it (fractions of the portfolio's value)."""

    instrument_id: str
    value: Decimal
    target: Decimal
    weight: Decimal
    outside_band: bool

    @property
    def drift(self) -> Decimal:
        """Weight less target; positive where too much is held."""
        return self.weight - self.target


@dataclass(frozen=True, slots=True)
class Drift:
    """A portfolio's rows by instrument id. A portfolio without value has no weights: no rows, cash weight zero."""

    portfolio_id: str
    as_of: date
    rows: tuple[DriftRow, ...]
    cash_weight: Decimal

    @property
    def largest(self) -> Decimal:
        """The largest distance from target, either way; zero without rows."""
        return max((abs(row.drift) for row in self.rows), default=Decimal(0))


def has_weights(mark: PortfolioMark) -> bool:
    """Whether values can be stated as fractions of the whole; ``False`` for an empty portfolio.

    Raises:
        InvalidInput: the portfolio holds something but is worth nothing or less, so fractions would mean nothing.
    """
    if mark.value > 0:
        return True
    if mark.value < 0 or any(position.value for position in mark.positions):
        raise InvalidInput(f"portfolio {mark.portfolio_id} is worth {mark.value}: it has no weights", field="value")
    return False


def instrument_values(mark: PortfolioMark) -> Mapping[str, Decimal]:
    """Value held of each instrument, by id in sorted order."""
    values: dict[str, Decimal] = {}
    for position in sorted(mark.positions, key=lambda position: position.instrument_id):
        values[position.instrument_id] = values.get(position.instrument_id, Decimal(0)) + position.value
    return values


def measure_drift(portfolio: Portfolio, mark: PortfolioMark) -> Drift:
    """How far each instrument has strayed from its target at a mark.

    60 of 100 held against a target of one half, band 3 %: drift +10 %, outside. Exactly on the edge is inside.

    Raises:
        InvalidInput: the mark is another portfolio's, or has no weights (see ``has_weights``).
    """
    if (portfolio.tenant, portfolio.portfolio_id) != (mark.tenant, mark.portfolio_id):
        raise InvalidInput(f"mark of {mark.portfolio_id} given for {portfolio.portfolio_id}", field="mark")
    if not has_weights(mark):
        return Drift(portfolio.portfolio_id, mark.session_date, (), Decimal(0))
    targets = {target.instrument_id: target.weight for target in portfolio.targets}
    values = instrument_values(mark)
    rows: list[DriftRow] = []
    for instrument_id in sorted(targets.keys() | values.keys()):
        value, target = values.get(instrument_id, Decimal(0)), targets.get(instrument_id, Decimal(0))
        outside = abs(value - target * mark.value) > portfolio.drift_band * mark.value
        rows.append(DriftRow(instrument_id, value, target, value / mark.value, outside))
    return Drift(portfolio.portfolio_id, mark.session_date, tuple(rows), mark.cash / mark.value)


def as_body(drift: Drift) -> Mapping[str, Any]:
    """The body of the day's DRIFT record."""
    return {
        "as_of": drift.as_of.isoformat(),
        "rows": [
            {
                "instrument_id": row.instrument_id,
                "target": float(row.target),
                "weight": float(row.weight),
                "drift": float(row.drift),
                "outside_band": row.outside_band,
            }
            for row in drift.rows
        ],
        "cash_weight": float(drift.cash_weight),
        "largest_drift": float(drift.largest),
    }
