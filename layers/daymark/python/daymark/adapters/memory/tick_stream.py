"""A tick stream in memory, bounded, with shards like the real one; it can throttle, fail in part and lose answers when asked to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from daymark.core.errors import InvalidInput, NotFound, Unavailable
from daymark.market_data.tick_ports import PutRecord, PutResult, check_call
from daymark.market_data.tick_shards import shard_of

THROTTLED = "ProvisionedThroughputExceededException"
FAILED = "InternalFailure"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a reader finds it."""

    sequence_number: str
    partition_key: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StreamFaults:
    """How often the stream misbehaves, as probabilities.

    Attributes:
        throttled: A record is refused because its shard is busy.
        failed: A record is refused for a fault of the service.
        refused: A call is not taken at all.
        unanswered: A call is taken as usual, and its answer lost.
    """

    throttled: float = 0.0
    failed: float = 0.0
    refused: float = 0.0
    unanswered: float = 0.0

    def __post_init__(self) -> None:
        for name in ("throttled", "failed", "refused", "unanswered"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(f"{name} must be a probability, got {getattr(self, name)}", field=name)


class MemoryTickStream:
    """Implements ``TickStream``.

    Args:
        shards: How many shards there are; a key belongs to one by its hash.
        capacity_bytes: What one shard holds until :meth:`trim`; beyond that it throttles.
        faults: How it misbehaves; may be replaced at any time.
        uniform: Draws from ``[0, 1)`` that decide about faults; needed only where there are some.
    """

    def __init__(
        self,
        shards: int = 4,
        capacity_bytes: int = 256 << 20,
        faults: StreamFaults | None = None,
        uniform: Callable[[], float] | None = None,
    ) -> None:
        self.faults = faults or StreamFaults()
        self._uniform = uniform or (lambda: 1.0)
        self._capacity = capacity_bytes
        self._shards: dict[str, list[StoredRecord]] = {f"shardId-{number:012d}": [] for number in range(shards)}
        self._held = dict.fromkeys(self._shards, 0)
        self._sequence = 0

    @property
    def shard_ids(self) -> tuple[str, ...]:
        """The shards, in the order of their hash ranges."""
        return tuple(self._shards)

    def put(self, records: Sequence[PutRecord]) -> Sequence[PutResult]:
        """See ``TickStream.put``."""
        check_call(records)
        if self._happens(self.faults.refused):
            raise Unavailable("putting records: the call was throttled")
        results = [self._put(record) for record in records]
        if self._happens(self.faults.unanswered):
            raise Unavailable("putting records: no answer")
        return results

    def records(self, shard_id: str, after: str = "") -> Sequence[StoredRecord]:
        """A shard's records behind a sequence number, oldest first; all of them if none is given.

        Raises:
            NotFound: no such shard.
        """
        stored = self._shard(shard_id)
        return [record for record in stored if not after or int(record.sequence_number) > int(after)]

    def trim(self, shard_id: str, through: str) -> None:
        """Forget a shard's records up to a sequence number, so that there is room for others.

        Raises:
            NotFound: no such shard.
        """
        stored = self._shard(shard_id)
        self._shards[shard_id] = [record for record in stored if int(record.sequence_number) > int(through)]
        self._held[shard_id] = sum(len(record.data) for record in self._shards[shard_id])

    def _put(self, record: PutRecord) -> PutResult:
        shard_id = self.shard_ids[shard_of(record.partition_key, len(self._shards))]
        if self._happens(self.faults.throttled) or self._held[shard_id] + len(record.data) > self._capacity:
            return PutResult(error_code=THROTTLED)
        if self._happens(self.faults.failed):
            return PutResult(error_code=FAILED)
        self._sequence += 1
        # Without leading zeros: whoever compares them as text goes wrong here too.
        number = str(self._sequence)
        self._shards[shard_id].append(StoredRecord(number, record.partition_key, bytes(record.data)))
        self._held[shard_id] += len(record.data)
        return PutResult(number, shard_id)

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._uniform() < probability

    def _shard(self, shard_id: str) -> list[StoredRecord]:
        if shard_id not in self._shards:
            raise NotFound(f"no shard {shard_id}", field="shard_id")
        return self._shards[shard_id]
