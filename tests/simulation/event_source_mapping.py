"""AWS's rules for Kinesis and Lambda: which records a function is handed, and what becomes of them after its answer.

Sources: AWS Lambda developer guide, "Using AWS Lambda with Amazon Kinesis", "Reporting batch item failures", "Retaining discarded batch
records"; Kinesis developer guide, "Resharding a stream". Time is virtual: one unit an invocation.
"""

from __future__ import annotations

import base64
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Throttled(Exception):
    """The function was not invoked: no concurrency was left. This is no try."""


@dataclass(frozen=True)
class Sent:
    """A record on a shard."""

    sequence: int
    partition_key: str
    content: bytes
    at: int = 0
    arrived: float = 1607497475.0


@dataclass
class Shard:
    """A shard; its records are read when those of its parents have been."""

    shard_id: str
    parents: tuple[Shard, ...] = ()
    records: list[Sent] = field(default_factory=list)


@dataclass(frozen=True)
class Settings:
    """An event source mapping's settings; -1 is "for ever"."""

    batch_size: int = 100
    parallelisation: int = 1
    bisect: bool = False
    report_failures: bool = True
    max_retries: int = -1
    max_age: int = -1


@dataclass
class Batch:
    """Records that are handed over together, and how often that failed."""

    records: list[Sent]
    failures: int = 0


@dataclass
class Lane:
    """One ordered lane of a shard: with parallelisation, the records of some partition keys."""

    shard: Shard
    waiting: list[Sent]
    batches: list[Batch] = field(default_factory=list)
    token: int = 0

    @property
    def is_done(self) -> bool:
        return not self.waiting and not self.batches


@dataclass(frozen=True)
class Pointer:
    """What the on-failure destination receives: where the records stand, not the records."""

    shard_id: str
    first: int
    last: int
    size: int
    condition: str


def kinesis_event(shard_id: str, records: list[Sent]) -> dict[str, Any]:
    """The event document that Lambda hands over."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": record.partition_key,
                    "sequenceNumber": str(record.sequence),
                    "data": base64.b64encode(record.content).decode(),
                    "approximateArrivalTimestamp": record.arrived,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard_id}:{record.sequence}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "us-east-1",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/ticks",
            }
            for record in records
        ]
    }


def first_failed(answer: Any, records: list[Sent]) -> int | None:
    """Place of the record from which Lambda goes on, ``None`` when it takes all for done; 0 also when it understands no identifier."""
    if not isinstance(answer, dict):
        return None if answer is None else 0
    failures = answer.get("batchItemFailures")
    if not failures:
        return None
    places = {str(record.sequence): place for place, record in enumerate(records)}
    named = [places.get(item.get("itemIdentifier")) if isinstance(item, dict) else None for item in failures]
    return 0 if None in named else min(place for place in named if place is not None)


def names_all(answer: Any, records: list[Sent]) -> bool:
    """Whether every identifier of the answer is a record of the batch."""
    known = {str(record.sequence) for record in records}
    return all(isinstance(item, dict) and item.get("itemIdentifier") in known for item in answer["batchItemFailures"])


class EventSourceMapping:
    """A mapping at work on a stream.

    Args:
        shards: The stream, parents before children.
        settings: The mapping's.
        invoke: The function: takes an event document, answers, or raises.
        rng: Decides which lane comes next and how many records a batch has.

    Attributes:
        discarded: What the on-failure destination received.
        now: Virtual time.
        noted: Called with the name of every rule that was applied.
    """

    def __init__(self, shards: list[Shard], settings: Settings, invoke: Callable[[dict[str, Any]], Any], rng: random.Random) -> None:
        self.settings, self.invoke, self.rng = settings, invoke, rng
        self.lanes = [lane for shard in shards for lane in self._lanes_of(shard)]
        self.discarded: list[Pointer] = []
        self.now = 0
        self.noted: Callable[[str], None] = lambda _: None

    def _lanes_of(self, shard: Shard) -> list[Lane]:
        lanes: list[list[Sent]] = [[] for _ in range(self.settings.parallelisation)]
        for record in shard.records:
            lanes[zlib.crc32(record.partition_key.encode()) % len(lanes)].append(record)
        return [Lane(shard, records) for records in lanes]

    def ready(self) -> list[Lane]:
        """Lanes with work whose shard's parents have been read to their ends."""
        busy = {lane.shard.shard_id for lane in self.lanes if not lane.is_done}
        return [lane for lane in self.lanes if not lane.is_done and not any(self._is_open(parent, busy) for parent in lane.shard.parents)]

    def _is_open(self, shard: Shard, busy: set[str]) -> bool:
        return shard.shard_id in busy or any(self._is_open(parent, busy) for parent in shard.parents)

    def step(self, lane: Lane) -> None:
        """Hand the lane's next batch over once."""
        self.now += 1
        batch = self.current(lane)
        self._expire(lane, batch)
        if not batch.records:
            lane.batches.pop(0)
            return
        lane.token += 1
        token, answer, raised = lane.token, None, False
        records = list(batch.records)
        try:
            answer = self.invoke(kinesis_event(lane.shard.shard_id, records))
        except Throttled:
            return
        except Exception:
            raised = True
        if lane.token == token:
            self._answered(lane, batch, answer, raised)

    def current(self, lane: Lane) -> Batch:
        """The batch that is to be handed over, polled now if none waits."""
        if not lane.batches:
            size = self.rng.randint(1, self.settings.batch_size)
            lane.batches.append(Batch(lane.waiting[:size]))
            del lane.waiting[:size]
        return lane.batches[0]

    def time_out(self, lane: Lane) -> None:
        """The invocation under way has taken too long: it counts as raised, and nobody listens to it any more."""
        lane.token += 1
        self._answered(lane, lane.batches[0], None, raised=True)

    def _expire(self, lane: Lane, batch: Batch) -> None:
        if self.settings.max_age >= 0:
            old = [record for record in batch.records if self.now - record.at > self.settings.max_age]
            if old:
                self._discard(lane, old, "RecordAgeExceeded")
                batch.records = [record for record in batch.records if record not in old]

    def _answered(self, lane: Lane, batch: Batch, answer: Any, raised: bool) -> None:
        place = 0
        if not raised:
            found = first_failed(answer, batch.records) if self.settings.report_failures else None
            if found is None:
                lane.batches.pop(0)
                return
            place, raised = found, not names_all(answer, batch.records) if isinstance(answer, dict) else True
        if raised and self.settings.bisect and len(batch.records) > 1:
            self.noted("bisected")
            half = len(batch.records) // 2
            lane.batches[:1] = [Batch(batch.records[:half], batch.failures), Batch(batch.records[half:], batch.failures)]
            return
        if place:
            self.noted("partly done")
            batch.records, batch.failures = batch.records[place:], 0
        batch.failures += 1
        if 0 <= self.settings.max_retries < batch.failures:
            self._discard(lane, batch.records, "RetryAttemptsExhausted")
            lane.batches.pop(0)

    def _discard(self, lane: Lane, records: list[Sent], condition: str) -> None:
        self.noted("discarded")
        self.discarded.append(Pointer(lane.shard.shard_id, records[0].sequence, records[-1].sequence, len(records), condition))
