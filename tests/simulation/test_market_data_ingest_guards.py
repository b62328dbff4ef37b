"""No guard of the ingest is idle: with any one of them switched off, some seed within 200 breaks a rule the witness knows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.contracts import block_envelope
from daymark.contracts.stream_records import StreamRecord
from daymark.core.errors import DaymarkError, InvalidInput, Unavailable
from daymark.market_data import ingest, stream_lanes
from daymark.market_data.ingest import Ingest
from daymark.market_data.ingest_lane import Lane
from daymark.market_data.stream_ports import LatestQuotes
from daymark.market_data.tick_gate import TickGate
from daymark.market_data.tick_rules import ANY_TIME, TickRules
from tests.simulation import market_data_ticks
from tests.simulation.market_data_witness import check
from tests.simulation.market_data_world import Guards, Weather, World
from tests.simulation.witness import Violation

pytestmark = pytest.mark.usefixtures("quiet_log", "quick_codecs")

SEEDS = 200


class AnyVersionReplaces(MemoryLaneSnapshots):
    """A snapshot replaces whatever stands."""

    def save(self, name, content, replaces):
        return super().save(name, content, self.version(name))


class LastWriterWins(MemoryHotQuotes):
    """Hot quotes are replaced whatever their time."""

    def merge(self, latest):
        for symbol in latest.symbols:
            self._quotes.pop(symbol, None)
            self._trades.pop(symbol, None)
        return super().merge(latest)


def patched(target, name, value):
    return lambda patch: patch.setattr(target, name, value)


def snapshot_first(patch):
    """The snapshot is saved before what it covers is published."""

    def commit(worker):
        lanes = [lane for lane in worker._lanes.values() if lane.is_dirty]
        changed = [latest for lane in lanes if (latest := lane.latest()) is not None]
        blocks = [(block.bucket, ingest.encode_quotes(block)) for lane in lanes for block in lane.quote_blocks()]
        for lane in lanes:
            worker._save(lane)
        if changed:
            worker.outlets.hot.merge(LatestQuotes.concatenate(changed))
        if blocks:
            worker.outlets.quotes.put(blocks)

    patch.setattr(Ingest, "commit", commit)


def objects_last(patch):
    """A batch's objects are put after its last snapshot."""
    true_keep, true_take = Ingest._keep, Ingest.take

    def take(worker, records):
        kept = worker.__dict__["kept"] = []
        answer = true_take(worker, records)
        if not answer["batchItemFailures"]:
            with suppress(Unavailable):
                for arguments in kept:
                    true_keep(worker, *arguments)
        return answer

    patch.setattr(Ingest, "_keep", lambda worker, *arguments: worker.__dict__["kept"].append(arguments))
    patch.setattr(Ingest, "take", take)


def poison_fails(patch):
    true = Ingest._read

    def read(worker, record):
        try:
            return true(worker, record)
        except InvalidInput as error:
            raise DaymarkError(error.message) from error

    patch.setattr(Ingest, "_read", read)


def without_checksum(patch):
    patch.setattr(market_data_ticks, "POISON", ("flipped bit",))
    patch.setattr(block_envelope, "zlib", SimpleNamespace(crc32=lambda *_: 0))


def without_identity_of_the_block(patch):
    def read(worker, record):
        return ingest.decode_block(record.content, max_rows=worker.session.max_rows, max_bytes=worker.session.max_bytes)

    patch.setattr(Ingest, "_read", read)


def unlimited(patch):
    patch.setattr(market_data_ticks, "POISON", ("too many rows",))
    true = Ingest._read

    def read(worker, record):
        return true(SimpleNamespace(session=replace(worker.session, max_rows=1 << 20)), record)

    patch.setattr(Ingest, "_read", read)


def misspelt(patch):
    true = stream_lanes.batch_answer
    patch.setattr(
        stream_lanes, "batch_answer", lambda failed: true(None) if failed is None else {"batchItemFailure": [str(failed.sequence)]}
    )


def misspelt_and_unchecked(patch):
    misspelt(patch)
    patch.setattr(stream_lanes, "check_answer", lambda *_: None)


def hidden_failure_unchecked(patch):
    true = stream_lanes.batch_answer
    patch.setattr(stream_lanes, "batch_answer", lambda _: true(None))
    patch.setattr(stream_lanes, "check_answer", lambda *_: None)


class KeepsAll(dict):
    """Lanes that nobody can forget."""

    def clear(self):
        return


def memory_outlives_failure(patch):
    true = Ingest.__init__

    def build(worker, *arguments):
        true(worker, *arguments)
        worker._lanes = KeepsAll()

    patch.setattr(Ingest, "__init__", build)


def memory_outlives_others(patch):
    true = Ingest._refresh

    def refresh(worker, records):
        true(worker, [record for record in records if record.lane not in worker._lanes])

    patch.setattr(Ingest, "_refresh", refresh)


def any_sequence_is_fresh(gate, sequence, key):
    return np.ones(len(key), np.bool_)


GUARDS = {
    "position": patched(Lane, "is_repeat", lambda *_: False),
    "positions compared as numbers": patched(Lane, "is_repeat", lambda lane, sequence: str(sequence) <= str(lane.position)),
    "state by partition key": patched(StreamRecord, "lane", property(lambda record: record.shard)),
    "publish before snapshot": snapshot_first,
    "objects before snapshot": objects_last,
    "poison is set aside": poison_fails,
    "checksum of a block": without_checksum,
    "session and label of a block": without_identity_of_the_block,
    "limit of rows": unlimited,
    "check of the answer": misspelt_and_unchecked,
    "failure is answered": hidden_failure_unchecked,
    "answer names the first open record": patched(Ingest, "_first_open", lambda _, records: records[-1]),
    "memory dies with a failure": memory_outlives_failure,
    "snapshot is read anew": memory_outlives_others,
    "snapshot replaces its own version": Guards(snapshots=AnyVersionReplaces),
    "hot quotes by time": Guards(hot=LastWriterWins),
    "clock of the stream": patched(TickRules, "received_by", lambda *_: ANY_TIME),
    "repeated rows": patched(TickGate, "_is_fresh", any_sequence_is_fresh),
}

OF_POISON = (poison_fails, without_checksum, without_identity_of_the_block, unlimited)
STORM = Weather(ports=0.05, kill=0.05, race=0.1, delivery=0.3, until=100)


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_switched_off_is_noticed(name, monkeypatch):
    guard, weakened = GUARDS[name], Guards()
    if isinstance(guard, Guards):
        weakened = guard
    else:
        guard(monkeypatch)
    for seed in range(SEEDS):
        try:
            check(World(seed, weakened, weather=STORM, poison=0.25 if guard in OF_POISON else 0.02).run())
        except (Violation, DaymarkError):
            return
    pytest.fail(f"{name}: {SEEDS} seeds without it and nobody noticed")


def test_a_misspelt_answer_that_is_checked_loses_nothing(monkeypatch):
    """The check turns it into a failed invocation, and the batch comes again."""
    misspelt(monkeypatch)
    for seed in range(5):
        check(World(seed, tolerant=True).run())
