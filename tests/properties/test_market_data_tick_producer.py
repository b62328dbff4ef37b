"""The producer over a stream that throttles, fails in part and loses answers: each key's order is kept, and everything is accounted for."""

from __future__ import annotations

import random
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.adapters.memory.tick_stream import MemoryTickStream, StreamFaults
from daymark.core.errors import Unavailable
from daymark.market_data.tick_ports import MAX_CALL_BYTES, MAX_CALL_RECORDS
from daymark.market_data.tick_producer import TickProducer
from daymark.market_data.tick_producer_models import Overload, ProducerLimits
from daymark.market_data.tick_shards import TickShards, partition_key, shard_of
from tests.tick_world import SYMBOLS, Clock, TickSource, sequences

SESSION = date(2018, 2, 5)
RATE = st.sampled_from([0.0, 0.05, 0.5, 0.9, 1.0])
FAULTS = st.builds(
    StreamFaults, throttled=RATE, failed=RATE, refused=st.sampled_from([0.0, 0.3]), unanswered=st.sampled_from([0.0, 0.3, 1.0])
)
OFFER = st.lists(st.integers(0, len(SYMBOLS) - 1), max_size=40)
EVENT = st.one_of(
    st.tuples(st.just("offer"), OFFER),
    st.tuples(st.just("wait"), st.floats(0.001, 3.0)),
    st.tuples(st.just("faults"), FAULTS),
    st.tuples(st.just("poll"), st.none()),
)


class Watched(MemoryTickStream):
    """The stream, which looks at every call."""

    def put(self, records):
        keys = [record.partition_key for record in records]
        assert len(set(keys)) == len(keys), "two records of one key in a call"
        assert len(records) <= MAX_CALL_RECORDS
        assert sum(record.size for record in records) <= MAX_CALL_BYTES
        return super().put(records)


class World:
    """A producer, its stream, and what it was given."""

    def __init__(self, seed: int, limits: ProducerLimits, shards: int = 3) -> None:
        self.clock, self.source = Clock(), TickSource()
        draws = random.Random(seed)
        self.stream = Watched(shards, uniform=draws.random)
        self.producer = TickProducer(
            self.stream,
            SYMBOLS,
            SESSION,
            synthetic=True,
            limits=limits,
            monotonic=self.clock,
            sleep=self.clock.sleep,
            uniform=draws.random,
        )

    def do(self, what, given) -> None:
        if what == "offer":
            ticks = self.source.rows(given)
            try:
                self.producer.offer(ticks)
            except Unavailable:
                self.source.put_back(ticks)
        elif what == "wait":
            self.clock.now += given
        elif what == "faults":
            self.stream.faults = given
        else:
            self.producer.poll()
        self.check_counts()

    def check_counts(self) -> None:
        counts, taken = self.producer.counts, sum(self.source.given.values())
        assert counts.rows_offered - counts.rows_refused == taken
        assert counts.rows_sent + counts.rows_waiting + counts.rows_given_up == taken
        assert counts.records_sent + counts.records_waiting + counts.records_given_up == counts.records_sealed

    def stored(self):
        return [record for shard in self.stream.shard_ids for record in self.stream.records(shard)]

    def check_order(self) -> dict[int, list[int]]:
        """Each symbol's rows without repeats; what comes for the first time is always the next one."""
        found = {}
        for number, listed in sequences(record.data for record in self.stored()).items():
            upcoming = 0
            for sequence in listed:
                assert sequence <= upcoming, f"row {sequence} of {number} came before row {upcoming}"
                upcoming = max(upcoming, sequence + 1)
            found[number] = list(range(upcoming))
        return found


LIMITS = st.builds(
    ProducerLimits,
    groups=st.sampled_from([1, 3, 64]),
    block_bytes=st.sampled_from([64, 400, 512 << 10]),
    block_rows=st.sampled_from([1, 7, 65_536]),
    linger_seconds=st.sampled_from([0.01, 1.0]),
    waiting_bytes=st.sampled_from([2_600, 20_000, 64 << 20]),
    overload=st.sampled_from(Overload),
    patience_seconds=st.just(5.0),
)


@settings(max_examples=80)
@given(st.integers(0, 2**32), LIMITS, st.lists(EVENT, max_size=25))
def test_everything_is_sent_in_order_once_the_stream_recovers(seed, limits, events):
    world = World(seed, limits)
    for what, given_ in events:
        world.do(what, given_)
        world.check_order()
    world.stream.faults = StreamFaults(throttled=0.3, failed=0.1, unanswered=0.1)
    ended = world.producer.close(600.0)
    assert ended.given_up == ()
    world.check_counts()
    offered = {number: list(range(count)) for number, count in world.source.given.items() if count}
    assert world.check_order() == offered
    assert ended.counts.rows_sent == sum(map(len, offered.values()))
    stored = world.stored()
    assert len({record.data for record in stored}) == ended.counts.records_sent
    if not ended.counts.calls_failed:
        assert len(stored) == ended.counts.records_sent


@settings(max_examples=40)
@given(st.integers(0, 2**32), LIMITS, st.lists(EVENT, max_size=15), FAULTS)
def test_what_is_given_up_at_the_end_is_handed_back_and_nothing_else_is_missing(seed, limits, events, faults):
    world = World(seed, limits)
    for what, given_ in events:
        world.do(what, given_)
    world.stream.faults = faults
    ended = world.producer.close(1.0)
    world.check_counts()
    assert ended.counts.rows_waiting == ended.counts.records_waiting == 0
    assert ended.counts.records_given_up == len(ended.given_up)
    sent, back = world.check_order(), sequences(record.data for record in ended.given_up)
    for number, count in world.source.given.items():
        assert set(sent.get(number, [])) | set(back.get(number, [])) == set(range(count))
        assert back.get(number, []) == list(range(count - len(back.get(number, [])), count))
    assert sum(map(len, back.values())) == ended.counts.rows_given_up


@pytest.mark.parametrize("throttled", [0.05, 0.25, 0.5, 0.75, 0.95])
def test_throttling_costs_time_and_nothing_else(throttled):
    world = World(11, ProducerLimits(groups=8, block_rows=50, linger_seconds=0.1))
    world.stream.faults = StreamFaults(throttled=throttled)
    draw = np.random.default_rng(5)
    for _ in range(20):
        world.do("offer", draw.integers(0, len(SYMBOLS), 200).tolist())
        world.do("wait", 0.05)
    ended = world.producer.close(10_000.0)
    assert ended.counts.rows_sent == 4_000
    assert ended.counts.records_sent == ended.counts.records_sealed == len(world.stored())
    assert world.check_order() == {number: list(range(count)) for number, count in world.source.given.items()}


@pytest.mark.parametrize("faults", [StreamFaults(throttled=1.0), StreamFaults(failed=1.0), StreamFaults(refused=1.0)])
def test_a_stream_that_takes_nothing_gets_nothing_and_all_is_handed_back(faults):
    world = World(1, ProducerLimits())
    world.stream.faults = faults
    world.do("offer", list(range(len(SYMBOLS))) * 3)
    ended = world.producer.close(20.0)
    assert world.stored() == []
    assert (ended.counts.rows_given_up, ended.counts.rows_sent, ended.counts.bytes_sent) == (24, 0, 0)
    # No longer than it was told to, and not in a hurry: at most some tens of calls in 20 s of waits up to 2 s.
    assert 19.0 <= world.clock.slept <= 20.0 + 1e-9
    assert 10 <= ended.counts.calls <= 300


@settings(max_examples=50)
@given(st.lists(st.integers(0, len(SYMBOLS) - 1), max_size=60), st.integers(1, 40))
def test_splitting_keeps_every_row_and_every_symbols_order_under_one_key(instruments, groups):
    ticks, shards = TickSource().rows(instruments), TickShards(SYMBOLS, groups)
    parts = dict(shards.split(ticks))
    assert sum(map(len, parts.values())) == len(ticks)
    assert list(parts) == sorted(parts)
    keys = shards.partition_keys()
    for key, part in parts.items():
        assert {keys[SYMBOLS.symbols[number]] for number in part.instrument.tolist()} == {key}
        for number in set(part.instrument.tolist()):
            wanted = ticks.sequence[ticks.instrument == number]
            assert part.sequence[part.instrument == number].tolist() == wanted.tolist()


def test_groups_and_shards_are_filled_evenly():
    table = [f"S{number:05d}" for number in range(20_000)]
    keys = TickShards(type(SYMBOLS).of(table), 64).partition_keys()
    sizes = np.bincount([int(key[-4:]) for key in keys.values()], minlength=64)
    # 312.5 on average; a binomial's standard deviation is 17.5.
    assert sizes.min() > 312 - 5 * 18
    assert sizes.max() < 313 + 5 * 18
    assert {shard_of(partition_key(group), 4) for group in range(64)} == {0, 1, 2, 3}
