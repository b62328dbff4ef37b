"""The producer call by call: sizes, lingering, back-pressure, what it refuses and how it ends."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from daymark.adapters.memory.tick_stream import MemoryTickStream, StreamFaults
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import decode_block
from daymark.contracts.ticks import Ticks
from daymark.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from daymark.market_data.tick_lanes import ROW_BYTES, BlockSealer, TickLane
from daymark.market_data.tick_ports import MAX_RECORD_BYTES, PutRecord, PutResult, check_call
from daymark.market_data.tick_producer import TickProducer
from daymark.market_data.tick_producer_models import Overload, ProducerLimits
from daymark.market_data.tick_shards import TickShards, group_of, shard_of
from tests.tick_world import SYMBOLS, Clock, TickSource, sequences

SESSION = date(2018, 2, 5)


class Script:
    """A stream that answers as planned, then takes everything; it keeps what each call held."""

    def __init__(self, *answers) -> None:
        self.answers, self.calls = list(answers), []

    def put(self, records):
        check_call(records)
        self.calls.append([record.data for record in records])
        answer = self.answers.pop(0) if self.answers else "taken"
        if isinstance(answer, Exception):
            raise answer
        fails = answer if isinstance(answer, set) else set()
        return [PutResult(error_code="InternalFailure") if place in fails else PutResult("1", "s") for place in range(len(records))]


def producer(stream, clock: Clock, **limits) -> TickProducer:
    return TickProducer(
        stream,
        SYMBOLS,
        SESSION,
        synthetic=True,
        limits=ProducerLimits(**limits),
        monotonic=clock,
        sleep=clock.sleep,
        uniform=lambda: 0.5,
    )


def sealer(sizes, target_bytes=1 << 19, most_rows=1 << 16) -> BlockSealer:
    """Of records whose data have a planned size for each number of rows."""
    return BlockSealer(lambda ticks: bytes(sizes[len(ticks)]), target_bytes, most_rows)


def test_a_record_holds_its_key_and_data_up_to_the_limit_and_is_halved_beyond_it():
    # The key "ticks" has 5 bytes; a record of data and key has 1 MiB, 1,048,576 bytes, at most.
    rows = TickSource().rows([0] * 5)
    sizes = {5: 1_048_571, 3: 20, 2: 10}
    assert [(item.rows, item.ordinal, item.record.size) for item in sealer(sizes).seal("ticks", rows)] == [(5, 1, 1_048_576)]
    halved = list(sealer({**sizes, 5: 1_048_572}).seal("ticks", rows))
    assert [(item.rows, item.ordinal, item.record.size) for item in halved] == [(2, 1, 15), (3, 2, 25)]
    assert [item.rows for item in sealer({2: 1_048_572, 1: 9}).seal("ticks", rows.take(slice(0, 2)))] == [1, 1]
    with pytest.raises(InvalidInput) as refused:
        list(sealer({1: 1_048_572}).seal("ticks", rows.take(slice(0, 1))))
    assert refused.value.field == "data"


def test_how_many_rows_fill_a_record_is_learned_from_a_thousand_and_no_fewer():
    # Aimed at 1,600 bytes; at first a row is taken for 16 bytes.
    rows, sizes = TickSource().rows([0] * 1_000), {999: 3_996, 1_000: 4_000}
    learning = sealer(sizes, target_bytes=1_600)
    assert learning.full_rows == 100
    list(learning.seal("k", rows.take(slice(0, 999))))
    assert learning.full_rows == 100
    list(learning.seal("k", rows))
    assert (learning.full_rows, learning.sealed) == (400, 2)
    assert sealer({}, target_bytes=1_600, most_rows=99).full_rows == 99
    assert sealer({}, target_bytes=15).full_rows == 1


def test_a_lane_counts_what_waits_and_since_when():
    source, lane, two_rows = TickSource(), TickLane("ticks"), sealer({1: 10, 2: 20}, most_rows=2)
    lane.seal(two_rows, everything=True)
    assert (lane.waiting_rows, lane.waiting_bytes, list(lane.sealed)) == (0, 0, [])
    lane.append(source.rows([0]), 5.0)
    lane.seal(two_rows, everything=False)
    lane.append(source.rows([0] * 4), 6.0)
    # 64 bytes a row.
    assert (lane.since, lane.open_rows, lane.waiting_rows, lane.waiting_bytes) == (5.0, 5, 5, 320)
    lane.seal(two_rows, everything=False)
    # Two records of two rows, each of 20 bytes and the key's 5, and a row that waits for another.
    assert [item.rows for item in lane.sealed] == [2, 2]
    assert (lane.since, lane.open_rows, lane.waiting_rows, lane.waiting_bytes) == (5.0, 1, 5, 64 + 50)
    lane.append(source.rows([0] * 2), 7.0)
    assert lane.since == 5.0
    lane.seal(two_rows, everything=True)
    assert ([item.rows for item in lane.sealed], lane.open_rows, lane.waiting_bytes) == ([2, 2, 2, 1], 0, 75 + 15)
    lane.append(source.rows([0]), 8.0)
    assert lane.since == 8.0
    lane.retries, lane.not_before = 3, 9.0
    assert (lane.has_left().ordinal, lane.retries, lane.not_before, lane.waiting_rows) == (1, 0, 0.0, 6)


def test_full_records_are_of_the_size_aimed_at_and_keep_their_label():
    stream, clock, source = MemoryTickStream(), Clock(), TickSource()
    sender = producer(stream, clock, groups=1, linger_seconds=1e9)
    for _ in range(10):
        sender.offer(source.rows([0] * 40_000))
    sizes = [len(record.data) for shard in stream.shard_ids for record in stream.records(shard)]
    assert len(sizes) >= 8
    assert all(256 << 10 <= size <= 1 << 20 for size in sizes), sizes
    block = decode_block(stream.records(stream.shard_ids[shard_of("ticks-0000", 4)])[0].data)
    assert block.synthetic
    assert (block.session_date, block.symbols) == (SESSION, SYMBOLS)
    assert sender.counts.rows_waiting < 65_536
    assert sender.counts.bytes_sent == sum(sizes) + 10 * len(sizes)


def test_rows_that_pack_badly_still_make_no_record_beyond_the_limit():
    stream, clock, source = MemoryTickStream(), Clock(), TickSource()
    sender = producer(stream, clock, groups=1, block_bytes=MAX_RECORD_BYTES, block_rows=1 << 20)
    sender.offer(source.rows([0] * 200_000))
    sender.close()
    listed = stream.records(stream.shard_ids[shard_of("ticks-0000", 4)])
    assert all(len(record.data) + len(record.partition_key) <= MAX_RECORD_BYTES for record in listed)
    assert sequences(record.data for record in listed) == {0: list(range(200_000))}


def test_a_row_waits_for_others_no_longer_than_it_may():
    stream, clock, source = Script(), Clock(), TickSource()
    sender = producer(stream, clock, linger_seconds=0.25)
    sender.offer(source.rows([0]))
    clock.now += 0.2
    sender.offer(source.rows([0]))
    sender.poll()
    assert (stream.calls, sender.counts.rows_waiting) == ([], 2)
    clock.now += 0.05
    sender.poll()
    assert [sequences(call) for call in stream.calls] == [{0: [0, 1]}]
    assert (sender.counts.rows_waiting, sender.counts.rows_sent) == (0, 2)


def test_a_failed_key_holds_its_own_records_back_and_no_others():
    stream, clock, source = Script({0}), Clock(), TickSource()
    sender = producer(stream, clock, groups=64, block_rows=1)
    sender.offer(source.rows([0, 0, 1, 1]))
    sender.poll()
    assert [sequences(call) for call in stream.calls] == [{0: [0], 1: [0]}, {1: [1]}]
    sender.poll()
    assert len(stream.calls) == 2, "the key waits for its time"
    clock.now += 0.025  # half of the first bound of 0.05 s
    sender.poll()
    assert [sequences(call) for call in stream.calls[2:]] == [{0: [0]}, {0: [1]}]
    assert (sender.counts.records_retried, sender.counts.calls, sender.counts.calls_failed) == (1, 4, 0)


def test_a_poll_tries_a_failing_key_once_even_when_its_wait_is_none():
    stream, clock, source = Script({0}, {0}), Clock(), TickSource()
    sender = TickProducer(
        stream,
        SYMBOLS,
        SESSION,
        synthetic=True,
        limits=ProducerLimits(block_rows=1),
        monotonic=clock,
        sleep=clock.sleep,
        uniform=lambda: 0.0,
    )
    sender.offer(source.rows([0]))
    for calls in (1, 2, 3):
        sender.poll()
        assert len(stream.calls) == calls
    assert (clock.slept, sender.counts.rows_sent) == (0.0, 1)


def test_after_a_lost_answer_the_same_bytes_go_again():
    stream, clock, source = Script(Unavailable("no answer")), Clock(), TickSource()
    sender = producer(stream, clock)
    sender.offer(source.rows([0, 0]))
    ended = sender.close()
    assert stream.calls[0] == stream.calls[1]
    assert (ended.counts.calls_failed, ended.counts.records_retried, ended.counts.records_sent) == (1, 1, 1)


def test_a_retry_waits_longer_each_time_up_to_the_cap_and_a_success_starts_anew():
    clock, source = Clock(), TickSource()
    stream = Script(*[{0}] * 8, "taken", {0})
    sender = producer(stream, clock, groups=1, block_rows=1, retry_base_seconds=0.1, retry_cap_seconds=1.0)
    times = []
    stream_put = stream.put
    stream.put = lambda records: (times.append(clock.now), stream_put(records))[1]
    sender.offer(source.rows([0, 0]))
    sender.close()
    # Half of 0.1, 0.2, 0.4, 0.8, then of the cap; the second record begins at half of 0.1 again.
    assert np.diff(times).round(9).tolist() == [0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5, 0.5, 0.0, 0.05]


def test_a_full_producer_refuses_at_once_or_after_its_patience_and_takes_nothing():
    for overload, waited in ((Overload.REFUSE, 0.0), (Overload.BLOCK, 3.0)):
        stream, clock, source = MemoryTickStream(faults=StreamFaults(throttled=1.0), uniform=lambda: 0.0), Clock(), TickSource()
        sender = producer(stream, clock, waiting_bytes=40 * ROW_BYTES, overload=overload, patience_seconds=3.0)
        sender.offer(source.rows([0] * 20))
        before = sender.counts
        with pytest.raises(Unavailable) as refused:
            sender.offer(source.rows([0] * 40))
        assert refused.value.retryable
        assert clock.slept == pytest.approx(waited)
        after = sender.counts
        assert (after.rows_waiting, after.rows_sent) == (before.rows_waiting, 0) == (20, 0)
        assert (after.rows_offered, after.rows_refused) == (60, 40)
        assert stream.records(stream.shard_ids[0]) == []


def test_blocking_ends_as_soon_as_there_is_room_and_open_rows_make_room_too():
    stream, clock, source = MemoryTickStream(), Clock(), TickSource()
    sender = producer(stream, clock, waiting_bytes=40 * ROW_BYTES, linger_seconds=1e9)
    for _ in range(5):
        sender.offer(source.rows([0] * 30))
    assert clock.slept == 0.0
    assert (sender.counts.rows_refused, sender.counts.rows_sent) == (0, 120)
    assert sender.close().counts.rows_sent == 150


def test_as_many_rows_as_there_is_room_for_are_taken_once_what_waited_has_left():
    stream, clock, source = Script(), Clock(), TickSource()
    sender = producer(stream, clock, waiting_bytes=40 * ROW_BYTES, linger_seconds=1e9, overload=Overload.REFUSE)
    for rows in (20, 40):
        sender.offer(source.rows([0] * rows))
    assert (sender.counts.rows_sent, sender.counts.rows_waiting, sender.counts.rows_refused) == (20, 40, 0)


def test_rows_that_fill_a_record_are_sealed_at_once_and_leave_with_the_next_call():
    stream, source = Script(), TickSource()
    sender = producer(stream, Clock(), groups=1, block_rows=2)
    sender.offer(source.rows([0] * 5))
    counts = sender.counts
    assert (counts.records_sealed, counts.records_waiting, counts.rows_waiting, stream.calls) == (2, 2, 5, [])


def test_more_rows_than_there_could_be_room_for_are_refused():
    sender = producer(Script(), Clock(), waiting_bytes=10 * ROW_BYTES)
    with pytest.raises(InvalidInput) as refused:
        sender.offer(TickSource().rows([0] * 11))
    assert (refused.value.field, refused.value.context["limit"]) == ("ticks", 10)
    assert sender.counts.rows_refused == 11


def test_rows_of_an_unknown_symbol_are_refused_whole():
    sender = producer(Script(), Clock())
    ticks = TickSource().rows([0, 1])
    with pytest.raises(InvalidInput) as refused:
        sender.offer(replace(ticks, instrument=np.array([0, len(SYMBOLS)], np.uint32)))
    assert refused.value.field == "ticks.instrument"
    assert sender.counts.rows_offered == 0


def test_a_failure_that_no_retry_mends_comes_out_and_nothing_is_lost():
    defect = ValueError("a defect")
    stream, clock, source = Script(defect), Clock(), TickSource()
    sender = producer(stream, clock, groups=1, block_rows=1)
    sender.offer(source.rows([0]))
    with pytest.raises(ValueError, match="a defect"):
        sender.offer(source.rows([0]))
    assert (sender.counts.rows_offered, sender.counts.rows_refused, sender.counts.rows_waiting) == (2, 1, 1)
    assert sender.close().counts.rows_sent == 1


def test_a_closed_producer_takes_nothing_and_closing_again_changes_nothing():
    stream = Script()
    sender = producer(stream, Clock())
    sender.offer(Ticks.empty())
    sender.offer(TickSource().rows([0, 1]))
    ended = sender.close()
    assert sender.close() is ended
    assert ended.counts == sender.counts
    assert (ended.given_up, ended.counts.rows_sent) == ((), 2)
    with pytest.raises(Conflict):
        sender.offer(TickSource().rows([0]))
    assert len(stream.calls) == 1


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"groups": 0}, "groups"),
        ({"linger_seconds": 0.0}, "linger_seconds"),
        ({"waiting_bytes": -1}, "waiting_bytes"),
        ({"patience_seconds": float("nan")}, "patience_seconds"),
        ({"block_bytes": MAX_RECORD_BYTES + 1}, "block_bytes"),
    ],
)
def test_limits_out_of_range_are_refused(limits, field):
    with pytest.raises(InvalidInput) as refused:
        ProducerLimits(**limits)
    assert refused.value.field == field


def test_a_table_that_would_fill_a_record_is_refused():
    # Texts without repetitions, 700 kB that hardly compress: little is left for ticks.
    draw = np.random.default_rng(0)
    table = SymbolTable.of(base64.b85encode(draw.bytes(56)).decode() for _ in range(10_000))
    with pytest.raises(InvalidInput) as refused:
        TickProducer(Script(), table, SESSION, synthetic=True)
    assert refused.value.field == "symbols"


@pytest.mark.parametrize(("size", "fits"), [(524_288, True), (524_289, False)])
def test_a_table_may_fill_half_a_record(monkeypatch, size, fits):
    monkeypatch.setattr("daymark.market_data.tick_producer.encode_block", lambda _block: bytes(size))
    if fits:
        assert TickProducer(Script(), SYMBOLS, SESSION, synthetic=True).counts.records_sealed == 0
        return
    with pytest.raises(InvalidInput) as refused:
        TickProducer(Script(), SYMBOLS, SESSION, synthetic=True)
    assert refused.value.field == "symbols"


def test_records_and_calls_have_their_limits():
    for key, data, field in (("", b"x", "partition_key"), ("k" * 257, b"x", "partition_key"), ("k", b"", "data")):
        with pytest.raises(InvalidInput) as refused:
            PutRecord(key, data)
        assert refused.value.field == field
    full = PutRecord("k", bytes(MAX_RECORD_BYTES - 1))
    with pytest.raises(InvalidInput):
        PutRecord("k", bytes(MAX_RECORD_BYTES))
    check_call([full] * 5)
    for records in ([], [PutRecord("k", b"x")] * 501, [full] * 6):
        with pytest.raises(InvalidInput) as refused:
            check_call(records)
        assert refused.value.field == "records"


def test_a_call_holds_no_more_records_than_the_stream_takes(monkeypatch):
    """Every symbol has a key of its own; that the stream's own bound is 500 the test above says."""
    monkeypatch.setattr("daymark.market_data.tick_producer.MAX_CALL_RECORDS", 3)
    stream, clock, source = Script(), Clock(), TickSource()
    sender = producer(stream, clock, groups=10_000)
    assert len(set(TickShards(SYMBOLS, 10_000).partition_keys().values())) == len(SYMBOLS) == 8
    sender.offer(source.rows(range(8)))
    ended = sender.close()
    assert (ended.counts.rows_sent, ended.counts.records_sent) == (8, 8)
    assert [len(call) for call in stream.calls] == [3, 3, 2]


def test_a_call_holds_no_more_bytes_than_the_stream_takes():
    stream, clock, source = Script(), Clock(), TickSource()
    sender = producer(stream, clock, groups=10_000, block_bytes=MAX_RECORD_BYTES)
    sender.offer(source.rows(np.arange(360_000) % len(SYMBOLS)))
    ended = sender.close()
    assert ended.counts.rows_sent == 360_000
    assert ended.counts.bytes_sent > 5 << 20
    assert len(stream.calls[0]) > 1


def test_the_key_space_is_divided_as_kinesis_divides_it():
    # Equal ranges of 2**128 by the key's MD5, here as RFC 1321 and md5sum give it.
    known = {"a": "0cc175b9c0f1b6a831c399e269772661", "b": "92eb5ffee6ae2fec3ad71c777531578f", "c": "4a8a08f09d37b73795649038408b5f33"}
    for key, digest in known.items():
        for shards in (1, 2, 4, 7):
            edges = [2**128 * place // shards for place in range(1, shards)]
            assert shard_of(key, shards) == sum(int(digest, 16) >= edge for edge in edges)
    for call in (lambda: shard_of("a", 0), lambda: group_of("a", 0), lambda: TickShards(SYMBOLS, 10_001)):
        with pytest.raises(InvalidInput):
            call()


def test_the_memory_stream_is_bounded_until_it_is_trimmed_and_numbers_are_not_texts():
    stream = MemoryTickStream(shards=1, capacity_bytes=10)
    (shard,) = stream.shard_ids
    first = stream.put([PutRecord("k", b"123456")])[0]
    assert stream.put([PutRecord("k", b"12345"), PutRecord("k", b"1234")])[0].error_code
    assert [record.data for record in stream.records(shard)] == [b"123456", b"1234"]
    assert [record.data for record in stream.records(shard, first.sequence_number)] == [b"1234"]
    stream.trim(shard, first.sequence_number)
    for _ in range(12):
        last = stream.put([PutRecord("k", b"1")])[0]
        if last.is_taken:
            stream.trim(shard, last.sequence_number)
    assert int(last.sequence_number) == 14
    assert last.sequence_number == "14"
    with pytest.raises(NotFound):
        stream.records("shardId-9")
    with pytest.raises(InvalidInput):
        StreamFaults(throttled=1.5)
