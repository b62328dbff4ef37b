"""Limits: no instrument may weigh more than the position limit, no sector more than the sector limit; the limit itself is allowed.

Weights are fractions of the whole value, cash included. Cash is no position. An instrument without a sector is in none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from daymark.book.models import Portfolio, PortfolioMark
from daymark.core.errors import InvalidInput
from daymark.core.instruments import Instrument
from daymark.operations.drift import has_weights, instrument_values


class Limit(StrEnum):
    """What a limit binds."""

    POSITION = "position"
    SECTOR = "sector"


@dataclass(frozen=True, slots=True)
class Breach:
    """A weight above its maximum; ``name`` is the instrument or the sector."""

    limit: Limit
    name: str
    weight: Decimal
    maximum: Decimal


@dataclass(frozen=True, slots=True)
class LimitCheck:
    """A portfolio's breaches, positions first, heaviest first, and its largest position (``None`` if it holds nothing)."""

    portfolio_id: str
    as_of: date
    breaches: tuple[Breach, ...]
    largest_position: tuple[str, Decimal] | None


def check_limits(portfolio: Portfolio, mark: PortfolioMark, instruments: Mapping[str, Instrument]) -> LimitCheck:
    """Hold a mark against its portfolio's limits.

    Raises:
        InvalidInput: the mark is another portfolio's, holds an unknown instrument, or has no weights (see ``has_weights``).
    """
    if (portfolio.tenant, portfolio.portfolio_id) != (mark.tenant, mark.portfolio_id):
        raise InvalidInput(f"mark of {mark.portfolio_id} given for {portfolio.portfolio_id}", field="mark")
    values = instrument_values(mark)
    if not has_weights(mark) or not values:
        return LimitCheck(portfolio.portfolio_id, mark.session_date, (), None)
    sectors: dict[str, Decimal] = {}
    for instrument_id, value in values.items():
        if instrument_id not in instruments:
            raise InvalidInput(f"portfolio {mark.portfolio_id} holds unknown instrument {instrument_id}", field=instrument_id)
        sector = instruments[instrument_id].sector
        if sector is not None:
            sectors[sector] = sectors.get(sector, Decimal(0)) + value
    breaches = (
        *_breaches(Limit.POSITION, values, portfolio.position_limit, mark.value),
        *_breaches(Limit.SECTOR, sectors, portfolio.sector_limit, mark.value),
    )
    largest = max(values, key=lambda instrument_id: values[instrument_id])
    return LimitCheck(portfolio.portfolio_id, mark.session_date, breaches, (largest, values[largest] / mark.value))


def _breaches(limit: Limit, values: Mapping[str, Decimal], maximum: Decimal, whole: Decimal) -> list[Breach]:
    above = sorted((name for name in values if values[name] > maximum * whole), key=lambda name: (-values[name], name))
    return [Breach(limit, name, values[name] / whole, maximum) for name in above]


def as_body(check: LimitCheck) -> Mapping[str, Any]:
    """The body of the day's LIMITS record; ``largest_position`` is null for a portfolio that holds nothing."""
    largest = check.largest_position
    return {
        "breaches": [
            {"limit": breach.limit.value, "name": breach.name, "weight": float(breach.weight), "maximum": float(breach.maximum)}
            for breach in check.breaches
        ],
        "largest_position": largest and {"instrument_id": largest[0], "weight": float(largest[1])},
        "as_of": check.as_of.isoformat(),
    }
