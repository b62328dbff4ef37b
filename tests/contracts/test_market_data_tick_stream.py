"""The tick stream: every record is answered for by itself, a key's records stand in the order in which they were taken."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from moto import mock_aws

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.kinesis import KinesisTickStream
from daymark.adapters.memory.tick_stream import MemoryTickStream
from daymark.core.errors import InvalidInput
from daymark.market_data.tick_ports import PutRecord, TickStream
from daymark.market_data.tick_producer import TickProducer
from daymark.market_data.tick_producer_models import ProducerLimits
from tests.contracts.backends import REGION
from tests.tick_world import SYMBOLS, TickSource, sequences

SHARDS = 2


class Memory:
    """The stream in memory and its reader."""

    def __init__(self) -> None:
        self.stream: TickStream = MemoryTickStream(SHARDS)

    def read(self) -> dict[str, list[tuple[str, str, bytes]]]:
        """Of each shard (sequence number, partition key, data)."""
        return {
            shard: [(record.sequence_number, record.partition_key, record.data) for record in self.stream.records(shard)]
            for shard in self.stream.shard_ids
        }


class Kinesis:
    """A freshly created stream of the service and its reader."""

    def __init__(self, endpoint: str | None) -> None:
        self.client: Any = boto3.client("kinesis", endpoint_url=endpoint, config=client_settings(REGION, 2.0, 10.0, 2))
        self.name = f"ticks-{uuid.uuid4().hex[:12]}"
        self.client.create_stream(StreamName=self.name, ShardCount=SHARDS)
        self.client.get_waiter("stream_exists").wait(StreamName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        self.stream: TickStream = KinesisTickStream(self.name, self.client)

    def read(self) -> dict[str, list[tuple[str, str, bytes]]]:
        """Of each shard (sequence number, partition key, data)."""
        found = {}
        for shard in self.client.list_shards(StreamName=self.name)["Shards"]:
            wanted = {"StreamName": self.name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            page, listed = {"NextShardIterator": self.client.get_shard_iterator(**wanted)["ShardIterator"]}, []
            while page.get("NextShardIterator"):
                page = self.client.get_records(ShardIterator=page["NextShardIterator"], Limit=1_000)
                listed += [(record["SequenceNumber"], record["PartitionKey"], record["Data"]) for record in page["Records"]]
                if not page["Records"]:
                    break
            found[shard["ShardId"]] = listed
        return found


@pytest.fixture(params=["memory", "moto", pytest.param("emulator", marks=pytest.mark.emulator)])
def world(request: pytest.FixtureRequest) -> Iterator[Memory | Kinesis]:
    """Every way the port is implemented."""
    if request.param == "memory":
        yield Memory()
    elif request.param == "moto":
        with mock_aws():
            yield Kinesis(None)
    else:
        kinesis = Kinesis(request.getfixturevalue("emulator"))
        yield kinesis
        kinesis.client.delete_stream(StreamName=kinesis.name)


def test_every_record_is_answered_for_and_read_back_where_the_answer_says(world):
    records = [PutRecord(f"ticks-{number % 7:04d}", f"block {number}".encode()) for number in range(40)]
    results = [result for start in range(0, 40, 10) for result in world.stream.put(records[start : start + 10])]
    assert all(result.is_taken for result in results)
    stored = world.read()
    placed = {data: (shard, int(number), key) for shard, listed in stored.items() for number, key, data in listed}
    assert len(placed) == 40
    for record, result in zip(records, results, strict=True):
        assert placed[record.data] == (result.shard_id, int(result.sequence_number), record.partition_key)


def test_a_keys_records_stand_in_one_shard_in_the_order_they_were_taken(world):
    for number in range(12):
        world.stream.put([PutRecord(f"ticks-{group:04d}", f"{number:02d}".encode()) for group in range(8)])
    by_key: dict[str, list[tuple[str, int, bytes]]] = {}
    for shard, listed in world.read().items():
        for number, key, data in listed:
            by_key.setdefault(key, []).append((shard, int(number), data))
    assert len(by_key) == 8
    for listed in by_key.values():
        assert len({shard for shard, _, _ in listed}) == 1
        assert [data for _, _, data in sorted(listed, key=lambda item: item[1])] == [f"{number:02d}".encode() for number in range(12)]
    assert len({listed[0][0] for listed in by_key.values()}) == SHARDS


def test_a_large_record_arrives_whole(world):
    data = bytes(range(256)) * 4_000
    (result,) = world.stream.put([PutRecord("ticks-0001", data)])
    assert [kept for listed in world.read().values() for _, _, kept in listed] == [data]
    assert result.is_taken


def test_a_call_beyond_the_limits_is_refused_before_anything_is_put(world):
    with pytest.raises(InvalidInput):
        world.stream.put([PutRecord("k", b"x")] * 501)
    with pytest.raises(InvalidInput):
        world.stream.put([])
    assert not any(world.read().values())


def test_what_a_producer_sends_is_read_back_in_each_symbols_order(world):
    source = TickSource()
    producer = TickProducer(world.stream, SYMBOLS, date(2018, 2, 5), synthetic=True, limits=ProducerLimits(groups=4, block_rows=20))
    for start in range(5):
        producer.offer(source.rows((start + place) % len(SYMBOLS) for place in range(60)))
    ended = producer.close()
    assert (ended.counts.rows_sent, ended.given_up) == (300, ())
    # A shard's records in their order, and one shard after the other: a symbol's rows are all in one.
    contents = [data for listed in world.read().values() for _, _, data in listed]
    assert sequences(contents) == {number: list(range(count)) for number, count in source.given.items()}


def test_a_stream_that_is_not_there_is_said_to_be_missing():
    with mock_aws():
        client = boto3.client("kinesis", config=client_settings(REGION, 2.0, 10.0, 1))
        with pytest.raises(Misconfigured):
            KinesisTickStream("nowhere", client).put([PutRecord("k", b"x")])
