"""Where a port's suite runs: in memory, on moto in this process, or on the embedded cloud; and how a crash is put between two calls."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3

from daymark.adapters.dynamodb.audit_trail import DynamoAuditTrail
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.connections import DynamoConnections
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.mark_store import DynamoMarkStore
from daymark.adapters.dynamodb.rate_counter import DynamoRateCounter
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.dynamodb.tables import TABLES
from daymark.adapters.dynamodb.tickets import DynamoTickets
from daymark.adapters.memory.audit_trail import MemoryAuditTrail
from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.memory.connections import MemoryConnections
from daymark.adapters.memory.day_records import MemoryDayRecords
from daymark.adapters.memory.documents import MemoryDocuments
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.mark_store import MemoryMarkStore
from daymark.adapters.memory.rate_counter import MemoryRateCounter
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.adapters.memory.tickets import MemoryTickets
from daymark.adapters.s3.documents import S3Documents

REGION = "us-east-1"


class Crash(Exception):
    """The process died here."""


@dataclass
class CrashingClient:
    """Passes calls on until one of them kills the process: just before it, or just after it took effect."""

    client: Any
    crash_at: int
    after: bool
    calls: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if not callable(method) or name.startswith("_"):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append(name)
            dies = len(self.calls) == self.crash_at
            if dies and not self.after:
                raise Crash(name)
            try:
                return method(*arguments, **named)
            finally:
                if dies:
                    raise Crash(name)

        return call


@cache
def _client(service: Any, endpoint: str | None) -> Any:
    return boto3.client(service, endpoint_url=endpoint, config=client_settings(REGION, 2.0, 10.0, 2))


class MemoryBackend:
    """Every port in memory."""

    name = "memory"

    def __init__(self) -> None:
        self.ledger = MemoryFenceLedger()
        self.book = MemoryBookStore(self.ledger)
        self.marks = MemoryMarkStore(self.ledger)
        self.records = MemoryDayRecords(self.ledger)
        self.journal = MemoryRunJournal()
        self.tickets, self.connections = MemoryTickets(), MemoryConnections()
        self.rates = MemoryRateCounter()
        self.trail = MemoryAuditTrail(self.ledger)
        self.documents = MemoryDocuments(self.ledger)


class AwsBackend:
    """Every port over freshly created tables and a bucket."""

    def __init__(self, name: str, endpoint: str | None) -> None:
        self.name = name
        self.dynamodb, self.s3 = _client("dynamodb", endpoint), _client("s3", endpoint)
        self.suffix = uuid.uuid4().hex[:12]
        for table in TABLES.values():
            self.dynamodb.create_table(**table.creation(self.table(table.name)))
        self.bucket = f"documents-{self.suffix}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.build(self.dynamodb, self.s3)

    def table(self, name: str) -> str:
        """The name this backend's table really has."""
        return f"{name}-{self.suffix}"

    def build(self, dynamodb: Any, s3: Any) -> None:
        """Put every adapter over these clients."""
        # One worker: calls come in one order, so a crash can be put between two of them.
        self.ledger = DynamoFenceLedger(self.table("fence"), dynamodb, workers=1)
        self.book = DynamoBookStore(self.table("book"), dynamodb, self.ledger)
        self.marks = DynamoMarkStore(self.table("operations"), dynamodb, self.ledger)
        self.records = DynamoDayRecords(self.table("operations"), dynamodb, self.ledger)
        self.journal = DynamoRunJournal(self.table("operations"), dynamodb)
        self.tickets = DynamoTickets(self.table("connections"), dynamodb)
        self.connections = DynamoConnections(self.table("connections"), dynamodb)
        self.rates = DynamoRateCounter(self.table("rates"), dynamodb)
        self.trail = DynamoAuditTrail(self.table("audit"), dynamodb, self.ledger, wait=lambda retry: None)
        self.documents = S3Documents(self.bucket, s3, self.ledger)

    def remove(self) -> None:
        """Drop what was created."""
        for table in TABLES.values():
            self.dynamodb.delete_table(TableName=self.table(table.name))


def crash_everywhere(backend: AwsBackend, work: Callable[[AwsBackend, str], None], check: Callable[[AwsBackend, str, bool], None]) -> int:
    """Kill ``work`` before and after each of its calls, look, replay it, and look again.

    Args:
        backend: Where to work.
        work: Does it for one subject (an id of its own for every crash).
        check: Looks at one subject; told whether the work has been completed.

    Returns:
        How many crashes were tried.
    """
    crashes = 0
    for after in (False, True):
        crash_at = 1
        while True:
            subject = f"{'after' if after else 'before'}-{crash_at}"
            dynamodb, s3 = CrashingClient(backend.dynamodb, crash_at, after), CrashingClient(backend.s3, crash_at, after)
            dynamodb.calls = s3.calls
            backend.build(dynamodb, s3)
            try:
                work(backend, subject)
                crashed = False
            except Crash:
                crashed = True
            backend.build(backend.dynamodb, backend.s3)
            if not crashed:
                check(backend, subject, True)
                break
            crashes += 1
            check(backend, subject, False)
            work(backend, subject)
            check(backend, subject, True)
            crash_at += 1
    return crashes
