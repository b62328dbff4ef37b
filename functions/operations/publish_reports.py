"""Client and operations reports, in HTML and PDF."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from daymark.adapters.documents.renderer import DocumentRenderer
from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import PUBLISH_REPORTS
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.reports import ReportTasks

from .bootstrap import answer, task_stores
from .document_bootstrap import documents
from .price_bootstrap import price_desk
from .settings import ReportSettings


@cache
def _journal() -> DynamoRunJournal:
    settings = ReportSettings.from_environment(os.environ)
    return DynamoRunJournal(settings.operations_table, dynamodb_client(settings.region))


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(PUBLISH_REPORTS, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    stores = task_stores()
    tasks = ReportTasks(price_desk(), stores.book, stores.marks, stores.records, _journal(), documents(), DocumentRenderer())
    return stores.perform(command, tasks)
