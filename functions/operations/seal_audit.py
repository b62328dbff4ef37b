"""The day's audit chains under one root."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from daymark.adapters.dynamodb.client import dynamodb_client, s3_client
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.s3.documents import S3Documents
from daymark.adapters.telemetry import InvocationContext
from daymark.operations.catalogue import SEAL_AUDIT
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.audit import AuditTasks

from .bootstrap import answer, task_stores
from .settings import SealSettings


@cache
def _tasks() -> AuditTasks:
    settings, stores = SealSettings.from_environment(os.environ), task_stores()
    journal = DynamoRunJournal(settings.operations_table, dynamodb_client(settings.region))
    seals = S3Documents(settings.seals_bucket, s3_client(settings.region), stores.fences)
    return AuditTasks(stores.book, stores.trail, stores.records, journal, seals)


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(SEAL_AUDIT, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    return task_stores().perform(command, _tasks())
