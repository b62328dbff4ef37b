"""One try of one task: refused under a superseded epoch, and always ended by a typed outcome, never by an exception."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from daymark.core.clock import Clock
from daymark.core.errors import DaymarkError, InvalidInput, StaleFence
from daymark.core.fence import FenceLedger
from daymark.operations.models import TaskCommand, TaskOutcome, TaskReport
from daymark.operations.ports import TaskPerformer

INTERNAL = "internal"
_LOG = logging.getLogger(__name__)


def perform(command: TaskCommand, performer: TaskPerformer, fences: FenceLedger, clock: Clock) -> TaskOutcome:
    """Perform a try and say how it ended.

    A ``DaymarkError`` becomes a failed outcome with its code, retryable if the error says so. Any other exception is a defect:
    it is logged with its stack, and the outcome carries the code ``internal`` and the exception's class alone, for its text may
    hold client data.

    Args:
        command: Which try of which task, under which epoch.
        performer: Does the work.
        fences: Tells whether the command's epoch is still in force.
        clock: Wall clock; measures the duration.
    """
    started_at = clock.now()
    report, error, retryable = TaskReport(), None, False
    try:
        _require_epoch(command, fences)
        report = performer(command)
        _require_plain(report)
    except DaymarkError as failure:
        report, error, retryable = TaskReport(), _plain_error(failure), failure.retryable
    except Exception as defect:  # the one place where a defect of a task becomes an outcome
        _LOG.exception("task %s try %d of %s met a defect", command.task, command.try_number, command.run)
        message = f"{command.task} met an unexpected {type(defect).__name__}"
        report, error = TaskReport(), {"code": INTERNAL, "message": message, "field": None, "context": {}}
    return TaskOutcome(
        task=command.task,
        try_number=command.try_number,
        succeeded=error is None,
        started_at=started_at,
        ended_at=max(started_at, clock.now()),
        report=report,
        error=error,
        retryable=retryable,
    )


def _require_epoch(command: TaskCommand, fences: FenceLedger) -> None:
    held = fences.current(command.run.scope)
    if held.epoch != command.epoch:
        raise StaleFence(
            f"{command.run.scope} is held under epoch {held.epoch}, not {command.epoch}", field="command.epoch", held=held.epoch
        )


def _require_plain(report: TaskReport) -> None:
    try:
        json.dumps([dict(report.measures), {tenant: dict(rows) for tenant, rows in report.by_tenant.items()}], allow_nan=False)
    except (TypeError, ValueError) as cause:
        raise InvalidInput(f"the task's report is no plain JSON: {cause}", field="report") from cause


def _plain_error(failure: DaymarkError) -> Mapping[str, Any]:
    """The error's document with every context value that JSON cannot hold written as text."""
    document = dict(failure.as_document())
    try:
        document["context"] = json.loads(json.dumps(document["context"], default=str, allow_nan=False))
    except (TypeError, ValueError):
        document["context"] = {str(name): str(value) for name, value in failure.context.items()}
    return document
