"""Opens the run that a wake-up is due for, or says why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.operations.steps import open_step

from .phase_bootstrap import phase_cycle


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Wake-up in, reply out: go on to plan, or the end."""
    with observed("open_phase", context, event, ("run_id", "phase", "wake")) as facts:
        reply = open_step(phase_cycle(), event)
        facts.update(kind=reply["kind"], status=reply.get("status"))
        return reply
