"""Pushes the day's progress to those who watch it, when a run went on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.contracts.progress import read_run_progressed
from daymark.monitoring.channels import DayChannel
from daymark.operations.models import RunId

from .bootstrap import broadcast


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, int]:
    """``RunProgressed`` in, deliveries by outcome out."""
    told = read_run_progressed(event)
    with observed("push_progress", context, told.as_detail(), ("run_id", "sequence")) as facts:
        deliveries = broadcast().publish(DayChannel.of(RunId.parse(told.run_id).session_date))
        facts["deliveries"] = {str(outcome): number for outcome, number in deliveries.items()}
        return dict(facts["deliveries"])
