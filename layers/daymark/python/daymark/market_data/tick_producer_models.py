"""What a tick producer may use, what became of what it was given, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from daymark.core.errors import InvalidInput
from daymark.market_data.tick_ports import MAX_RECORD_BYTES, PutRecord


class Overload(StrEnum):
    """What an offer meets when too much is waiting."""

    BLOCK = "block"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class ProducerLimits:
    """The producer's limits.

    Attributes:
        groups: Partition keys that the symbols are spread over; several for each shard.
        block_bytes: Size of a record aimed at.
        block_rows: The most rows of a record.
        linger_seconds: How long a row may wait for others.
        waiting_bytes: The most memory of rows and records that have not left.
        overload: What an offer meets when there is no room.
        patience_seconds: How long an offer blocks for room, and a close tries to send.
        retry_base_seconds: Bound of a record's first wait after a failure; it doubles with each.
        retry_cap_seconds: Largest bound.
    """

    groups: int = 64
    block_bytes: int = 512 << 10
    block_rows: int = 65_536
    linger_seconds: float = 0.25
    waiting_bytes: int = 64 << 20
    overload: Overload = Overload.BLOCK
    patience_seconds: float = 30.0
    retry_base_seconds: float = 0.05
    retry_cap_seconds: float = 2.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, Overload) and not value > 0:
                raise InvalidInput(f"{each.name} must be above zero, got {value}", field=each.name)
        if self.block_bytes > MAX_RECORD_BYTES:
            raise InvalidInput(f"block_bytes must be at most {MAX_RECORD_BYTES}, got {self.block_bytes}", field="block_bytes")


@dataclass(frozen=True, slots=True)
class ProducerCounts:
    """What became of everything; ``rows_offered = rows_refused + rows_sent + rows_waiting + rows_given_up``, and so for records.

    Attributes:
        rows_offered: Rows handed in, each time anew when they were refused before.
        rows_refused: Of offers that were not taken.
        records_sealed: Blocks made; ``records_sent + records_waiting + records_given_up``.
        records_sent: Taken by the stream, each counted once.
        records_given_up: Not known to stand in the stream when the producer was closed.
        bytes_sent: Data and keys of the records sent.
        calls: Calls made, answered or not.
        calls_failed: Calls without an answer; the stream may have taken their records.
        records_retried: Records that had to be sent again.
    """

    rows_offered: int = 0
    rows_refused: int = 0
    rows_sent: int = 0
    rows_waiting: int = 0
    rows_given_up: int = 0
    records_sealed: int = 0
    records_sent: int = 0
    records_waiting: int = 0
    records_given_up: int = 0
    bytes_sent: int = 0
    calls: int = 0
    calls_failed: int = 0
    records_retried: int = 0


@dataclass(frozen=True, slots=True)
class ProducerClosed:
    """The end of a producer: final counts, and the records that were given up, in the order of each key."""

    counts: ProducerCounts
    given_up: tuple[PutRecord, ...]
