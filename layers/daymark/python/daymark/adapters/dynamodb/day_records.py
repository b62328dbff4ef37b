"""Each day's results: one row per tenant, session, kind, subject, phase and attempt, claimed first, then appended."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.items import Row
from daymark.adapters.dynamodb.table import Table
from daymark.adapters.rows import natural_key, phase_of
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.audit import canonical_json
from daymark.core.fence import Fence, FenceLedger
from daymark.core.numbering import key_number

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDayRecords:
    """``DayRecords`` over the operations table: ``TENANT#<t>#DAY#<session>`` | ``<kind>#<subject>#<phase>#<attempt>``.

    The usual questions are one query by key prefix: a day's records, a kind of them, a kind of one subject. Other filters are
    applied to what comes back.

    Args:
        table_name: The operations table.
        client: A DynamoDB client with bounded time-outs.
        ledger: Where writes are claimed; ``None`` for a reader.
    """

    def __init__(self, table_name: str, client: DynamoDBClient, ledger: FenceLedger | None = None) -> None:
        self._table = Table(table_name, client)
        self._ledger = ledger

    def save(self, records: Sequence[DayRecord], fence: Fence) -> None:
        """Append records. The same content again is a harmless repeat, and completes what a crash left half-way.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: other content stands under a key.
            InvalidInput: a key occurs twice, a phase is none of the five, an attempt no number from 1 to 9999, or a body is not
                plain JSON.
        """
        self._table.append_claimed([_row(record) for record in records], self._ledger, fence)

    def find(
        self,
        tenant: str,
        session_date: date,
        kind: RecordKind | None = None,
        subject: str | None = None,
        phase: str | None = None,
    ) -> Sequence[DayRecord]:
        """The day's records that match, by their latest attempt, sorted by (phase, kind, subject)."""
        prefix = "" if kind is None else f"{kind}#" if subject is None else f"{natural_key(kind, subject)}#"
        # Keys rise with the attempt, so the latest is what stays.
        latest = {(record.phase, record.kind, record.subject): record for record in self._records(tenant, session_date, prefix)}
        return [record for _, record in sorted(latest.items()) if subject in (None, record.subject) and phase in (None, record.phase)]

    def history(self, tenant: str, session_date: date, kind: RecordKind, subject: str) -> Sequence[DayRecord]:
        """Every attempt's record of one kind and subject, sorted by (phase, attempt)."""
        return list(self._records(tenant, session_date, f"{natural_key(kind, subject)}#"))

    def _records(self, tenant: str, session_date: date, prefix: str) -> Iterator[DayRecord]:
        """Records in key order."""
        for row in self._table.query(_partition(tenant, session_date), prefix):
            kind, subject, phase, attempt = row.sk.split("#")
            yield DayRecord(tenant, session_date, phase, RecordKind(kind), subject, json.loads(row.body), int(attempt))


def _row(record: DayRecord) -> Row:
    sort_key = natural_key(record.kind, record.subject, phase_of(record), key_number(record.attempt, "attempt"))
    return Row(_partition(record.tenant, record.session_date), sort_key, canonical_json(record.body))


def _partition(tenant: str, session_date: date) -> str:
    return natural_key("TENANT", tenant, "DAY", session_date.isoformat())
