"""The day's audit chains under one root."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import SEAL_AUDIT
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.audit import AuditTasks

from .bootstrap import answer, task_stores


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(SEAL_AUDIT, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    return stores.perform(command, AuditTasks(stores.book, stores.trail, stores.records))
