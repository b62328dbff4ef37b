"""The operations functions' composition root: settings from the environment, collaborators built once per process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

from daymark.adapters.dynamodb.audit_trail import DynamoAuditTrail
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.mark_store import DynamoMarkStore
from daymark.adapters.telemetry import InvocationContext, observed
from daymark.core.clock import WallClock
from daymark.core.sessions import Calendar
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.ports import TaskPerformer
from daymark.operations.steps import perform_step
from daymark.operations.tasks.registry import TaskRegistry

from .settings import TaskSettings


@dataclass(frozen=True, slots=True)
class TaskStores:
    """What every task function holds: the book, the day's rows, the audit trail and the fence."""

    book: DynamoBookStore
    marks: DynamoMarkStore
    records: DynamoDayRecords
    trail: DynamoAuditTrail
    fences: DynamoFenceLedger
    calendar: Calendar

    @classmethod
    def connect(cls, settings: TaskSettings) -> Self:
        """The stores behind one function's settings, over one client."""
        client = dynamodb_client(settings.region)
        fences = DynamoFenceLedger(settings.fence_table, client)
        return cls(
            book=DynamoBookStore(settings.book_table, client),
            marks=DynamoMarkStore(settings.operations_table, client, fences),
            records=DynamoDayRecords(settings.operations_table, client, fences),
            trail=DynamoAuditTrail(settings.audit_table, client, fences),
            fences=fences,
            calendar=Calendar.exchange(),
        )

    def perform(self, command: TaskCommand, tasks: object) -> TaskReport:
        """Perform and audit a command with the tasks of this function."""
        registry = TaskRegistry(self.calendar, {command.function: tasks}, self.book, self.records, self.trail)
        return registry(command)


@cache
def task_stores() -> TaskStores:
    """The process's stores."""
    return TaskStores.connect(TaskSettings.from_environment(os.environ))


def answer(function: str, event: Mapping[str, Any], context: InvocationContext, performer: TaskPerformer) -> dict[str, Any]:
    """Task command in, outcome out; the log line names the task and, if it failed, the error's code.

    Whatever the performer builds, it builds inside: a store that does not answer then is a typed outcome too.
    """
    with observed(function, context, event, ("run_id", "task", "try_number")) as facts:
        outcome = perform_step(event, performer, task_stores().fences, WallClock())
        facts["failed"] = not outcome["succeeded"]
        if outcome["error"] is not None:
            facts["code"] = outcome["error"]["code"]
        return outcome
