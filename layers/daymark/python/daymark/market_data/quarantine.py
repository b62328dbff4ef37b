"""What is kept of a refused record or of a block's refused rows: the reasons by name, and the payload from which it can be judged anew.

One object, as canonical JSON with the payload in base64: the payload of a record is the record's data; of rows it is a tick block of them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from daymark.contracts.stream_records import StreamRecord
from daymark.core.audit import canonical_json
from daymark.core.errors import DaymarkError, InvalidInput

_VERSION = 1
_FIELDS = {"version", "kind", "shard", "sequence", "partition_key", "reasons", "payload"}


@dataclass(frozen=True)
class Quarantined:
    """A refused record, or a block's refused rows.

    Attributes:
        kind: ``record`` or ``rows``.
        shard: Of the record.
        sequence: Of the record.
        partition_key: Of the record.
        reasons: Of a record its ``code``, ``message`` and ``field``; of rows the row numbers in the payload by reason.
        payload: The record's data, or a tick block of the refused rows in stream order.
    """

    kind: Literal["record", "rows"]
    shard: str
    sequence: int
    partition_key: str
    reasons: Mapping[str, Any]
    payload: bytes

    @classmethod
    def record(cls, record: StreamRecord, error: DaymarkError) -> Quarantined:
        """A record that cannot be read, for the error that says why."""
        reasons = {"code": error.code, "message": error.message, "field": error.field}
        return cls("record", record.shard, record.sequence, record.partition_key, reasons, record.content)

    @classmethod
    def rows(cls, record: StreamRecord, reasons: Mapping[str, list[int]], block: bytes) -> Quarantined:
        """Rows of a record, by reason."""
        return cls("rows", record.shard, record.sequence, record.partition_key, reasons, block)

    def encode(self) -> bytes:
        """The object's content; equal entries give equal bytes."""
        document = {
            "version": _VERSION,
            "kind": self.kind,
            "shard": self.shard,
            "sequence": str(self.sequence),
            # Half a surrogate pair is no text that could be written; a refused record must not be refused here again.
            "partition_key": self.partition_key.encode("utf-8", "backslashreplace").decode("utf-8"),
            "reasons": dict(self.reasons),
            "payload": base64.b64encode(self.payload).decode("ascii"),
        }
        return canonical_json(document).encode("utf-8")

    @classmethod
    def decode(cls, content: bytes) -> Quarantined:
        """The entry of an object.

        Raises:
            InvalidInput: the content is no such object of a known version.
        """
        try:
            document = json.loads(content)
            known = set(document) == _FIELDS and document["version"] == _VERSION and document["kind"] in ("record", "rows")
            sequence, payload = int(document["sequence"]), base64.b64decode(document["payload"], validate=True)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise InvalidInput(f"no quarantined entry: {error}", field="content") from None
        if not known:
            raise InvalidInput(f"no quarantined entry of version {_VERSION}", field="content")
        return cls(document["kind"], document["shard"], sequence, document["partition_key"], document["reasons"], payload)
