"""The production ingest under everything AWS can do to it: every row's fate is exact in every seed, and every fault was really injected."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.tick_blocks import decode_block
from daymark.market_data.ingest import Ingest, Outlets
from daymark.market_data.ingest_lane import Lane
from daymark.market_data.ingest_snapshots import restore_snapshot
from daymark.market_data.quarantine import Quarantined
from tests.simulation.event_source_mapping import EventSourceMapping
from tests.simulation.fault_table import FaultTable
from tests.simulation.market_data_ticks import DAY, KEYS, POISON, PUBLISHERS, SESSION, SYMBOLS, TickStream
from tests.simulation.market_data_witness import check
from tests.simulation.market_data_world import PORTS, World

pytestmark = pytest.mark.usefixtures("quiet_log", "quick_codecs")

# 1,600 seeds kill more than 10,000 workers.
SEEDS = int(os.environ.get("DAYMARK_SEEDS", "1600" if os.environ.get("DAYMARK_FULL") else "20"))
POISONED_RECORDS = 1_000_000 if os.environ.get("DAYMARK_FULL") else 500
CALLS = tuple(f"{port}.{method}" for port, methods in PORTS.items() for method in methods)
AT_A_CALL = ("throttled", "timed out after commit", "killed before", "killed after", "others first", "given up, lives on")
_ELSEWHERE = {
    **dict.fromkeys(("killed before", "killed after", "function throttled"), "handler"),
    "part of a call": "quotes.put",
    **dict.fromkeys(("delivered again", "bisected", "partly done", "discarded", "shard split", "shard merged"), "delivery"),
    **{f"poison: {kind}": "records" for kind in POISON},
}
FAULTS = FaultTable(AT_A_CALL, CALLS, _ELSEWHERE.items())


@pytest.mark.timeout(0)
@pytest.mark.every_shard
def test_every_row_has_its_fate_in_every_seed(tell, shard):
    seeds = shard.seeds(SEEDS)
    faults, kills, records, rows = Counter(), 0, 0, 0
    for seed in seeds:
        try:
            world = World(seed, faults=faults).run()
            check(world)
        except BaseException as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        kills += world.kills
        records += sum(len(shard.records) for shard in world.stream.keys.shards)
        rows += world.stream.fate.rows
    heading = f"{len(seeds)} seeds, {records} tick records, {rows} rows, {kills} workers killed; faults injected by kind and call:"
    tell(FAULTS.lines(heading, faults))
    assert set(faults) <= FAULTS.cells
    if len(seeds) >= 1000:
        assert not FAULTS.empty(faults)
        assert kills >= 6 * len(seeds)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("poison", [0.001, 0.01, 0.1])
def test_poison_is_set_aside_and_its_shard_goes_on(poison):
    """Good blocks come again and again under new numbers: their rows are taken once, and are repeats from then on."""
    stream = TickStream(random.Random(11), 60, 0.5, repeats=False)
    sent = [record for shard in stream.keys.shards for record in shard.records if record.partition_key == KEYS[0]]
    bad = [record.content for record in sent if record.sequence in stream.fate.poison]
    # A row of an unknown symbol or publisher is refused each time; these would only be slower.
    known = {(publisher, symbol) for publisher in PUBLISHERS for symbol in SYMBOLS[0::4]}
    good = [record for record in sent if record.sequence in stream.owners and {row[:2] for row in stream.owners[record.sequence]} <= known]
    choose, archive, quarantine, snapshots = random.Random(poison), MemoryObjects(), MemoryObjects(), MemoryLaneSnapshots()
    worker = Ingest(SESSION, Outlets(archive, quarantine, MemoryHotQuotes(), MemoryQuoteStream(), snapshots), snapshot_every=1000)
    expected, rows = {}, 0
    for first in range(1, POISONED_RECORDS + 1, 500):
        batch = []
        for sequence in range(first, first + 500):
            if choose.random() < poison:
                expected[sequence] = choose.choice(bad)
                batch.append(StreamRecord("shardId-0", sequence, KEYS[0], expected[sequence]))
            else:
                again = good[sequence % len(good)]
                rows += len(stream.owners[again.sequence])
                batch.append(StreamRecord("shardId-0", sequence, KEYS[0], again.content, arrived=again.arrived))
        assert worker.take(batch) == {"batchItemFailures": []}
    lane = Lane(SESSION, KEYS[0], KEYS[0])
    restore_snapshot(lane, *snapshots.load(f"{DAY}/{KEYS[0]}"))
    account = lane.account
    assert (account.records, account.refused_records, account.rows) == (POISONED_RECORDS, len(expected), rows)
    assert account.rows == account.applied + account.coalesced + account.quarantined + account.repeated
    assert account.applied + account.coalesced == sum(len(decode_block(archive.get(key)).ticks) for key in archive.keys("ticks/"))
    kept = {key for key in quarantine.keys("quarantine/") if b'"kind":"record"' in quarantine.get(key)}
    assert {int(key.rsplit("/", 1)[1]) for key in kept} == set(expected)
    entries = (Quarantined.decode(quarantine.get(key)) for key in kept)
    assert all(entry.payload == expected[entry.sequence] for entry in entries)


def test_same_seed_same_run():
    first, second = World(7).run(), World(7).run()
    assert first.quotes.blocks == second.quotes.blocks
    assert first.state_hash() == second.state_hash()
    assert first.faults == second.faults


@pytest.mark.parametrize("seed", range(3))
def test_the_whole_stream_again_changes_nothing(seed):
    """From its first record, as after a mapping was made anew at TRIM_HORIZON."""
    world = World(seed).run()
    assert not world.is_forgetful
    before = world.state_hash(), world.archive.keys(), world.quarantine.keys(), world.hot.read(("S00", "S01"))
    world.weather.until = world.steps = 0
    world.mapping = EventSourceMapping(world.stream.keys.shards, world.mapping.settings, world.invoke, world.rng)
    world.run()
    assert (world.state_hash(), world.archive.keys(), world.quarantine.keys(), world.hot.read(("S00", "S01"))) == before
