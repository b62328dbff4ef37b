"""Drawdowns: how far below its highest value so far a series stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The deepest fall of a series.

    Attributes:
        depth: Fraction lost from peak to trough, zero or above.
        peak: Index of the value it fell from.
        trough: Index of the lowest value.
        recovery: Index of the first later value not below the peak's, or ``None`` while under water.
    """

    depth: float
    peak: int
    trough: int
    recovery: int | None


def underwater(values: FloatArray) -> FloatArray:
    """``value / highest value so far - 1``: zero at a new high, -0.25 when a quarter is lost.

    Args:
        values: ``(n,)`` or ``(n, n_series)`` values in time order, finite and above zero. An empty series stays empty.

    Raises:
        InvalidInput: a value is missing, infinite, zero or negative.

    >>> underwater(np.array([100.0, 120.0, 90.0, 120.0])).tolist()
    [0.0, 0.0, -0.25, 0.0]
    """
    if not bool(((values > 0) & np.isfinite(values)).all()):
        raise InvalidInput("values must be finite and above zero", field="values")
    return np.asarray(values / np.maximum.accumulate(values, axis=0) - 1.0, dtype=np.float64)


def max_drawdown(values: FloatArray) -> Drawdown:
    """The deepest fall of one series; of equally deep ones the first.

    Args:
        values: ``(n,)`` values in time order, at least one.

    Raises:
        InvalidInput: no values, or one that :func:`underwater` refuses.

    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 130.0]))
    Drawdown(depth=0.25, peak=1, trough=2, recovery=3)
    """
    if values.ndim != 1 or len(values) == 0:
        raise InvalidInput(f"values must be one series with at least one value, got shape {values.shape}", field="values")
    depths = underwater(values)
    trough = int(np.argmin(depths))
    peak = int(np.argmax(values[: trough + 1]))
    later = np.flatnonzero(values[trough:] >= values[peak])
    return Drawdown(float(-depths[trough]) + 0.0, peak, trough, trough + int(later[0]) if len(later) else None)
