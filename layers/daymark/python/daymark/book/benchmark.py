"""Excess is the portfolio's day return less that of its benchmark: a fixed mix of equity index and Aaa bond, restored every session.

The day return is that of :mod:`daymark.book.performance`: Modified Dietz over one day, deposits at its start, withdrawals at its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from daymark.core.errors import InvalidInput
from daymark.market_data.benchmark_returns import BenchmarkReturns
from daymark.market_data.labels import PriceLabel


@dataclass(frozen=True, slots=True)
class BenchmarkComparison:
    """A day's return against the benchmark's; all fractions.

    ``benchmark`` is the mix in words, as a reader of the report sees it.
    """

    portfolio_return: float
    benchmark_return: float
    excess: float
    benchmark: str


def compare(portfolio_return: float, returns: BenchmarkReturns, equity_weight: Decimal) -> BenchmarkComparison:
    """A portfolio against its benchmark over one session.

    A 60/40 mix of an index that fell 4% and bonds that rose 0.5% fell 2.2%; a portfolio that fell 2% is 0.2% ahead.

    Raises:
        InvalidInput: a return is not finite or the weight lies outside [0, 1]; the field names it.
    """
    for field, value in (("portfolio_return", portfolio_return), ("equity", returns.equity), ("bond", returns.bond)):
        if not math.isfinite(value):
            raise InvalidInput(f"{field} must be a finite number, got {value}", field=field)
    if not 0 <= equity_weight <= 1:
        raise InvalidInput(f"equity_weight must lie in [0, 1], got {equity_weight}", field="equity_weight")
    benchmark_return = float(equity_weight) * returns.equity + float(1 - equity_weight) * returns.bond
    return BenchmarkComparison(portfolio_return, benchmark_return, portfolio_return - benchmark_return, describe(equity_weight))


def describe(equity_weight: Decimal) -> str:
    """The mix in words, with what its parts truly are; a part of zero is left out.

    >>> describe(Decimal("0.625"))
    '62.5% S&P 500 price index, 37.5% Aaa bond (synthetic: priced from a monthly yield series)'
    """
    bond = f"Aaa bond ({PriceLabel.FROM_YIELD_SERIES.value})"
    parts = ((equity_weight, "S&P 500 price index"), (1 - equity_weight, bond))
    return ", ".join(f"{(weight * 100).normalize():f}% {name}" for weight, name in parts if weight)
