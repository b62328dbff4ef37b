"""Writes what became of a run's tasks into its journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.operations.steps import record_step

from .phase_bootstrap import phase_cycle


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Ticket and outcomes in, reply out: go on to plan, or the end if another driver took over."""
    with observed("record_outcomes", context, event, ("run_id", "epoch")) as facts:
        reply = record_step(phase_cycle(), event)
        facts.update(kind=reply["kind"], status=reply.get("status"))
        return reply
