"""Each day's results in memory, kept as the canonical JSON a table would hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from daymark.adapters.rows import claim_rows, natural_key, phase_of, unique_contents
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.audit import canonical_json
from daymark.core.errors import Conflict
from daymark.core.fence import Fence, FenceLedger


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
            InvalidInput: a key occurs twice, a phase is none of the five, or a body is not plain JSON.
        """
        contents = unique_contents(
            (
                natural_key(record.tenant, record.session_date.isoformat(), phase_of(record), record.kind, record.subject),
                canonical_json(record.body),
            )
            for record in records
        )
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
        """The day's records that match, sorted by (phase, kind, subject)."""
        found = []
        for key, body in self._bodies.items():
            owner, day, wrote, what, whom = key.split("#")
            if (owner, day) != (tenant, session_date.isoformat()):
                continue
            if kind in (None, what) and subject in (None, whom) and phase in (None, wrote):
                found.append(DayRecord(tenant, session_date, wrote, RecordKind(what), whom, json.loads(body)))
        return sorted(found, key=lambda record: (record.phase, record.kind, record.subject))
