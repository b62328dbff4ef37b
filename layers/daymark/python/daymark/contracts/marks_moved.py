"""The event that a bucket's board went on, version 1, as it travels on the event bus.

It says only that there is something new to read: the board is the truth, so an event that is lost, late or doubled does no harm::

    source       daymark.monitoring
    detail-type  MarksMoved
    detail       {"version": 1, "bucket": 7, "revision": 1042}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daymark.contracts.phases import VERSION, Fields
from daymark.core.errors import InvalidInput

SOURCE = "daymark.monitoring"
DETAIL_TYPE = "MarksMoved"


@dataclass(frozen=True, slots=True)
class MarksMoved:
    """A bucket's board has come to a revision."""

    bucket: int
    revision: int

    def as_detail(self) -> dict[str, Any]:
        """The event's detail."""
        return {"version": VERSION, "bucket": self.bucket, "revision": self.revision}


def read_marks_moved(event: Mapping[str, Any]) -> MarksMoved:
    """Read an event as EventBridge delivers it.

    Raises:
        InvalidInput: it is another event, or a field of its detail is missing or wrong; the field is named.

    >>> read_marks_moved({"source": SOURCE, "detail-type": DETAIL_TYPE, "detail": MarksMoved(7, 1042).as_detail()})
    MarksMoved(bucket=7, revision=1042)
    """
    if event.get("source") != SOURCE or event.get("detail-type") != DETAIL_TYPE:
        raise InvalidInput(f"the event must be {DETAIL_TYPE} of {SOURCE}", field="detail-type")
    fields = Fields.of(event.get("detail"), "detail")
    return MarksMoved(fields.whole("bucket", at_least=0), fields.whole("revision"))
