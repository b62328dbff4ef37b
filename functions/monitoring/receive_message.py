"""Does what a client's message asks and posts the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed

from .bootstrap import connection_of
from .live_bootstrap import conversation


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """A message in; the answer goes through the connection, so the gateway gets nothing but 200."""
    about = connection_of(event)
    with observed("receive_message", context, about, tuple(about)) as facts:
        facts["delivery"] = conversation().receive(about["connection_id"], event.get("body") or "")
        return {"statusCode": 200}
