"""The book against the custodian's statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import RECONCILE_HOLDINGS
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.reconciliation import ReconciliationTasks

from .bootstrap import answer, task_stores
from .document_bootstrap import documents


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(RECONCILE_HOLDINGS, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    return stores.perform(command, ReconciliationTasks(stores.book, stores.marks, documents(), stores.records))
