"""Says what a run does next: start these tasks, wait, or end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.operations.steps import plan_step

from .phase_bootstrap import phase_cycle


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Ticket in, reply out: dispatch, wait or end."""
    with observed("plan_phase", context, event, ("run_id", "epoch")) as facts:
        reply = plan_step(phase_cycle(), event)
        facts.update(kind=reply["kind"], status=reply.get("status"))
        return reply
