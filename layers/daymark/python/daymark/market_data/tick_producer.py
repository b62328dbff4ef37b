"""The tick producer: whatever it has taken is sent at least once, each symbol's rows in their order, or told as given up at the end.

A call holds one record of a partition key at most, because the stream may refuse a record and take a later one of the same call. A key
whose record failed waits until that record is in; other keys go on. When an answer is lost, the same records are sent again: readers
see them twice, in their order.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import date

from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.contracts.ticks import Ticks
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.core.retry import full_jitter
from daymark.market_data.tick_lanes import ROW_BYTES, BlockSealer, TickLane
from daymark.market_data.tick_ports import MAX_CALL_BYTES, MAX_CALL_RECORDS, MAX_RECORD_BYTES, TickStream
from daymark.market_data.tick_producer_models import Overload, ProducerClosed, ProducerCounts, ProducerLimits
from daymark.market_data.tick_shards import TickShards

_SHORTEST_WAIT = 0.001


class TickProducer:
    """Sends one session's ticks into a stream. One thread uses it; nothing happens but inside its calls.

    Args:
        stream: Where records go.
        symbols: The table that numbers the rows; every block carries it.
        session_date: The session of all rows.
        synthetic: Whether no market made them.
        limits: See :class:`ProducerLimits`.
        monotonic: Tells seconds that never run back.
        sleep: Waits so many seconds.
        uniform: Draws from ``[0, 1)`` that spread the retries.

    Raises:
        InvalidInput: the symbols alone would fill a record.
    """

    def __init__(
        self,
        stream: TickStream,
        symbols: SymbolTable,
        session_date: date,
        *,
        synthetic: bool,
        limits: ProducerLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._stream, self._limits = stream, limits or ProducerLimits()
        self._monotonic, self._sleep, self._uniform = monotonic, sleep, uniform

        def encode(ticks: Ticks) -> bytes:
            return encode_block(TickBlock(ticks, symbols, session_date, synthetic))

        if len(encode(Ticks.empty())) > MAX_RECORD_BYTES // 2:
            raise InvalidInput(f"{len(symbols)} symbols are too many to travel in every record", field="symbols")
        self._sealer = BlockSealer(encode, self._limits.block_bytes, self._limits.block_rows)
        self._shards = TickShards(symbols, self._limits.groups)
        self._lanes: dict[str, TickLane] = {}
        self._offered = self._refused = self._rows_sent = self._records_sent = self._bytes_sent = 0
        self._calls = self._calls_failed = self._retried = 0
        self._closed: ProducerClosed | None = None

    @property
    def counts(self) -> ProducerCounts:
        """What has become of everything so far."""
        return self._counted(ended=self._closed is not None)

    def offer(self, ticks: Ticks) -> None:
        """Take rows to be sent behind all rows offered before; whatever is due is sent first.

        Args:
            ticks: In any order of symbols; each symbol's rows in the order in which they are to be read.

        Raises:
            Unavailable: there is no room, at once or after the patience; nothing of these rows was taken, offer them again later.
            InvalidInput: more rows than there would ever be room for, or a symbol that is not in the table; nothing was taken.
            Conflict: the producer is closed.
        """
        if self._closed:
            raise Conflict("the producer is closed", field="ticks")
        parts = list(self._shards.split(ticks))
        self._offered += len(ticks)
        try:
            self.poll()
            self._make_room(len(ticks) * ROW_BYTES)
        except BaseException:
            self._refused += len(ticks)
            raise
        now = self._monotonic()
        for key, part in parts:
            lane = self._lanes.setdefault(key, TickLane(key))
            lane.append(part, now)
            lane.seal(self._sealer, everything=False)

    def poll(self) -> None:
        """Send what is due: full records, and rows that have waited long enough. To be called at least as often as rows may linger.

        A record that fails is left for a later call.
        """
        now = self._monotonic()
        for lane in self._lanes.values():
            lane.seal(self._sealer, everything=now - lane.since >= self._limits.linger_seconds)
        self._send()

    def close(self, patience_seconds: float | None = None) -> ProducerClosed:
        """Send everything, for as long as the patience lasts; what is left then is given up and handed back. Again: the same answer.

        A record given up after a lost answer may yet stand in the stream.
        """
        if self._closed is None:
            patience = self._limits.patience_seconds if patience_seconds is None else patience_seconds
            deadline = self._monotonic() + patience
            self._seal_everything()
            self._send()
            while self._waiting_lanes() and self._wait_until(deadline):
                self._send()
            given_up = tuple(item.record for lane in self._lanes.values() for item in lane.sealed)
            self._closed = ProducerClosed(self._counted(ended=True), given_up)
        return self._closed

    def _counted(self, *, ended: bool) -> ProducerCounts:
        rows = sum(lane.waiting_rows for lane in self._lanes.values())
        records = sum(len(lane.sealed) for lane in self._lanes.values())
        return ProducerCounts(
            rows_offered=self._offered,
            rows_refused=self._refused,
            rows_sent=self._rows_sent,
            rows_waiting=0 if ended else rows,
            rows_given_up=rows if ended else 0,
            records_sealed=self._sealer.sealed,
            records_sent=self._records_sent,
            records_waiting=0 if ended else records,
            records_given_up=records if ended else 0,
            bytes_sent=self._bytes_sent,
            calls=self._calls,
            calls_failed=self._calls_failed,
            records_retried=self._retried,
        )

    def _make_room(self, wanted: int) -> None:
        limit = self._limits.waiting_bytes
        if wanted > limit:
            raise InvalidInput(f"at most {limit // ROW_BYTES} rows can wait, offer fewer at once", field="ticks", limit=limit // ROW_BYTES)
        deadline = self._monotonic() + self._limits.patience_seconds
        while self._waiting_bytes() + wanted > limit:
            # Rows that wait for others to fill a record would never make room.
            self._seal_everything()
            self._send()
            if self._waiting_bytes() + wanted <= limit:
                return
            if self._limits.overload is Overload.REFUSE or not self._wait_until(deadline):
                raise Unavailable("too much is waiting to be sent", field="ticks", waiting_bytes=self._waiting_bytes())

    def _send(self) -> None:
        """Send all that may go now; a key that fails is not tried again in here."""
        failed: set[str] = set()
        while batch := self._batch(failed):
            self._calls += 1
            try:
                results = self._stream.put([lane.sealed[0].record for lane in batch])
                taken = [result.is_taken for result in results]
            except Unavailable:
                self._calls_failed += 1
                taken = [False] * len(batch)
            for lane, is_taken in zip(batch, taken, strict=True):
                if is_taken:
                    self._count(lane)
                else:
                    self._put_off(lane)
                    failed.add(lane.key)

    def _batch(self, failed: set[str]) -> list[TickLane]:
        """The oldest head of each key that may go, as many as one call holds."""
        now = self._monotonic()
        ready = [lane for lane in self._waiting_lanes() if lane.not_before <= now and lane.key not in failed]
        batch: list[TickLane] = []
        room = MAX_CALL_BYTES
        for lane in sorted(ready, key=lambda lane: lane.sealed[0].ordinal)[:MAX_CALL_RECORDS]:
            room -= lane.sealed[0].record.size
            if room < 0:
                break
            batch.append(lane)
        return batch

    def _count(self, lane: TickLane) -> None:
        item = lane.has_left()
        self._rows_sent += item.rows
        self._records_sent += 1
        self._bytes_sent += item.record.size

    def _put_off(self, lane: TickLane) -> None:
        lane.retries += 1
        self._retried += lane.retries == 1
        limits = self._limits
        wait = full_jitter(limits.retry_base_seconds, limits.retry_cap_seconds, lane.retries, self._uniform)
        lane.not_before = self._monotonic() + wait

    def _wait_until(self, deadline: float) -> bool:
        """Sleep until a key may be tried again; ``False`` when the deadline is over."""
        now = self._monotonic()
        if now >= deadline:
            return False
        soonest = min((lane.not_before for lane in self._waiting_lanes()), default=now)
        self._sleep(min(max(soonest - now, _SHORTEST_WAIT), deadline - now))
        return True

    def _seal_everything(self) -> None:
        for lane in self._lanes.values():
            lane.seal(self._sealer, everything=True)

    def _waiting_lanes(self) -> list[TickLane]:
        return [lane for lane in self._lanes.values() if lane.sealed]

    def _waiting_bytes(self) -> int:
        return sum(lane.waiting_bytes for lane in self._lanes.values())
