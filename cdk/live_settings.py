"""Sizes and names of the live path, read from the command line's context; what is not said has the target's default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

REDIS_URL = "DAYMARK_REDIS_URL"
# Twenty symbols and a few portfolios on one machine; thousands of both in the cloud.
_LOCAL = {"tick_groups": 4, "portfolio_buckets": 4}
_LIMITS = {
    "tick_groups": (1, 4096),
    "portfolio_buckets": (1, 10_000),
    "ticks_hours": (24, 48),
    "quotes_hours": (24, 48),
    "ticks_shards": (1, 100),
    "quotes_shards": (1, 100),
    "cache_gigabytes": (1, 5000),
    "cache_units_per_second": (1000, 15_000_000),
}


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """What distinguishes one live path from another.

    Attributes:
        tick_groups: Over how many partition keys of the ``ticks`` stream symbols are spread.
        portfolio_buckets: Over how many lanes portfolios are spread.
        tick_publishers: Numbers of the publishers whose ticks are taken.
        synthetic_ticks: Whether the ticks are made, not a market's: always on one machine, never in the cloud.
        redis_url: The cache on one machine; empty in the cloud, which has a cache of its own.
        ticks_hours: How long the ``ticks`` stream keeps a record.
        quotes_hours: How long the ``quotes`` stream keeps a record.
        ticks_shards: Shards of the ``ticks`` stream on one machine; in the cloud it grows by itself.
        quotes_shards: Shards of the ``quotes`` stream on one machine.
        fan_out: Whether functions get the streams pushed, each with shards' full throughput of its own, instead of polling them once
            a second. The embedded cloud has no such consumers.
        cache_gigabytes: The most that the cloud's cache may hold.
        cache_units_per_second: The most processing units (one for a request of 1 KB) that it may use.
    """

    synthetic_ticks: bool
    redis_url: str
    fan_out: bool
    tick_groups: int = 64
    portfolio_buckets: int = 256
    tick_publishers: tuple[int, ...] = (1, 2, 3)
    ticks_hours: int = 48
    quotes_hours: int = 48
    ticks_shards: int = 2
    quotes_shards: int = 1
    cache_gigabytes: int = 1
    cache_units_per_second: int = 30_000

    @classmethod
    def read(cls, context: Callable[[str], Any], environment: Mapping[str, str], is_local: bool) -> LiveSettings:
        """The settings of one target.

        The cache's address may hold a password, and arguments can be read by anybody on the machine: ``DAYMARK_REDIS_URL`` in the
        environment is taken where the context says nothing.

        Raises:
            InvalidInput: a number is none or out of range, or the local target is told of no cache; the field is named.
        """
        redis_url = str(context("redis_url") or environment.get(REDIS_URL) or "") if is_local else ""
        if is_local and not redis_url:
            raise InvalidInput(
                f"the embedded cloud needs a cache: set {REDIS_URL}, or pass --context redis_url=redis://...", field="redis_url"
            )
        said: dict[str, Any] = (_LOCAL if is_local else {}) | {
            name: _number(name, context(name)) for name in _LIMITS if context(name) is not None
        }
        if context("tick_publishers") is not None:
            said["tick_publishers"] = _publishers(context("tick_publishers"))
        fan_out = not is_local and _flag("fan_out", context("fan_out"), default=True)
        return cls(is_local, redis_url, fan_out, **said)

    def values(self) -> dict[str, str]:
        """The values of the settings fields of functions that are about the live path as a whole."""
        return {
            "tick_groups": str(self.tick_groups),
            "portfolio_buckets": str(self.portfolio_buckets),
            "tick_publishers": ",".join(map(str, self.tick_publishers)),
            "synthetic_ticks": str(self.synthetic_ticks),
        }


def _number(name: str, value: Any) -> int:
    least, most = _LIMITS[name]
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"context {name} must be a whole number, got {value!r}", field=name) from None
    if not least <= number <= most:
        raise InvalidInput(f"context {name} must be {least} to {most}, got {number}", field=name)
    return number


def _publishers(value: Any) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in str(value).split(","))
    except ValueError:
        numbers = ()
    if not numbers or len(set(numbers)) != len(numbers) or not all(0 <= number < 1 << 16 for number in numbers):
        raise InvalidInput(
            f"context tick_publishers must be distinct numbers of 16 bits with commas between, got {value!r}", field="tick_publishers"
        )
    return numbers


def _flag(name: str, value: Any, default: bool) -> bool:
    if value is None:
        return default
    if str(value).lower() not in ("true", "false"):
        raise InvalidInput(f"context {name} must be true or false, got {value!r}", field=name)
    return str(value).lower() == "true"
