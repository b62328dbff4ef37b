"""Each day's results: one row per tenant, session, kind, subject and phase, claimed first, then appended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.items import Row
from daymark.adapters.dynamodb.table import Table
from daymark.adapters.rows import natural_key, phase_of
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.audit import canonical_json
from daymark.core.fence import Fence, FenceLedger
from daymark.operations.models import OperationPhase

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDayRecords:
    """``DayRecords`` over the operations table: ``TENANT#<t>#DAY#<session>`` | ``<kind>#<subject>#<phase>``.

    The usual questions are one round trip: a kind of a day and a kind of one subject by key prefix, everything of one subject by
    naming every key it could have.

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
            InvalidInput: a key occurs twice, a phase is none of the five, or a body is not plain JSON.
        """
        rows = [
            Row(
                _partition(record.tenant, record.session_date),
                natural_key(record.kind, record.subject, phase_of(record)),
                canonical_json(record.body),
            )
            for record in records
        ]
        self._table.append_claimed(rows, self._ledger, fence)

    def find(
        self,
        tenant: str,
        session_date: date,
        kind: RecordKind | None = None,
        subject: str | None = None,
        phase: str | None = None,
    ) -> Sequence[DayRecord]:
        """The day's records that match, sorted by (phase, kind, subject)."""
        partition = _partition(tenant, session_date)
        rows: Iterable[Row]
        if subject is not None and (kind is None or phase is not None):
            kinds = tuple(RecordKind) if kind is None else (kind,)
            phases = tuple(OperationPhase) if phase is None else (phase,)
            keys = [(partition, natural_key(one, subject, when)) for one in kinds for when in phases]
            rows = self._table.read_many(keys).values()
        else:
            prefix = "" if kind is None else f"{kind}#" if subject is None else f"{natural_key(kind, subject)}#"
            rows = self._table.query(partition, prefix)
        found = [_record(tenant, session_date, row) for row in rows]
        matching = [record for record in found if phase in (None, record.phase)]
        return sorted(matching, key=lambda record: (record.phase, record.kind, record.subject))


def _partition(tenant: str, session_date: date) -> str:
    return natural_key("TENANT", tenant, "DAY", session_date.isoformat())


def _record(tenant: str, session_date: date, row: Row) -> DayRecord:
    kind, subject, phase = row.sk.split("#")
    return DayRecord(tenant, session_date, phase, RecordKind(kind), subject, json.loads(row.body))
