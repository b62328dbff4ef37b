"""The state machine's four steps, JSON in and JSON out: what its functions do once their collaborators are built."""

from __future__ import annotations

from typing import Any

from daymark.contracts.phases import Fields
from daymark.core.clock import Clock
from daymark.core.fence import FenceLedger
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import read_command, read_outcome, read_ticket, read_wake_up, write_outcome, write_reply
from daymark.operations.performing import perform
from daymark.operations.ports import TaskPerformer


def open_step(cycle: PhaseCycle, event: object) -> dict[str, Any]:
    """Wake-up in, reply out (``plan`` or ``end``)."""
    return write_reply(cycle.open(read_wake_up(event)))


def plan_step(cycle: PhaseCycle, event: object) -> dict[str, Any]:
    """Ticket in, reply out (``dispatch``, ``wait`` or ``end``)."""
    return write_reply(cycle.plan(read_ticket(event)))


def record_step(cycle: PhaseCycle, event: object) -> dict[str, Any]:
    """Record command in, reply out (``plan``, or ``end`` if superseded)."""
    received_at = cycle.clock.now()
    outcomes = [read_outcome(document, received_at) for document in Fields.of(event, "record").items("outcomes")]
    return write_reply(cycle.record(read_ticket(event), outcomes))


def perform_step(event: object, performer: TaskPerformer, fences: FenceLedger, clock: Clock) -> dict[str, Any]:
    """Task command in, outcome out."""
    return write_outcome(perform(read_command(event), performer, fences, clock))
