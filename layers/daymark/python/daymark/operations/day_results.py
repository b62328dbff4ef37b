"""Of a day's results the latest phase's counts: what the open measured is superseded once the close has measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daymark.book.ports import DayRecord, RecordKind
from daymark.operations.models import OperationPhase

_PHASE_ORDER = {phase.value: place for place, phase in enumerate(OperationPhase)}

Results = Mapping[tuple[str, RecordKind], DayRecord]


def latest_results(records: Sequence[DayRecord]) -> Results:
    """``{(subject, kind): record}`` of one tenant's day; where two phases wrote the same kind, the later phase's record."""
    ordered = sorted(records, key=lambda record: _PHASE_ORDER.get(record.phase, -1))
    return {(record.subject, record.kind): record for record in ordered}
