"""Tick lanes: the rows of one partition key on their way, first as rows, then sealed as records that leave one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.market_data.tick_ports import MAX_RECORD_BYTES, PutRecord

ROW_BYTES = sum(dtype.itemsize for dtype in COLUMNS.values())
_FIRST_GUESS_BYTES = 16.0
# Smaller blocks say little about how densely rows pack: their header weighs too much.
_TELLING_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class SealedRows:
    """A record ready to leave; ``ordinal`` tells which of a producer's records was sealed first."""

    record: PutRecord
    rows: int
    ordinal: int


class BlockSealer:
    """Seals rows into records of about a target size, learning from each how densely rows pack.

    Args:
        encode: Makes a record's data of rows.
        target_bytes: Size aimed at; no record passes the stream's limit, whatever the rows.
        most_rows: The most rows of one record.
    """

    def __init__(self, encode: Callable[[Ticks], bytes], target_bytes: int, most_rows: int) -> None:
        self._encode, self._target_bytes, self._most_rows = encode, target_bytes, most_rows
        self._bytes_per_row = _FIRST_GUESS_BYTES
        self.sealed = 0

    @property
    def full_rows(self) -> int:
        """How many rows should fill a record now."""
        return max(1, min(self._most_rows, int(self._target_bytes / self._bytes_per_row)))

    def seal(self, key: str, ticks: Ticks) -> Iterator[SealedRows]:
        """One record of these rows, or several in their order when one would be too large."""
        data = self._encode(ticks)
        if len(data) + len(key) > MAX_RECORD_BYTES and len(ticks) > 1:
            half = len(ticks) // 2
            yield from self.seal(key, ticks.take(slice(0, half)))
            yield from self.seal(key, ticks.take(slice(half, None)))
            return
        if len(ticks) >= _TELLING_ROWS:
            self._bytes_per_row = len(data) / len(ticks)
        self.sealed += 1
        yield SealedRows(PutRecord(key, data), len(ticks), self.sealed)


@dataclass(slots=True)
class TickLane:
    """One partition key's queue: open rows behind sealed records.

    Attributes:
        key: The partition key.
        since: When the oldest open row came, in the producer's seconds.
        retries: How often the head has failed.
        not_before: When the head may be sent.
    """

    key: str
    sealed: deque[SealedRows] = field(default_factory=deque)
    since: float = 0.0
    retries: int = 0
    not_before: float = 0.0
    open_rows: int = 0
    _parts: list[Ticks] = field(default_factory=list)

    @property
    def waiting_rows(self) -> int:
        """Rows that have not left, open and sealed."""
        return self.open_rows + sum(item.rows for item in self.sealed)

    @property
    def waiting_bytes(self) -> int:
        """Memory of what has not left."""
        return self.open_rows * ROW_BYTES + sum(item.record.size for item in self.sealed)

    def append(self, ticks: Ticks, now: float) -> None:
        """Take rows behind all others."""
        if not self._parts:
            self.since = now
        self._parts.append(ticks)
        self.open_rows += len(ticks)

    def seal(self, sealer: BlockSealer, *, everything: bool) -> None:
        """Seal as many full records as the open rows make; with ``everything`` the rest too."""
        if self.open_rows < (1 if everything else sealer.full_rows):
            return
        ticks, place = Ticks.concatenate(self._parts), 0
        sealed: list[SealedRows] = []
        while place < len(ticks) and (everything or len(ticks) - place >= sealer.full_rows):
            end = place + sealer.full_rows
            sealed += sealer.seal(self.key, ticks.take(slice(place, end)))
            place = min(end, len(ticks))
        rest = ticks.take(slice(place, None))
        self._parts = [rest] if len(rest) else []
        self.open_rows = len(rest)
        self.sealed.extend(sealed)

    def has_left(self) -> SealedRows:
        """The head has been taken by the stream: the next one may go."""
        self.retries, self.not_before = 0, 0.0
        return self.sealed.popleft()
