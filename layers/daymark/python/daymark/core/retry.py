"""Retries wait a random time below an exponentially growing, capped bound: full jitter.

Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: ``sleep = uniform(0, min(cap, base * 2**n))``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from daymark.core.errors import InvalidInput

# Beyond this exponent any bound in seconds has long met its cap, and 2**n would leave the range of a float.
MOST_DOUBLINGS = 1000


def full_jitter(base_seconds: float, cap_seconds: float, retry_number: int, uniform: Callable[[], float]) -> float:
    """Seconds to wait before a retry: uniform in ``[0, min(cap, base * 2**(retry_number - 1)))``.

    Args:
        base_seconds: Bound of the first retry; above zero, finite.
        cap_seconds: Largest bound; at least ``base_seconds``, finite.
        retry_number: 1 for the first retry.
        uniform: Draws from ``[0, 1)``; injected so that a run can be repeated.

    >>> [full_jitter(1.0, 5.0, retry, lambda: 0.5) for retry in (1, 2, 3, 4)]
    [0.5, 1.0, 2.0, 2.5]

    Raises:
        InvalidInput: an argument outside its range, or a draw outside ``[0, 1)``; the field names which.
    """
    if not (math.isfinite(base_seconds) and base_seconds > 0):
        raise InvalidInput(f"base_seconds must be above zero, got {base_seconds}", field="base_seconds")
    if not (math.isfinite(cap_seconds) and cap_seconds >= base_seconds):
        raise InvalidInput(f"cap_seconds must be at least base_seconds, got {cap_seconds}", field="cap_seconds")
    if retry_number < 1:
        raise InvalidInput(f"retry_number must be at least 1, got {retry_number}", field="retry_number")
    draw = uniform()
    if not 0 <= draw < 1:
        raise InvalidInput(f"uniform must draw from [0, 1), got {draw}", field="uniform")
    return draw * min(cap_seconds, base_seconds * 2.0 ** min(retry_number - 1, MOST_DOUBLINGS))
