"""What the edge lets through, read from the command line's context: rates by route, by address and by tenant. One table each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daymark.core.errors import InvalidInput

# AWS WAF counts an address from ten requests on, in a window of one, two, five or ten minutes.
LEAST_PER_ADDRESS = 10
ADDRESS_WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Rate:
    """What one method of the gateway takes of everybody together: on average, and at once."""

    per_second: float
    burst: int


# Every method that is deployed, by its route. A verb that no route of a system serves is not deployed at all.
ROUTES: Mapping[str, Rate] = {
    "GET /v1/book/{proxy+}": Rate(50, 100),
    "GET /v1/operations/{proxy+}": Rate(50, 100),
    # Starting, resuming and redoing runs: five a day, and some repair.
    "POST /v1/operations/{proxy+}": Rate(10, 50),
    # Tickets: one for each WebSocket that opens, all of them at once after a failover.
    "POST /v1/monitoring/{proxy+}": Rate(50, 100),
    "GET /docs": Rate(5, 10),
    "GET /openapi.json": Rate(5, 10),
}

# Calls of a tenant to one system in a window: as many as the gateway takes on average, so one tenant may have it all while alone.
TENANTS: Mapping[str, int] = {"read": 3000, "effect": 600}


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """How much the edge lets through.

    Attributes:
        route_rates: By method and route.
        messages: What the WebSocket's stage takes, over all connections.
        address_requests: Requests of one address in a minute before the firewall refuses more of it. A whole office shares one.
        address_effects: The same of those that do not only read.
        tenant_rates: Calls of one tenant to one system in a window, by ``read`` and ``effect``, and of single tenants by
            ``<tenant>/read`` and ``<tenant>/effect``.
        tenant_window_seconds: The window in which they are counted.
        blocked_requests: Blocked requests in five minutes from which on somebody is told.
    """

    route_rates: Mapping[str, Rate] = field(default_factory=lambda: ROUTES)
    messages: Rate = Rate(100, 200)
    address_requests: int = 2000
    address_effects: int = 300
    tenant_rates: Mapping[str, int] = field(default_factory=lambda: TENANTS)
    tenant_window_seconds: int = 60
    blocked_requests: int = 500

    @classmethod
    def read(cls, context: Callable[[str], Any]) -> EdgeSettings:
        """The settings of a deployment; what the context does not say has its default.

        Raises:
            InvalidInput: a number is none or out of range, or a route or tenant limit is none of the known ones; the field is named.
        """
        said: dict[str, Any] = {}
        for name, least in {"address_requests": LEAST_PER_ADDRESS, "address_effects": LEAST_PER_ADDRESS, "blocked_requests": 1}.items():
            if context(name) is not None:
                said[name] = _whole(name, context(name), least)
        if context("tenant_window_seconds") is not None:
            said["tenant_window_seconds"] = _whole("tenant_window_seconds", context("tenant_window_seconds"), 1)
        if context("route_rates") is not None:
            said["route_rates"] = dict(ROUTES) | {route: _rate(route, rate) for route, rate in _table("route_rates", context).items()}
        if context("tenant_rates") is not None:
            rates = _table("tenant_rates", context)
            said["tenant_rates"] = dict(TENANTS) | {name: _whole("tenant_rates", rate, 1) for name, rate in rates.items()}
        return cls(**said)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.route_rates) - set(ROUTES))
        if unknown:
            raise InvalidInput(f"context route_rates knows no {unknown[0]}: one of {', '.join(ROUTES)}", field="route_rates")
        for name in self.tenant_rates:
            tenant, _, kind = name.rpartition("/")
            if kind not in TENANTS or ("/" in name and not tenant):
                raise InvalidInput(f"context tenant_rates names read, effect or <tenant>/read, not {name}", field="tenant_rates")

    def values(self) -> dict[str, str]:
        """The values of the settings fields of functions that count a tenant's calls."""
        return {"tenant_rates": json.dumps(dict(self.tenant_rates)), "tenant_window_seconds": str(self.tenant_window_seconds)}


def _table(name: str, context: Callable[[str], Any]) -> Mapping[str, Any]:
    """A JSON object: as it stands in ``cdk.json``, or as text behind ``--context``."""
    value = context(name)
    try:
        table = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        table = None
    if not isinstance(table, Mapping):
        raise InvalidInput(f"context {name} must be a JSON object, got {value!r}", field=name)
    return table


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise InvalidInput(f"context {name} must be a whole number, got {value!r}", field=name) from None
    if number < least:
        raise InvalidInput(f"context {name} must be at least {least}, got {number}", field=name)
    return number


def _rate(route: str, value: Any) -> Rate:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InvalidInput(f"context route_rates gives {route} as [per second, burst], got {value!r}", field="route_rates")
    return Rate(_whole("route_rates", value[0], 1), _whole("route_rates", value[1], 1))
