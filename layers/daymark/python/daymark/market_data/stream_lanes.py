"""Ordered lanes over a stream: every record takes effect once and in its key's order, whatever comes twice, fails or dies on the way.

The lanes of a batch are first brought to the snapshots that stand. Then records are taken by number, one at or below its lane's position
being a repeat; after so many records, and at the end, every lane that went on is saved in place of the version it was made from. When
something does not answer, memory may be ahead of what stands: it is forgotten, and the answer names the first record that no stored
snapshot covers. So what an answer confirms is always covered by a snapshot.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from daymark.contracts.stream_records import StreamRecord, batch_answer, check_answer
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.market_data.stream_ports import LaneSnapshots

_log = logging.getLogger(__name__)


class StreamLane(Protocol):
    """The state of one partition key, as far as its order is concerned."""

    @property
    def name(self) -> str:
        """The lane's name, by which records find it."""
        ...

    @property
    def committed(self) -> int:
        """Position that the stored snapshot has, -1 without one."""
        ...

    @property
    def version(self) -> str | None:
        """Of the stored snapshot, ``None`` without one."""
        ...

    @property
    def is_dirty(self) -> bool:
        """Whether there is something to save."""
        ...

    def is_repeat(self, sequence: int) -> bool:
        """Whether the record has been taken before."""
        ...

    def settle(self, version: str) -> None:
        """What has been taken so far stands in the snapshot of this version."""
        ...


L = TypeVar("L", bound=StreamLane)


class StreamLanes(ABC, Generic[L]):
    """A worker on a stream. Any number of them may run beside and after one another, each with an object of its own.

    Args:
        snapshots: Where lanes are saved.
        snapshot_every: After how many records they are saved at the latest, besides at the end of every batch.

    Attributes:
        repeats: Records that this worker recognised as taken before.

    Raises:
        InvalidInput: ``snapshot_every`` is below 1.
    """

    def __init__(self, snapshots: LaneSnapshots, snapshot_every: int) -> None:
        if snapshot_every < 1:
            raise InvalidInput(f"snapshot_every must be at least 1, got {snapshot_every}", field="snapshot_every")
        self.snapshots, self.snapshot_every = snapshots, snapshot_every
        self.repeats = 0
        self._lanes: dict[str, L] = {}

    def take(self, records: Sequence[StreamRecord]) -> Mapping[str, Any]:
        """Take a batch and answer for it.

        Args:
            records: The batch; records are taken by rising sequence number.

        Returns:
            Lambda's partial-batch answer: no failure, or the first record that no snapshot covers because something did not answer.

        Raises:
            Conflict: an object of other content stands under a record's key; the state is as the last snapshot says.
        """
        ordered = sorted(records, key=lambda record: record.sequence)
        failed: StreamRecord | None = None
        try:
            self._refresh(ordered)
            for number, record in enumerate(ordered, 1):
                lane = self._lanes[record.lane]
                if lane.is_repeat(record.sequence):
                    self.repeats += 1
                else:
                    self._take(lane, record)
                if number % self.snapshot_every == 0:
                    self.commit()
            self.commit()
        except Unavailable as lost:
            failed = self._first_open(ordered)
            # What memory holds may be ahead of what stands: the next call begins from the snapshots.
            self._lanes.clear()
            _log.warning("a batch of %d records comes again from record %s: %s", len(ordered), failed and failed.sequence, lost.message)
        except BaseException:
            self._lanes.clear()
            raise
        answer = batch_answer(failed)
        check_answer(answer, ordered, failed is not None)
        return answer

    def commit(self) -> None:
        """Save every lane that went on.

        Raises:
            Unavailable: something did not answer, or another worker went on with a lane; the lanes must be read anew.
        """
        for lane in self._lanes.values():
            if lane.is_dirty:
                self._save(lane)

    def _save(self, lane: L) -> None:
        try:
            version = self.snapshots.save(self._snapshot_name(lane.name), self._encode(lane), lane.version)
        except Conflict as raced:
            raise Unavailable(f"another worker went on with lane {lane.name}") from raced
        lane.settle(version)

    def _refresh(self, records: Sequence[StreamRecord]) -> None:
        """Bring every lane of the batch to the snapshot that stands: another worker may have gone on since."""
        for record in {record.lane: record for record in records}.values():
            name, held = self._snapshot_name(record.lane), self._lanes.get(record.lane)
            if held is None or held.version != self.snapshots.version(name):
                self._lanes[record.lane] = self._open(record, self.snapshots.load(name))

    def _first_open(self, records: Sequence[StreamRecord]) -> StreamRecord | None:
        """The first record that no stored snapshot covers."""
        for record in records:
            lane = self._lanes.get(record.lane)
            if lane is None or record.sequence > lane.committed:
                return record
        return None

    @abstractmethod
    def _snapshot_name(self, lane: str) -> str:
        """The name under which a lane is saved."""

    @abstractmethod
    def _open(self, record: StreamRecord, stored: tuple[bytes, str] | None) -> L:
        """The record's lane in the state that the stored snapshot holds, or as it begins."""

    @abstractmethod
    def _encode(self, lane: L) -> bytes:
        """The lane's snapshot."""

    @abstractmethod
    def _take(self, lane: L, record: StreamRecord) -> None:
        """Take a record that the lane has not taken yet, whatever it holds, and advance the lane to it."""
