"""Trading is busiest at the open and the close: over the session, intensity is a floor plus a parabola, and integrates to one.

With ``u`` the part of the session that has passed, the intensity is ``FLOOR + (1 - FLOOR) * 12 * (u - 1/2)**2``: 2.2 times the mean at
either end, 0.4 times in the middle. A stylised shape, not an estimate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

FLOOR = 0.4


def intensity(passed: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Events per unit of session, as a multiple of the mean, where fractions ``passed`` of the session have gone by.

    >>> intensity([0.0, 0.5, 1.0]).round(12).tolist()
    [2.2, 0.4, 2.2]
    """
    centred = np.asarray(passed, dtype=np.float64) - 0.5
    return np.asarray(FLOOR + (1 - FLOOR) * 12 * centred**2, dtype=np.float64)


def share_before(passed: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The share of the session's events before each fraction of it: the integral of :func:`intensity`, 0 at 0 and 1 at 1.

    >>> share_before([0.0, 0.25, 0.5, 1.0]).round(12).tolist()
    [0.0, 0.3625, 0.5, 1.0]
    """
    fractions = np.asarray(passed, dtype=np.float64)
    return np.asarray(FLOOR * fractions + (1 - FLOOR) * (4 * (fractions - 0.5) ** 3 + 0.5), dtype=np.float64)


def events_before(total: int, slices: int) -> npt.NDArray[np.int64]:
    """How many of ``total`` events come before each edge of ``slices`` equal parts of the session.

    Returns:
        ``(slices + 1,)`` int64 from 0 to ``total``, never falling: their differences are the events of each part and add up exactly.

    Raises:
        InvalidInput: ``total`` is negative, or there is no slice.

    >>> events_before(800, 4).tolist()
    [0, 290, 400, 510, 800]
    """
    if total < 0:
        raise InvalidInput(f"total must not be negative, got {total}", field="total")
    if slices < 1:
        raise InvalidInput(f"slices must be at least 1, got {slices}", field="slices")
    edges = np.arange(slices + 1) / slices
    return np.asarray(np.rint(total * share_before(edges)), dtype=np.int64)
