"""Pacing: ticks of the past are handed out when their time comes again, at any multiple of the speed at which it once passed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput

_SECOND = 1_000_000_000


def paced(
    blocks: Iterable[Ticks], start: int, speed: float, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Ticks]:
    """The same blocks, each as soon as its last event may have happened.

    A block that comes late is handed out at once and those after it keep their own times: lateness does not add up.

    Args:
        blocks: Ticks in the order of their events; empty ones pass at once.
        start: Nanoseconds since 1970 in UTC that count as the moment of the first call.
        speed: Seconds of the session per second; 1 is its own pace.
        monotonic: Tells seconds that never run back.
        sleep: Waits so many seconds.

    Raises:
        InvalidInput: ``speed`` is not above zero and finite.
    """
    if not (math.isfinite(speed) and speed > 0):
        raise InvalidInput(f"speed must be above zero, got {speed}", field="speed")
    return _paced(blocks, start, speed, monotonic, sleep)


def _paced(
    blocks: Iterable[Ticks], start: int, speed: float, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Ticks]:
    began = monotonic()
    for block in blocks:
        if len(block):
            due = began + (int(block.ts_event[-1]) - start) / _SECOND / speed
            early = due - monotonic()
            if early > 0:
                sleep(early)
        yield block
