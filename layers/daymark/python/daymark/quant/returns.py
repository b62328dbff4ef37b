"""Returns: simple ones for profit and risk, log ones for volatility."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

FloatArray = npt.NDArray[np.float64]

SESSIONS_PER_YEAR = 252


def simple_returns(closes: FloatArray) -> FloatArray:
    """``close / previous close - 1``.

    Args:
        closes: ``(n,)`` or ``(n, n_instruments)`` prices in time order, above zero. NaN means no price: both returns that would need
            it are NaN, and none is invented by carrying a price forward.

    Returns:
        ``(n - 1, ...)``; empty for fewer than two prices.

    Raises:
        InvalidInput: a price is zero, negative or infinite.

    >>> simple_returns(np.array([100.0, 110.0, np.nan, 99.0])).round(4).tolist()
    [0.1, nan, nan]
    """
    _refuse_unpriceable(closes)
    later, earlier = closes[1:], closes[:-1]
    return np.asarray(later / earlier - 1.0, dtype=np.float64)


def log_returns(closes: FloatArray) -> FloatArray:
    """``ln(close / previous close)``, with the shapes, NaN rule and errors of :func:`simple_returns`."""
    _refuse_unpriceable(closes)
    return np.asarray(np.diff(np.log(closes), axis=0), dtype=np.float64)


def realised_volatility(closes: FloatArray, sessions_per_year: int = SESSIONS_PER_YEAR) -> float:
    """Annualised realised volatility, as a fraction: ``sqrt(252 / n * sum of squared log returns)``, the mean taken as zero.

    The formula of volatility swaps and of the RealVol daily indices (realvol.com/volformula.htm, "mean set to zero").

    Args:
        closes: ``(n + 1,)`` prices in time order, all present.
        sessions_per_year: Returns in a year.

    Raises:
        InvalidInput: fewer than two prices, or one that is missing or not above zero.

    Two moves of 1 % in log terms: sqrt(252 / 2 * 2 * 0.0001) = 0.1587.

    >>> round(realised_volatility(np.exp(np.array([0.0, 0.01, 0.0]))), 4)
    0.1587
    """
    if closes.ndim != 1 or len(closes) < 2:
        raise InvalidInput(f"closes must be two prices or more in a row, got shape {closes.shape}", field="closes")
    returns = log_returns(closes)
    if bool(np.isnan(returns).any()):
        raise InvalidInput("closes must not be missing", field="closes")
    return float(np.sqrt(sessions_per_year * np.mean(returns**2)))


def _refuse_unpriceable(closes: FloatArray) -> None:
    bad = (closes <= 0) | np.isinf(closes)
    if bool(bad.any()):
        place = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InvalidInput(f"closes must be above zero and finite, got {closes[place]} at {place}", field="closes")
