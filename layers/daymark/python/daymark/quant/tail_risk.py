"""Historical VaR and expected shortfall: the empirical loss distribution, every scenario weighing the same.

Of n scenarios at level a, with tail mass m = n(1 - a) and losses sorted worst first (L1 >= L2 >= ...):

- VaR is the lower a-quantile inf{x: F(x) >= a}, which is the loss number floor(m) + 1. Nothing is interpolated. (McNeil, Frey and
  Embrechts, *Quantitative Risk Management*, 2nd ed., Definition 2.10; numpy calls it ``inverted_cdf``.)
- ES is (L1 + ... + Lk + (m - k) Lk+1) / m with k = floor(m): the mean of the worst m scenarios, the last one counted by the fraction
  that is left. (Acerbi and Tasche, "On the coherence of expected shortfall", *Journal of Banking & Finance* 26, 2002, Proposition 4.1.)

504 scenarios at 95 %: m = 25.2, so VaR is the 26th worst loss and ES the 25 worst plus 0.2 of the 26th, over 25.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

FloatArray = npt.NDArray[np.float64]

# Portfolios partitioned at a time: 256 of 504 scenarios are 1 MB, which a core's own cache holds.
_BLOCK = 256


@dataclass(frozen=True)
class TailRisk:
    """Losses of the tail; a loss is positive, in the unit the scenarios came in.

    Attributes:
        levels: ``(n_levels,)`` confidence levels, as given.
        var: ``(n_levels, n_portfolios)`` value at risk.
        shortfall: ``(n_levels, n_portfolios)`` expected shortfall, nowhere below ``var``.
    """

    levels: tuple[float, ...]
    var: FloatArray
    shortfall: FloatArray


def scenario_pnl(exposures: FloatArray, returns: FloatArray) -> FloatArray:
    """What each portfolio gains in each scenario.

    Args:
        exposures: ``(n_portfolios, n_instruments)`` value held of each instrument (or weight, for a result in fractions).
        returns: ``(n_scenarios, n_instruments)`` simple returns.

    Returns:
        ``(n_scenarios, n_portfolios)``, laid out so that :func:`historical_tail` reads it without a copy.

    Raises:
        InvalidInput: the shapes do not fit; ``field`` names the argument.

    >>> scenario_pnl(np.array([[100.0, 50.0]]), np.array([[0.5, -0.25], [-0.125, 0.0]])).tolist()
    [[37.5], [-12.5]]
    """
    if exposures.ndim != 2:
        raise InvalidInput(f"exposures must be (n_portfolios, n_instruments), got shape {exposures.shape}", field="exposures")
    if returns.ndim != 2 or returns.shape[1] != exposures.shape[1]:
        raise InvalidInput(f"returns must be (n_scenarios, {exposures.shape[1]}), got shape {returns.shape}", field="returns")
    product: FloatArray = exposures @ returns.T
    return product.T


def historical_tail(scenarios: FloatArray, levels: Sequence[float] = (0.95, 0.99)) -> TailRisk:
    """VaR and expected shortfall of every portfolio at every level, by the convention of this module.

    Args:
        scenarios: ``(n_scenarios, n_portfolios)`` profit (or return) of each portfolio in each scenario; a loss is negative.
        levels: Confidence levels inside (0, 1), read as the decimals they print as: 0.95 is 95/100, not its binary neighbour.

    Raises:
        InvalidInput: no scenarios, a level outside (0, 1), or a value that is not finite; the message names its place.

    Five scenarios at 60 %: m = 2, VaR the third worst loss, ES the mean of the worst two.

    >>> tail = historical_tail(np.array([[4.0], [-1.0], [-5.0], [2.0], [-3.0]]), levels=(0.6,))
    >>> tail.var.tolist(), tail.shortfall.tolist()
    ([[1.0]], [[4.0]])
    """
    if scenarios.ndim != 2 or scenarios.shape[0] == 0:
        raise InvalidInput(f"scenarios must be (n_scenarios >= 1, n_portfolios), got shape {scenarios.shape}", field="scenarios")
    by_portfolio = scenarios.T
    masses = [_tail_mass(level, len(scenarios)) for level in levels]
    var = np.empty((len(masses), len(by_portfolio)))
    shortfall = np.empty_like(var)
    deepest = max((int(mass) for mass in masses), default=0)
    for start in range(0, len(by_portfolio), _BLOCK):
        block = np.array(by_portfolio[start : start + _BLOCK], dtype=np.float64, order="C")
        _refuse_not_finite(block, start)
        block.partition(deepest, axis=1)
        worst = -np.sort(block[:, : deepest + 1], axis=1)
        for row, mass in enumerate(masses):
            whole, columns = int(mass), slice(start, start + len(block))
            var[row, columns] = worst[:, whole]
            tail_sum = worst[:, :whole].sum(axis=1) + float(mass - whole) * worst[:, whole]
            # Rounding may leave the mean of equal losses an ulp below the loss itself; a mean of the worst is never better.
            shortfall[row, columns] = np.maximum(tail_sum / float(mass), worst[:, whole])
    return TailRisk(tuple(levels), var, shortfall)


def _tail_mass(level: float, scenarios: int) -> Fraction:
    """n(1 - level), exactly: in binary 100 * (1 - 0.95) exceeds 5 and would move the quantile by one scenario."""
    if not 0 < level < 1:
        raise InvalidInput(f"a level must lie between 0 and 1, got {level}", field="levels")
    return scenarios * (1 - Fraction(repr(float(level))))


def _refuse_not_finite(block: FloatArray, first_portfolio: int) -> None:
    # One pass that adds is cheaper than a mask; only a sum that is not finite is looked at cell by cell.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(block.sum()):
            return
    places = np.argwhere(~np.isfinite(block))
    if len(places):
        portfolio, scenario = (int(index) for index in places[0])
        raise InvalidInput(
            f"scenario {scenario} of portfolio {first_portfolio + portfolio} is {block[portfolio, scenario]}, not a finite number",
            field=f"scenarios[{scenario}][{first_portfolio + portfolio}]",
        )
