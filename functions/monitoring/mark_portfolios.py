"""Takes a batch of the quotes stream: boards, quarantine, and word of what moved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.contracts.stream_records import FAILURES, records_of

from .mark_bootstrap import marking


def handler(event: Mapping[str, Any], context: InvocationContext) -> Mapping[str, Any]:
    """A batch in; the answer names the first record that has to come again, if any."""
    records = records_of(event)
    with observed("mark_portfolios", context, {}, ()) as facts:
        worker = marking()
        repeats, late, refused = worker.repeats, worker.late, worker.refused
        answer = worker.take(records)
        facts.update(records=len(records), repeats=worker.repeats - repeats, late=worker.late - late)
        facts.update(refused=worker.refused - refused, failed=bool(answer[FAILURES]))
        return answer
