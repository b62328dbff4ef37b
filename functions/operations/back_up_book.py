"""The book's export, and its restore compared with the book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import BACK_UP_BOOK
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.backup import BackupTasks

from .bootstrap import answer, task_stores
from .document_bootstrap import documents


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(BACK_UP_BOOK, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    return stores.perform(command, BackupTasks(stores.book, stores.marks, documents(), stores.records, stores.trail))
