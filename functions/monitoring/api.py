"""The monitoring API: tickets for the WebSocket over REST."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.rate_counter import DynamoRateCounter
from daymark.adapters.dynamodb.tickets import DynamoTickets
from daymark.adapters.telemetry import InvocationContext, admitted_uncounted, observed_request
from daymark.adapters.websocket import public_address
from daymark.core.clock import WallClock
from daymark.http.app import create_app
from daymark.http.authentication import Identity
from daymark.http.gateway import behind_gateway
from daymark.http.tenant_rates import Rates, TenantRates
from daymark.monitoring.tickets import TicketDesk

from .settings import MonitoringApiSettings


@cache
def application() -> Callable[[dict[str, Any], Any], Mapping[str, Any]]:
    """The application over the region's own tickets."""
    settings = MonitoringApiSettings.from_environment(os.environ)
    clock = WallClock()
    counter = DynamoRateCounter.connect(settings.rates_table, settings.region)
    app = create_app(
        identity=Identity(settings.identity_clients),
        rates=TenantRates(Rates(settings.tenant_window_seconds, settings.tenant_rates), counter, clock, admitted_uncounted),
        tickets=TicketDesk(DynamoTickets(settings.connections_table, dynamodb_client(settings.region)), clock),
        websocket_url=public_address(settings.websocket_endpoint, os.environ),
        clock=clock,
        systems=("monitoring",),
    )
    return behind_gateway(app)


def handler(event: dict[str, Any], context: InvocationContext) -> Mapping[str, Any]:
    """API Gateway request in, response out."""
    return observed_request("monitoring_api", application(), event, context)
