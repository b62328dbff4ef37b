"""The phase machine's messages as models: strict readers and writers of the shapes in ``contracts/phases.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from daymark.contracts.phases import VERSION, Fields
from daymark.core.errors import InvalidInput
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskOutcome, TaskReport

TIMED_OUT = "timed_out"
CRASHED = "crashed"
_TIME_LIMITS = frozenset({"States.Timeout", "States.HeartbeatTimeout", "Sandbox.Timedout"})


@dataclass(frozen=True, slots=True)
class Ticket:
    """A driver's right to drive one run: valid until another driver takes the run over."""

    run: RunId
    epoch: int
    region: str


@dataclass(frozen=True, slots=True)
class WakeUp:
    """Why a driver starts: either a phase at an instant, or one named run.

    Attributes:
        take_over: Resume a run whose driver is known to be dead, without waiting until it is overdue.
        redo: For a new attempt: keep what succeeded in the attempt before, except this task and what depends on it.
        driver: The driver's own name. The same driver opening again (its first answer was lost) gets its ticket again.
    """

    phase: OperationPhase | None = None
    wake: datetime | None = None
    run: RunId | None = None
    take_over: bool = False
    redo: str | None = None
    driver: str | None = None


class ReplyKind(StrEnum):
    """What the driver does next."""

    PLAN = "plan"
    DISPATCH = "dispatch"
    WAIT = "wait"
    END = "end"


class EndStatus(StrEnum):
    """How a driver's work ended: the run's final status, or why this driver has nothing to do."""

    SUCCEEDED = "SUCCEEDED"
    DEGRADED = "DEGRADED"
    FAILED = "FAILED"
    NOT_DUE = "NOT_DUE"
    HELD = "HELD"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a step of the machine answers. ``ticket`` is ``None`` only for an end that opened nothing."""

    kind: ReplyKind
    ticket: Ticket | None
    commands: tuple[tuple[TaskCommand, float], ...] = ()
    seconds: int = 0
    status: EndStatus | None = None
    reason: str | None = None


def read_wake_up(document: object) -> WakeUp:
    """Read a wake-up: ``run_id``, or ``phase`` with ``wake``.

    Raises:
        InvalidInput: neither is there, or a field is wrong; the field is named.
    """
    fields = Fields.of(document, "wake_up")
    take_over = fields.flag("take_over", default=False)
    driver = fields.text("driver") if fields.has("driver") else None
    if fields.has("run_id"):
        redo = fields.text("redo") if fields.has("redo") else None
        return WakeUp(run=RunId.parse(fields.text("run_id")), take_over=take_over, redo=redo, driver=driver)
    if not fields.has("phase"):
        raise InvalidInput("wake_up needs run_id, or phase and wake", field="wake_up.run_id")
    try:
        phase = OperationPhase(fields.text("phase"))
    except ValueError:
        raise fields.refused("phase", f"one of {', '.join(OperationPhase)}") from None
    return WakeUp(phase=phase, wake=fields.instant("wake"), take_over=take_over, driver=driver)


def write_ticket(ticket: Ticket) -> dict[str, Any]:
    """The ticket's fields, with the version."""
    return {"version": VERSION, "run_id": str(ticket.run), "epoch": ticket.epoch, "region": ticket.region}


def read_ticket(document: object) -> Ticket:
    """Read the ticket out of a reply or a record command.

    >>> read_ticket({"run_id": "2018-02-05/MID_DAY#1", "epoch": 2, "region": "us-west-2"}).epoch
    2
    """
    fields = Fields.of(document, "ticket")
    return Ticket(RunId.parse(fields.text("run_id")), fields.whole("epoch"), fields.text("region"))


def write_reply(reply: Reply) -> dict[str, Any]:
    """A reply as JSON; an end that opened nothing has an empty run id and epoch 0."""
    ticket = reply.ticket
    document = write_ticket(ticket) if ticket else {"version": VERSION, "run_id": "", "epoch": 0, "region": ""}
    document["kind"] = str(reply.kind)
    if reply.kind is ReplyKind.DISPATCH:
        document["commands"] = [write_command(command, seconds) for command, seconds in reply.commands]
    elif reply.kind is ReplyKind.WAIT:
        document["seconds"] = reply.seconds
    elif reply.kind is ReplyKind.END:
        document["status"] = str(reply.status)
        document["reason"] = reply.reason
    return document


def write_command(command: TaskCommand, timeout_seconds: float) -> dict[str, Any]:
    """A task command as JSON; the time limit travels for the machine's own use."""
    return {
        "version": VERSION,
        "run_id": str(command.run),
        "task": command.task,
        "function": command.function,
        "try_number": command.try_number,
        "epoch": command.epoch,
        "region": command.region,
        "timeout_seconds": int(timeout_seconds) if float(timeout_seconds).is_integer() else timeout_seconds,
    }


def read_command(document: object) -> TaskCommand:
    """Read a task command.

    Raises:
        InvalidInput: a required field is missing or wrong; the field is named.
    """
    fields = Fields.of(document, "command")
    return TaskCommand(
        run=RunId.parse(fields.text("run_id")),
        task=fields.text("task"),
        function=fields.text("function"),
        try_number=fields.whole("try_number"),
        epoch=fields.whole("epoch"),
        region=fields.text("region"),
    )


def write_outcome(outcome: TaskOutcome) -> dict[str, Any]:
    """A task outcome as JSON."""
    report = outcome.report
    return {
        "version": VERSION,
        "task": outcome.task,
        "try_number": outcome.try_number,
        "succeeded": outcome.succeeded,
        "retryable": outcome.retryable,
        "started_at": outcome.started_at.isoformat(),
        "ended_at": outcome.ended_at.isoformat(),
        "report": {
            "measures": dict(report.measures),
            "by_tenant": {tenant: dict(measures) for tenant, measures in report.by_tenant.items()},
            "warnings": list(report.warnings),
        },
        "error": None if outcome.error is None else dict(outcome.error),
    }


def read_outcome(document: object, received_at: datetime) -> TaskOutcome:
    """Read an outcome, or the crashed outcome that stands for a function which gave no answer.

    Args:
        document: The outcome as JSON.
        received_at: Instant that stands in for the missing ones of a crashed outcome.

    Raises:
        InvalidInput: a required field is missing or wrong; the field is named.
    """
    fields = Fields.of(document, "outcome")
    task, try_number = fields.text("task"), fields.whole("try_number")
    if fields.has("crashed"):
        return without_answer(task, try_number, fields.text("crashed"), received_at, received_at)
    succeeded = fields.flag("succeeded")
    return TaskOutcome(
        task=task,
        try_number=try_number,
        succeeded=succeeded,
        started_at=fields.instant("started_at"),
        ended_at=fields.instant("ended_at"),
        report=_read_report(fields),
        error=None if succeeded else _read_error(fields),
        retryable=fields.flag("retryable", default=False) and not succeeded,
    )


def without_answer(task: str, try_number: int, name: str, started_at: datetime, ended_at: datetime) -> TaskOutcome:
    """The outcome of a try that gave no answer; another try may help."""
    code, how = (TIMED_OUT, "was stopped at its time limit") if name in _TIME_LIMITS else (CRASHED, "ended without an answer")
    error: dict[str, Any] = {"code": code, "message": f"{task} {how}: {name}", "field": None, "context": {}}
    return TaskOutcome(task, try_number, False, started_at, ended_at, error=error, retryable=True)


def _read_report(fields: Fields) -> TaskReport:
    report = Fields(fields.mapping("report"), f"{fields.path}.report")
    by_tenant = report.mapping("by_tenant")
    if not all(isinstance(measures, Mapping) for measures in by_tenant.values()):
        raise report.refused("by_tenant", "a JSON object of JSON objects")
    warnings = report.items("warnings") if report.has("warnings") else []
    return TaskReport(report.mapping("measures"), by_tenant, tuple(str(warning) for warning in warnings))


def _read_error(fields: Fields) -> Mapping[str, Any]:
    error = fields.mapping("error")
    if not error:
        raise fields.refused("error", "there when the try failed")
    inner = Fields(error, f"{fields.path}.error")
    return {
        "code": inner.text("code"),
        "message": inner.text("message"),
        "field": error.get("field"),
        "context": dict(inner.mapping("context")),
    }
