"""The limits of the tick gate, the names of its verdicts, and the prices between which it reckons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.core.errors import InvalidInput

# A ten-thousandth, the finest price of a US stock (SEC Rule 612): what is below it cannot be marked.
LOWEST = 100_000
# A few prices no higher than this add up within 64 bits.
HIGHEST = UNDEFINED_PRICE // 4
# Later than any receipt.
ANY_TIME = 2**64 - 1


class Verdict(IntEnum):
    """What became of a row."""

    TAKEN = 0
    REPEATED = 1
    UNKNOWN_SYMBOL = 2
    UNKNOWN_PUBLISHER = 3
    NO_PRICE = 4
    NOT_POSITIVE = 5
    CROSSED = 6
    WIDE_SPREAD = 7
    OFF_MARKET = 8
    OUTSIDE_SESSION = 9
    FUTURE = 10
    STALE = 11
    OUTSIDE_BAND = 12


@dataclass(frozen=True, slots=True)
class TickRules:
    """The gate's limits.

    Attributes:
        session_start: First nanosecond (UTC) that belongs to the session, early trading included.
        session_end: Last nanosecond that does.
        spread: Widest spread as a fraction of the middle; a trade may lie as far outside the quote as the quote is wide.
        band: Furthest step from the last good price, as a fraction of it.
        reanchor_after: Refusals in a row after which the next price is believed.
        ahead_ns: How far an event may lie after its own receipt: clocks differ.
        age_ns: How long after the event a row may be received.
        skew_ns: How far a receipt may lie after its block's arrival in the stream, which tells the time approximately and by another
            clock. A publisher whose clock is fast in both its times would otherwise hold a symbol at a price of the future.
    """

    session_start: int
    session_end: int
    spread: float = 0.05
    band: float = 0.10
    reanchor_after: int = 5
    ahead_ns: int = 50_000_000
    age_ns: int = 60_000_000_000
    skew_ns: int = 1_000_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.session_start < self.session_end:
            raise InvalidInput("a session must start before it ends", field="session_start")
        for name in ("spread", "band"):
            if not 0 < getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be a fraction between 0 and 1, got {getattr(self, name)}", field=name)
        for name in ("reanchor_after", "ahead_ns", "age_ns", "skew_ns"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be at least 1, got {getattr(self, name)}", field=name)

    def received_by(self, arrived: float) -> int:
        """The latest receipt that can be true, in nanoseconds, of a block that its stream took at so many seconds since 1970.

        A stream that says nothing, which is 0, bounds nothing. Ticks that are replayed long after they happened pass any bound.

        >>> TickRules(0, 1, skew_ns=500).received_by(2.0)
        2000000500
        >>> TickRules(0, 1).received_by(0.0) == ANY_TIME
        True
        """
        return min(round(arrived * 1e9) + self.skew_ns, ANY_TIME) if arrived else ANY_TIME
