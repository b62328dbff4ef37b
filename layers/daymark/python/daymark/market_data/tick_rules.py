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
    """

    session_start: int
    session_end: int
    spread: float = 0.05
    band: float = 0.10
    reanchor_after: int = 5
    ahead_ns: int = 50_000_000
    age_ns: int = 60_000_000_000

    def __post_init__(self) -> None:
        if not 0 <= self.session_start < self.session_end:
            raise InvalidInput("a session must start before it ends", field="session_start")
        for name in ("spread", "band"):
            if not 0 < getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be a fraction between 0 and 1, got {getattr(self, name)}", field=name)
        for name in ("reanchor_after", "ahead_ns", "age_ns"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} must be at least 1, got {getattr(self, name)}", field=name)
