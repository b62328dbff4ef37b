"""What the tick producer needs from the outside: a stream of records, ordered by partition key as Kinesis Data Streams is.

Limits: a record has at most 1 MiB, its key counted (the stream's default); a call at most 500 records, and 5 MiB by our own rule (Kinesis
takes 10 MiB), so that one call does not spend what five shards take in a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from daymark.core.errors import InvalidInput

MAX_RECORD_BYTES = 1 << 20
MAX_CALL_BYTES = 5 << 20
MAX_CALL_RECORDS = 500
MAX_KEY_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class PutRecord:
    """One record to put.

    Raises:
        InvalidInput: no key or one of more than 256 characters, no data, or more than 1 MiB of both.
    """

    partition_key: str
    data: bytes

    def __post_init__(self) -> None:
        if not 0 < len(self.partition_key) <= MAX_KEY_CHARACTERS:
            raise InvalidInput(f"a partition key has 1 to {MAX_KEY_CHARACTERS} characters", field="partition_key")
        if not self.data:
            raise InvalidInput("a record must hold data", field="data")
        if self.size > MAX_RECORD_BYTES:
            raise InvalidInput(f"a record has at most {MAX_RECORD_BYTES} bytes, got {self.size}", field="data", limit=MAX_RECORD_BYTES)

    @property
    def size(self) -> int:
        """Bytes as the stream counts them: data and key."""
        return len(self.data) + len(self.partition_key.encode())


@dataclass(frozen=True, slots=True)
class PutResult:
    """What became of one record: where it stands, or the code of the error that kept it out.

    Attributes:
        sequence_number: Decimal digits; compared as numbers, never as text. Empty when the record was not taken.
        shard_id: Empty when the record was not taken.
        error_code: Empty when the record was taken.
    """

    sequence_number: str = ""
    shard_id: str = ""
    error_code: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the record stands in the stream."""
        return not self.error_code


class TickStream(Protocol):
    """A stream of records; those of one partition key stand in the order in which they were taken."""

    def put(self, records: Sequence[PutRecord]) -> Sequence[PutResult]:
        """Put up to 500 records; each is taken or refused by itself, so a later one may be taken where an earlier one was not.

        Returns:
            One result for each record, in their order.

        Raises:
            InvalidInput: no record, more than 500, or more than 5 MiB.
            Unavailable: no usable answer; any of the records may stand in the stream or not.
        """
        ...


def check_call(records: Sequence[PutRecord]) -> None:
    """Refuse what no call may hold.

    Raises:
        InvalidInput: no record, more than 500, or more than 5 MiB.
    """
    if not 0 < len(records) <= MAX_CALL_RECORDS:
        raise InvalidInput(f"a call puts 1 to {MAX_CALL_RECORDS} records, got {len(records)}", field="records", limit=MAX_CALL_RECORDS)
    size = sum(record.size for record in records)
    if size > MAX_CALL_BYTES:
        raise InvalidInput(f"a call puts at most {MAX_CALL_BYTES} bytes, got {size}", field="records", limit=MAX_CALL_BYTES)
