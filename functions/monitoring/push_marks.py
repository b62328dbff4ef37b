"""Pushes what changed on a bucket's board to those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.contracts.marks_moved import read_marks_moved
from daymark.core.errors import Unavailable
from daymark.monitoring.push import Delivery

from .live_bootstrap import live_push


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, int]:
    """``MarksMoved`` in, deliveries by outcome out.

    Raises:
        Unavailable: some connections took nothing and are behind; the same event, tried again, brings them on.
    """
    moved = read_marks_moved(event)
    with observed("push_marks", context, moved.as_detail(), ("bucket", "revision")) as facts:
        deliveries = {str(outcome): number for outcome, number in live_push().publish(moved.bucket).items()}
        facts["deliveries"] = deliveries
        if Delivery.DROPPED in deliveries:
            raise Unavailable(f"{deliveries[Delivery.DROPPED]} connections are behind", field="bucket")
        return deliveries
