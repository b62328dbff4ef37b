"""Each day's results in memory, kept as the canonical JSON a table would hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import date

from daymark.adapters.rows import claim_rows, natural_key, phase_of, unique_contents
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.audit import canonical_json
from daymark.core.errors import Conflict
from daymark.core.fence import Fence, FenceLedger
from daymark.core.numbering import key_number


class MemoryDayRecords:
    """``DayRecords`` in memory.

    Args:
        ledger: Where writes are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._bodies: dict[str, str] = {}

    def save(self, records: Sequence[DayRecord], fence: Fence) -> None:
        """Append records, all or none. The same content again is a harmless repeat.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: other content stands under a key.
            InvalidInput: a key occurs twice, a phase is none of the five, an attempt no number from 1 to 9999, or a body is not
                plain JSON.
        """
        contents = unique_contents((_key(record), canonical_json(record.body)) for record in records)
        claim_rows(self._ledger, contents, fence)
        for key, body in contents.items():
            if self._bodies.get(key, body) != body:
                raise Conflict(f"other content stands under {key}", field="body", key=key)
        self._bodies.update(contents)

    def find(
        self,
        tenant: str,
        session_date: date,
        kind: RecordKind | None = None,
        subject: str | None = None,
        phase: str | None = None,
    ) -> Sequence[DayRecord]:
        """The day's records that match, by their latest attempt, sorted by (phase, kind, subject)."""
        latest = {(record.phase, record.kind, record.subject): record for record in self._records(tenant, session_date)}
        return [
            record
            for (wrote, what, whom), record in sorted(latest.items())
            if kind in (None, what) and subject in (None, whom) and phase in (None, wrote)
        ]

    def history(self, tenant: str, session_date: date, kind: RecordKind, subject: str) -> Sequence[DayRecord]:
        """Every attempt's record of one kind and subject, sorted by (phase, attempt)."""
        return [record for record in self._records(tenant, session_date) if (record.kind, record.subject) == (kind, subject)]

    def _records(self, tenant: str, session_date: date) -> Iterator[DayRecord]:
        """A day's records in key order."""
        for key, body in sorted(self._bodies.items()):
            owner, day, phase, kind, subject, attempt = key.split("#")
            if (owner, day) == (tenant, session_date.isoformat()):
                yield DayRecord(tenant, session_date, phase, RecordKind(kind), subject, json.loads(body), int(attempt))


def _key(record: DayRecord) -> str:
    day, attempt = record.session_date.isoformat(), key_number(record.attempt, "attempt")
    return natural_key(record.tenant, day, phase_of(record), record.kind, record.subject, attempt)
