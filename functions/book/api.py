"""The book's API: portfolios, positions, lots and marks over REST."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.mark_store import DynamoMarkStore
from daymark.adapters.dynamodb.rate_counter import DynamoRateCounter
from daymark.adapters.secrets import secret_bytes
from daymark.adapters.telemetry import InvocationContext, admitted_uncounted, observed_request
from daymark.core.clock import WallClock
from daymark.http.app import create_app
from daymark.http.authentication import Identity
from daymark.http.gateway import behind_gateway
from daymark.http.tenant_rates import Rates, TenantRates

from .settings import BookApiSettings


@cache
def application() -> Callable[[dict[str, Any], Any], Mapping[str, Any]]:
    """The application over the stores that the environment names; all of them are only read."""
    settings = BookApiSettings.from_environment(os.environ)
    client, clock = dynamodb_client(settings.region), WallClock()
    counter = DynamoRateCounter.connect(settings.rates_table, settings.region)
    app = create_app(
        book=DynamoBookStore(settings.book_table, client),
        marks=DynamoMarkStore(settings.operations_table, client),
        records=DynamoDayRecords(settings.operations_table, client),
        identity=Identity(settings.identity_clients),
        rates=TenantRates(Rates(settings.tenant_window_seconds, settings.tenant_rates), counter, clock, admitted_uncounted),
        cursor_key=secret_bytes(settings.cursor_secret, settings.region),
        clock=clock,
        systems=("book",),
    )
    return behind_gateway(app)


def handler(event: dict[str, Any], context: InvocationContext) -> Mapping[str, Any]:
    """API Gateway request in, response out."""
    return observed_request("book_api", application(), event, context)
