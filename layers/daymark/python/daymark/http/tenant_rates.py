"""At most so many calls of one tenant to one system in a window, reads and effects apart; another tenant's calls never count.

The gateway's own throttles know methods, and the firewall's know addresses; neither can tell tenants apart by a claim. Windows are
fixed: they begin at whole multiples of their length since 1970, so every function counts in the same one, and two neighbouring windows
together may see twice the limit within one length. The count of a window stands in one row and rises by one conditional update, so
functions that count at once admit exactly the limit.

A count that cannot be taken admits: the counter protects against too much, the throttles of the gateway and of the firewall stand
besides, and a table that is away must not take every system's API with it. Nobody is let into anything by it, since who may see what
is decided elsewhere. It is told each time, and the counter is left alone for a moment, so calls do not queue up before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Protocol

from daymark.core.clock import Clock
from daymark.core.errors import InvalidInput, RateLimited

# How long a counter that failed is not asked again.
LEFT_ALONE = timedelta(seconds=2)


class CallKind(StrEnum):
    """What a call does; each has a limit of its own, so whoever reads too much can still act."""

    READ = "read"
    EFFECT = "effect"

    @classmethod
    def of(cls, method: str) -> CallKind:
        """By the HTTP method: whatever is not a read by definition counts as an effect.

        >>> CallKind.of("GET"), CallKind.of("POST")
        (<CallKind.READ: 'read'>, <CallKind.EFFECT: 'effect'>)
        """
        return cls.READ if method in ("GET", "HEAD", "OPTIONS") else cls.EFFECT


class RateCounter(Protocol):
    """Counts of calls, one for each subject and window, shared by every function of the region."""

    def count(self, subject: str, starts_at: datetime, ends_at: datetime, limit: int) -> int | None:
        """Count one call, unless ``limit`` calls are counted already.

        Args:
            subject: Whose calls: ``northstar/book/read``.
            starts_at: Beginning of the window, in whole seconds; with the subject it names the count.
            ends_at: End of the window; the count is of no use after it.
            limit: At least 1.

        Returns:
            How many calls are counted, this one included; ``None`` if this one was not counted.

        Raises:
            Unavailable: the counter did not answer. The call may have been counted.
        """
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """How many calls a window takes: of any tenant by ``read`` and ``effect``, of one by ``<tenant>/read`` and ``<tenant>/effect``.

    >>> rates = Rates(60, {"read": 100, "effect": 10, "harbor/effect": 50})
    >>> rates.limit("northstar", CallKind.EFFECT), rates.limit("harbor", CallKind.EFFECT), rates.limit("harbor", CallKind.READ)
    (10, 50, 100)
    """

    window_seconds: int
    limits: Mapping[str, int]

    def __post_init__(self) -> None:
        if self.window_seconds < 1:
            raise InvalidInput(f"a window has at least one second, got {self.window_seconds}", field="window_seconds")
        for kind in CallKind:
            if kind not in self.limits:
                raise InvalidInput(f"no limit is given for {kind}", field=f"limits.{kind}")
        for name, limit in self.limits.items():
            if limit < 1:
                raise InvalidInput(f"a limit is at least 1, got {limit} for {name}", field=f"limits.{name}")

    def limit(self, tenant: str, kind: CallKind) -> int:
        """How many calls of that kind one window takes of a tenant, for each system."""
        return self.limits.get(f"{tenant}/{kind}", self.limits[kind])

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """Beginning and end of the window that an instant is in; the end is the next one's beginning."""
        start = int(now.timestamp()) // self.window_seconds * self.window_seconds
        starts_at = datetime.fromtimestamp(start, UTC)
        return starts_at, starts_at + timedelta(seconds=self.window_seconds)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What became of a call, and what is left of its window.

    Attributes:
        resets_seconds: Whole seconds until the window ends, at least one.
    """

    admitted: bool
    kind: CallKind
    limit: int
    left: int
    window_seconds: int
    resets_seconds: int

    def headers(self) -> dict[str, str]:
        """Header fields that tell it (IETF draft "RateLimit header fields for HTTP").

        >>> Allowance(True, CallKind.READ, 100, 40, 60, 17).headers()
        {'RateLimit-Policy': '"read";q=100;w=60', 'RateLimit': '"read";r=40;t=17'}
        """
        policy, left = f"q={self.limit};w={self.window_seconds}", f"r={self.left};t={self.resets_seconds}"
        return {"RateLimit-Policy": f'"{self.kind}";{policy}', "RateLimit": f'"{self.kind}";{left}'}

    def require(self) -> None:
        """Let an admitted call pass.

        Raises:
            RateLimited: it was not admitted; the context says for how many seconds there is no room.
        """
        if not self.admitted:
            raise RateLimited(
                f"your firm's {self.limit} calls in {self.window_seconds} s are used up; call again after {self.resets_seconds} s",
                retry_after_seconds=self.resets_seconds,
            )


class TenantRates:
    """Admits calls while their window has room.

    Args:
        rates: The limits.
        counter: The counts.
        clock: Wall time.
        tell: Told of each call that was admitted uncounted: the tenant, and what went wrong (``None`` while the counter is left alone).
    """

    def __init__(self, rates: Rates, counter: RateCounter, clock: Clock, tell: Callable[[str, Exception | None], None]) -> None:
        self._rates, self._counter, self._clock, self._tell = rates, counter, clock, tell
        self._asked_again_at = datetime.min.replace(tzinfo=UTC)

    def ask(self, tenant: str, system: str, kind: CallKind) -> Allowance | None:
        """Ask for room for one call; ``None`` admits it uncounted."""
        now = self._clock.now()
        limit = self._rates.limit(tenant, kind)
        starts_at, ends_at = self._rates.window(now)
        if now < self._asked_again_at:
            self._tell(tenant, None)
            return None
        try:
            used = self._counter.count(f"{tenant}/{system}/{kind}", starts_at, ends_at, limit)
        except Exception as failure:
            self._asked_again_at = now + LEFT_ALONE
            self._tell(tenant, failure)
            return None
        resets = max(1, ceil((ends_at - now).total_seconds()))
        return Allowance(used is not None, kind, limit, 0 if used is None else limit - used, self._rates.window_seconds, resets)
