"""A contribution is a holding's result over the capital the portfolio's return is measured on; contributions sum to the return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from daymark.book.performance import day_return, invested_capital
from daymark.book.profit_and_loss import ProfitAndLoss


@dataclass(frozen=True, slots=True)
class Attribution:
    """A day's return taken apart.

    Attributes:
        day_return: The portfolio's return, a fraction.
        contributions: Contribution of each holding, a fraction, in the order of the result's positions.
        other: Contribution of what names no instrument.
    """

    day_return: float
    contributions: Mapping[str, float]
    other: float


def attribute(result: ProfitAndLoss) -> Attribution:
    """Contributions by holding; with ``other`` they sum to the return up to float64 rounding (1e-12).

    On 1,000.00, a holding that earned 8.00, one that lost 3.00 and a fee of 1.00 contribute 0.8%, -0.3% and -0.1%: 0.4%.

    Raises:
        InvalidInput: a result was earned on no capital.
    """
    total = day_return(result.pnl, result.prior_value, result.inflows)
    if not any(result.by_position.values()) and not result.other:
        return Attribution(total, dict.fromkeys(result.by_position, 0.0), 0.0)
    capital = invested_capital(result.prior_value, result.inflows)

    def over_capital(amount: Decimal) -> float:
        return float(amount / capital)

    return Attribution(
        day_return=total,
        contributions={instrument_id: over_capital(amount) for instrument_id, amount in result.by_position.items()},
        other=over_capital(result.other),
    )
