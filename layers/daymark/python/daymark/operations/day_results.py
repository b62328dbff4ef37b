"""Of a day's results the latest phase's counts: what the open measured is superseded once the close has measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from daymark.book.ports import DayRecord, RecordKind
from daymark.operations.models import OperationPhase

_PHASE_ORDER = {phase.value: place for place, phase in enumerate(OperationPhase)}

ATTEMPT = "attempt-"

Results = Mapping[tuple[str, RecordKind], Mapping[str, Any]]


def latest_results(records: Sequence[DayRecord]) -> Results:
    """``{(subject, kind): body}`` of one tenant's day; where two phases wrote the same kind, the later phase's body."""
    ordered = sorted(records, key=lambda record: _PHASE_ORDER.get(record.phase, -1))
    return {(record.subject, record.kind): record.body for record in ordered}


def attempt_of(subject: str) -> int:
    """The attempt of its phase that an operations report's record belongs to; the first one's subject is ``"-"``.

    >>> attempt_of("-"), attempt_of("attempt-3")
    (1, 3)
    """
    return int(subject.removeprefix(ATTEMPT)) if subject.startswith(ATTEMPT) else 1
