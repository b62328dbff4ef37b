"""Two clocks, both injected: session time for business rules, wall time for lifetimes, leases and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from daymark.core.errors import InvalidInput


class Clock(Protocol):
    """Anything that tells the present instant as an aware UTC datetime."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        ...


class WallClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """The present instant by the machine's clock."""
        return datetime.now(UTC)


@dataclass(slots=True)
class FixedClock:
    """A clock that moves only when told to: session time, and every test.

    >>> clock = FixedClock(datetime(2018, 2, 5, 21, tzinfo=UTC))
    >>> clock.advance(timedelta(minutes=5))
    >>> clock.now().isoformat()
    '2018-02-05T21:05:00+00:00'
    """

    instant: datetime

    def __post_init__(self) -> None:
        if self.instant.tzinfo is None:
            raise InvalidInput("instant must carry a time zone", field="instant")
        self.instant = self.instant.astimezone(UTC)

    def now(self) -> datetime:
        """The instant last set."""
        return self.instant

    def advance(self, by: timedelta) -> None:
        """Move forward; time never runs back."""
        if by < timedelta(0):
            raise InvalidInput("a clock only moves forward", field="by")
        self.instant += by
