"""The local feed: every tick once and in order, exact counts, and an end that is always told as it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.kinesis import KinesisTickStream
from daymark.adapters.memory.tick_stream import MemoryTickStream, StreamFaults
from daymark.contracts.tick_blocks import decode_block
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput, Unavailable
from daymark.core.sessions import Calendar
from daymark.local import tick_feed
from daymark.local.tick_feed import TickFeed
from daymark.market_data.tick_replay import TickReplay
from daymark.market_data.tick_shards import group_of, partition_key

GROUPS = 4
CLOSES = {"KO": Decimal("37.711"), "XOM": Decimal("60.305"), "BOND-AAA": Decimal("105.9511")}


def source() -> TickReplay:
    return TickReplay(Calendar.exchange().session(date(2018, 2, 5)), CLOSES, CLOSES, 300)


def stored(stream: MemoryTickStream) -> list[tuple[str, bytes]]:
    return [(record.partition_key, record.data) for shard in stream.shard_ids for record in stream.records(shard)]


def check_rows(replay: TickReplay, records: list[tuple[str, bytes]]) -> None:
    """Each symbol's rows are those of the replay, in its order, under the key of its group."""
    blocks = [(key, decode_block(content, replay.symbols).ticks) for key, content in records]
    sent, whole = Ticks.concatenate([ticks for _, ticks in blocks]), Ticks.concatenate(list(replay.blocks(1_000)))
    for number, name in enumerate(replay.symbols.symbols):
        for column in ("ts_event", "sequence", "price", "publisher"):
            assert np.array_equal(getattr(sent, column)[sent.instrument == number], getattr(whole, column)[whole.instrument == number])
        keys = {key for key, ticks in blocks if (ticks.instrument == number).any()}
        assert keys == {partition_key(group_of(name, GROUPS))}


def ticking() -> Any:
    """Seconds that pass by being asked for: pacing without waiting for long."""
    moments = count()
    return lambda: next(moments) * 0.05


def test_every_tick_is_sent_once_in_order_and_counted_and_pictures_have_something_to_move_by():
    stream, replay = MemoryTickStream(), source()
    feed = TickFeed(stream, replay, GROUPS, seconds=3.0, monotonic=ticking())
    feed.start()
    counts = feed.finish(60)
    records = stored(stream)
    assert (counts.rows_offered, counts.rows_sent, counts.rows_given_up) == (900, 900, 0)
    assert counts.records_sent == len(records)
    assert counts.bytes_sent == sum(len(key) + len(content) for key, content in records)
    check_rows(replay, records)
    # A session in three seconds, and no row waits for longer than a quarter of one.
    assert min(sum(key == wanted for key, _ in records) for wanted in {key for key, _ in records}) >= 5


@pytest.fixture
def kinesis() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("kinesis", region_name="us-east-1")
        client.create_stream(StreamName="ticks", ShardCount=1)
        yield client


def test_through_the_services_own_call_the_stream_holds_the_same(kinesis: Any):
    replay = source()
    feed = TickFeed(KinesisTickStream("ticks", kinesis), replay, GROUPS, seconds=0.3)
    feed.start()
    counts = feed.finish(60)
    (shard,) = kinesis.list_shards(StreamName="ticks")["Shards"]
    start = kinesis.get_shard_iterator(StreamName="ticks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = [(record["PartitionKey"], record["Data"]) for record in kinesis.get_records(ShardIterator=start)["Records"]]
    assert (counts.rows_sent, counts.records_sent) == (900, len(records))
    check_rows(replay, records)


def test_a_stream_that_is_not_there_is_told_by_finish(kinesis: Any):
    feed = TickFeed(KinesisTickStream("other", kinesis), source(), GROUPS, seconds=0.1)
    feed.start()
    with pytest.raises(Misconfigured):
        feed.finish(60)


def test_a_feed_that_is_stopped_says_how_far_it_came_and_is_over():
    feed = TickFeed(MemoryTickStream(), source(), GROUPS, seconds=3_600)
    feed.start()
    feed.stop()
    assert not feed._thread.is_alive()
    with pytest.raises(Unavailable, match="of 900 ticks: it was stopped"):
        feed.finish(60)


def test_a_feed_that_does_not_end_in_time_is_stopped():
    feed = TickFeed(MemoryTickStream(), source(), GROUPS, seconds=3_600)
    feed.start()
    with pytest.raises(Unavailable, match="it did not end in time"):
        feed.finish(0.01)
    assert not feed._thread.is_alive()


def test_what_the_stream_did_not_take_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tick_feed, "_CLOSE_SECONDS", 0.05)
    feed = TickFeed(MemoryTickStream(faults=StreamFaults(refused=1.0), uniform=lambda: 0.5), source(), GROUPS, seconds=0.05)
    feed.start()
    with pytest.raises(Unavailable, match="0 of 900 ticks: the stream did not take the rest"):
        feed.finish(60)


def test_a_feed_that_was_never_started_can_be_stopped():
    TickFeed(MemoryTickStream(), source(), GROUPS).stop()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_no_time_at_all_is_refused(seconds: float):
    with pytest.raises(InvalidInput) as refused:
        TickFeed(MemoryTickStream(), source(), GROUPS, seconds)
    assert refused.value.field == "seconds"
