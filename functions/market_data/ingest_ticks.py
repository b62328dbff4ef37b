"""Takes a batch of the ticks stream: archive, quarantine, hot quotes, quote blocks, and the lanes' snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.adapters.telemetry import InvocationContext, observed
from daymark.contracts.stream_records import FAILURES, records_of

from .bootstrap import session_ingest


def handler(event: Mapping[str, Any], context: InvocationContext) -> Mapping[str, Any]:
    """A batch in; the answer names the first record that has to come again, if any."""
    records = records_of(event)
    with observed("ingest_ticks", context, {}, ()) as facts:
        ingest = session_ingest()
        repeats, strays = ingest.repeats, ingest.strays
        answer = ingest.take(records)
        failed = bool(answer[FAILURES])
        facts.update(records=len(records), repeats=ingest.repeats - repeats, strays=ingest.strays - strays, failed=failed)
        return answer
