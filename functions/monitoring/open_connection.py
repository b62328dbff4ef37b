"""Admits a WebSocket for its ticket, or refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.core.errors import Unauthenticated, Unavailable

from .bootstrap import connection_desk, connection_of


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """``$connect`` in, status out: 200, 403 without a good ticket, 503 when the ticket could not be looked at."""
    about = connection_of(event)
    with observed("open_connection", context, about, tuple(about)) as facts:
        ticket = (event.get("queryStringParameters") or {}).get("ticket")
        try:
            connection = connection_desk().open(about["connection_id"], ticket)
        except Unauthenticated:
            facts["status"] = 403
        except Unavailable:
            facts.update(status=503, failed=True)
        else:
            facts.update(status=200, role=connection.principal.role, tenant=connection.principal.tenant)
        return {"statusCode": facts["status"]}
