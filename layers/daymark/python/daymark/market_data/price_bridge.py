"""A Brownian bridge: a random walk that is known to end on a given value."""

from __future__ import annotations

import numpy as np

from daymark.core.errors import InvalidInput
from daymark.market_data.models import FloatArray


def bridge(start: float, end: float, steps: FloatArray, volatility: float, normals: FloatArray) -> FloatArray:
    """The values after each step of a bridge; given values at some steps, the rest may be bridged between them and the law stays.

    Args:
        start: Value before the first step.
        end: Value after the last one, exactly.
        steps: ``(n,)`` variance time of each step, none negative and not all zero.
        volatility: Standard deviation of the free walk after one unit of variance time.
        normals: ``(n,)`` standard normal draws.

    Returns:
        ``(n,)`` float64; empty for no steps.

    Raises:
        InvalidInput: lengths differ, a step is negative, or all are zero.

    >>> bridge(10.0, 12.0, np.array([1.0, 1.0]), 1.0, np.array([0.0, 0.0])).tolist()
    [11.0, 12.0]
    >>> bridge(0.0, 0.0, np.array([1.0, 1.0]), 1.0, np.array([1.0, -0.5])).tolist()
    [0.75, 0.0]
    """
    if steps.shape != normals.shape or steps.ndim != 1:
        raise InvalidInput("steps and normals must be columns of one length", field="normals")
    if not len(steps):
        return np.empty(0)
    time = np.cumsum(steps)
    if not (steps >= 0).all() or not time[-1] > 0:
        raise InvalidInput("steps must not be negative, and not all zero", field="steps")
    walk = np.cumsum(np.sqrt(steps) * normals) * volatility
    path = start + walk + time / time[-1] * (end - start - walk[-1])
    path[-1] = end
    return np.asarray(path, dtype=np.float64)
