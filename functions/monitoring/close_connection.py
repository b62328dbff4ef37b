"""Forgets a WebSocket that has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed

from .bootstrap import connection_desk, connection_of


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """``$disconnect`` in. It may never come; then the rows go by their time to live or when a post finds nobody."""
    about = connection_of(event)
    with observed("close_connection", context, about, tuple(about)):
        connection_desk().close(about["connection_id"])
        return {"statusCode": 200}
