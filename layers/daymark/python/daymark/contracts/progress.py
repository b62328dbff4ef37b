"""The event that a run of a phase went on, version 1, as it travels on the event bus.

It says only that there is something new to read: the journal is the truth, so an event that is lost, late or doubled does no harm::

    source       daymark.operations
    detail-type  RunProgressed
    detail       {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "sequence": 7}

``sequence`` is how many lines the run's journal held after the append.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daymark.contracts.phases import VERSION, Fields
from daymark.core.errors import InvalidInput

SOURCE = "daymark.operations"
DETAIL_TYPE = "RunProgressed"


@dataclass(frozen=True, slots=True)
class RunProgressed:
    """A run's journal has grown to so many lines."""

    run_id: str
    sequence: int

    def as_detail(self) -> dict[str, Any]:
        """The event's detail."""
        return {"version": VERSION, "run_id": self.run_id, "sequence": self.sequence}


def read_run_progressed(event: Mapping[str, Any]) -> RunProgressed:
    """Read an event as EventBridge delivers it.

    Raises:
        InvalidInput: it is another event, or a field of its detail is missing or wrong; the field is named.

    >>> detail = RunProgressed("2018-02-05/MARKET_CLOSE#1", 7).as_detail()
    >>> read_run_progressed({"source": SOURCE, "detail-type": DETAIL_TYPE, "detail": detail}).sequence
    7
    """
    if event.get("source") != SOURCE or event.get("detail-type") != DETAIL_TYPE:
        raise InvalidInput(f"the event must be {DETAIL_TYPE} of {SOURCE}", field="detail-type")
    fields = Fields.of(event.get("detail"), "detail")
    return RunProgressed(fields.text("run_id"), fields.whole("sequence"))
