"""One try of one task: refused under a superseded epoch, and always ended by a typed outcome, never by an exception."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from daymark.core.clock import Clock
from daymark.core.errors import DaymarkError, InvalidInput, StaleFence, stack_of
from daymark.core.fence import FenceLedger
from daymark.operations.models import TaskCommand, TaskOutcome, TaskReport
from daymark.operations.ports import TaskPerformer

INTERNAL = "internal"
# A state's payload may hold 256 KiB; up to eight outcomes travel together, beside their errors.
MAX_REPORT_BYTES = 24 * 1024
# In a tenant's part of a report: the hash of the audit entry that the try left in the tenant's chain.
AUDIT_PART = "audit"
_LOG = logging.getLogger(__name__)


def perform(command: TaskCommand, performer: TaskPerformer, fences: FenceLedger, clock: Clock) -> TaskOutcome:
    """Perform a try and say how it ended.

    A ``DaymarkError`` becomes a failed outcome with its code, retryable if the error says so. Any other exception is a defect:
    it is logged with its stack, and the outcome carries the code ``internal`` and the exception's class alone, for its text may
    hold client data. What the error tells of single tenants goes into the outcome's report, where fronts show each tenant its own.

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
        report = _bounded(performer(command))
    except DaymarkError as failure:
        report, error, retryable = _tenants_parts(failure), _plain_error(failure), failure.retryable
    except Exception as defect:  # the one place where a defect of a task becomes an outcome
        told = (command.task, command.try_number, command.run, type(defect).__name__, stack_of(defect))
        _LOG.error("task %s try %d of %s met a defect: %s\n%s", *told)
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


def _bounded(report: TaskReport) -> TaskReport:
    """The report, or its measures alone where the tenants' parts would not fit.

    Which tenants it told of, or lost work of, is always kept; the hashes of their audit entries as long as these fit.
    """
    size = _size(report)
    if size <= MAX_REPORT_BYTES:
        return report
    named = {tenant: {"failed": len(part["failed"])} if "failed" in part else {} for tenant, part in report.by_tenant.items()}
    audited = {
        tenant: {**part, AUDIT_PART: report.by_tenant[tenant][AUDIT_PART]} if AUDIT_PART in report.by_tenant[tenant] else part
        for tenant, part in named.items()
    }
    warnings = (*report.warnings, f"the tenants' parts were left out: {size} bytes do not fit")
    shorter = TaskReport(report.measures, audited, warnings)
    return shorter if _size(shorter) <= MAX_REPORT_BYTES else TaskReport(report.measures, named, warnings)


def _size(report: TaskReport) -> int:
    try:
        return len(json.dumps([dict(report.measures), {tenant: dict(rows) for tenant, rows in report.by_tenant.items()}], allow_nan=False))
    except (TypeError, ValueError) as cause:
        raise InvalidInput(f"the task's report is no plain JSON: {cause}", field="report") from cause


def _tenants_parts(failure: DaymarkError) -> TaskReport:
    """The report of a failed try: what its error tells of single tenants, left out where it cannot be written."""
    try:
        return _bounded(TaskReport(by_tenant=failure.by_tenant))
    except InvalidInput:
        _LOG.exception("a failed task's parts are no plain JSON")
        return TaskReport()


def _plain_error(failure: DaymarkError) -> Mapping[str, Any]:
    """The error's document with every context value that JSON cannot hold written as text."""
    document = dict(failure.as_document())
    try:
        document["context"] = json.loads(json.dumps(document["context"], default=str, allow_nan=False))
    except (TypeError, ValueError):
        document["context"] = {str(name): str(value) for name, value in failure.context.items()}
    return document
