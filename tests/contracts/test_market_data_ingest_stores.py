"""What the ingest's stores promise: objects are put once, a snapshot replaces only what it was made from, a bucket's blocks keep order."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from moto import mock_aws

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.kinesis import KinesisQuoteStream
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.adapters.s3.lane_snapshots import S3LaneSnapshots
from daymark.adapters.s3.objects import S3Objects
from daymark.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from tests.contracts.backends import REGION

EMULATOR = pytest.param("emulator", marks=pytest.mark.emulator)
SHARDS = 2


class Memory:
    """The stores in memory."""

    def __init__(self) -> None:
        self.objects: Any = MemoryObjects()
        self.snapshots: Any = MemoryLaneSnapshots()

    def stream(self) -> tuple[Any, Callable[[], dict[str, list[bytes]]]]:
        """The quotes stream, and its blocks by partition key in their order."""
        stream = MemoryQuoteStream()
        return stream, lambda: {f"bucket-{bucket:04d}": blocks for bucket, blocks in stream.blocks.items()}


class Aws:
    """The stores over a fresh bucket and stream of the services."""

    def __init__(self, endpoint: str | None) -> None:
        settings = client_settings(REGION, 2.0, 10.0, 2)
        self.s3: Any = boto3.client("s3", endpoint_url=endpoint, config=settings)
        self.kinesis: Any = boto3.client("kinesis", endpoint_url=endpoint, config=settings)
        self.name = f"live-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.name)
        self.objects = S3Objects(self.name, self.s3)
        self.snapshots = S3LaneSnapshots(self.name, "lanes", self.s3)

    def stream(self) -> tuple[Any, Callable[[], dict[str, list[bytes]]]]:
        """The quotes stream, and its blocks by partition key in their order."""
        self.kinesis.create_stream(StreamName=self.name, ShardCount=SHARDS)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=self.name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        return KinesisQuoteStream(self.name, self.kinesis), self._blocks

    def _blocks(self) -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for shard in self.kinesis.list_shards(StreamName=self.name)["Shards"]:
            wanted = {"StreamName": self.name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            page = self.kinesis.get_records(ShardIterator=self.kinesis.get_shard_iterator(**wanted)["ShardIterator"], Limit=1_000)
            for record in sorted(page["Records"], key=lambda record: int(record["SequenceNumber"])):
                found.setdefault(record["PartitionKey"], []).append(record["Data"])
        return found


def _stores(kind: str, request: pytest.FixtureRequest) -> Iterator[Memory | Aws]:
    if kind == "memory":
        yield Memory()
    elif kind == "moto":
        with mock_aws():
            yield Aws(None)
    else:
        yield Aws(request.getfixturevalue("emulator"))


@pytest.fixture(params=["memory", "moto", EMULATOR])
def stores(request: pytest.FixtureRequest) -> Iterator[Memory | Aws]:
    """Every way the ports are implemented."""
    yield from _stores(request.param, request)


@pytest.fixture(params=["memory", EMULATOR])
def racing(request: pytest.FixtureRequest) -> Iterator[Memory | Aws]:
    """Where calls from several threads are kept apart; moto looks and writes without a lock."""
    yield from _stores(request.param, request)


@pytest.fixture
def snapshots(stores):
    return stores.snapshots


@pytest.fixture
def objects(stores):
    return stores.objects


def test_a_snapshot_replaces_only_the_version_that_stands(snapshots):
    assert snapshots.load("2018-02-05/a") is None
    assert snapshots.version("2018-02-05/a") is None
    first = snapshots.save("2018-02-05/a", b"one", None)
    assert snapshots.load("2018-02-05/a") == (b"one", first)
    with pytest.raises(Conflict):
        snapshots.save("2018-02-05/a", b"late", None)
    second = snapshots.save("2018-02-05/a", b"two", first)
    with pytest.raises(Conflict):
        snapshots.save("2018-02-05/a", b"late", first)
    assert second != first
    assert snapshots.load("2018-02-05/a") == (b"two", second)
    assert snapshots.version("2018-02-05/a") == second


def test_sessions_and_lanes_stand_apart(snapshots):
    snapshots.save("2018-02-05/a", b"one", None)
    assert snapshots.load("2018-02-05/b") is None
    assert snapshots.load("2018-02-06/a") is None
    assert snapshots.version("2018-02-05/ab") is None


def test_a_snapshot_cannot_replace_one_that_is_not_there(snapshots):
    elsewhere = snapshots.save("2018-02-05/b", b"one", None)
    with pytest.raises(Conflict):
        snapshots.save("2018-02-05/a", b"one", elsewhere)
    assert snapshots.load("2018-02-05/a") is None


def test_any_bytes_come_back_as_they_were(snapshots, objects):
    content = bytes(range(256)) * 100
    version = snapshots.save("a", content, None)
    assert snapshots.load("a") == (content, version)
    empty = snapshots.save("a", b"", version)
    assert snapshots.load("a") == (b"", empty)
    objects.put("a", content)
    assert objects.get("a") == content


@pytest.mark.parametrize("name", ["boards/bucket-0007", "2018-02-05/sha256-0a", "A.b:c_d-e", ".", "..", "a/../b", "...", "a" * 512])
def test_a_lane_may_have_any_plain_name(snapshots, name):
    neighbour = snapshots.save("b", b"neighbour", None)
    version = snapshots.save(name, b"one", None)
    assert snapshots.load(name) == (b"one", version)
    assert snapshots.load("b") == (b"neighbour", neighbour)


@pytest.mark.parametrize("name", ["", "/", "a/", "/a", "a//b", "a b", "a%2Eb", "ä", "a\n", "a" * 513])
def test_any_other_name_is_refused(snapshots, name):
    for call in (snapshots.version, snapshots.load, lambda name: snapshots.save(name, b"one", None)):
        with pytest.raises(InvalidInput) as refused:
            call(name)
        assert refused.value.field == "name"


def test_of_many_who_replace_one_version_one_does(racing):
    """Eight begin together from the same version; whatever the others are told, they replaced nothing."""
    snapshots, ready = racing.snapshots, threading.Barrier(8)
    version = None
    for turn in range(5):

        def save(writer: int, version: str | None = version, turn: int = turn) -> str | None:
            ready.wait()
            try:
                return snapshots.save("2018-02-05/a", f"{turn} {writer}".encode(), version)
            except (Conflict, Unavailable):
                return None

        with ThreadPoolExecutor(8) as pool:
            won = [(writer, answer) for writer, answer in enumerate(pool.map(save, range(8))) if answer is not None]
        ((writer, version),) = won
        assert snapshots.load("2018-02-05/a") == (f"{turn} {writer}".encode(), version)


def test_no_replacement_is_lost_between_two_who_take_turns(racing):
    """Two count to 20 in one snapshot, 10 each, reading anew when overtaken."""
    snapshots = racing.snapshots

    def count(_: int) -> None:
        done = 0
        while done < 10:
            stored = snapshots.load("counter")
            number, version = (0, None) if stored is None else (int(stored[0]), stored[1])
            try:
                snapshots.save("counter", str(number + 1).encode(), version)
            except (Conflict, Unavailable):
                continue
            done += 1

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(count, range(2)))
    assert snapshots.load("counter")[0] == b"20"


def test_an_object_is_put_once_and_again_only_as_it_is(objects):
    objects.put("ticks/1", b"one")
    objects.put("ticks/1", b"one")
    with pytest.raises(Conflict):
        objects.put("ticks/1", b"two")
    objects.put("quarantine/1", b"two")
    assert objects.get("ticks/1") == b"one"
    assert objects.keys("ticks/") == ["ticks/1"]
    assert objects.keys() == ["quarantine/1", "ticks/1"]
    with pytest.raises(NotFound):
        objects.get("ticks/2")


def test_of_two_who_put_other_contents_one_does(racing):
    objects, ready = racing.objects, threading.Barrier(2)

    def put(content: bytes) -> bool:
        ready.wait()
        try:
            objects.put("ticks/1", content)
        except (Conflict, Unavailable):
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(put, (b"one", b"two")))
    assert sorted(answers) == [False, True]
    assert objects.get("ticks/1") == (b"one", b"two")[answers.index(True)]


def test_blocks_of_a_bucket_keep_their_order(stores):
    stream, blocks = stores.stream()
    stream.put([])
    stream.put([(1, b"a"), (2, b"b"), (1, b"c"), (9999, b"d")])
    stream.put([(1, b"a"), (0, b"e"), (1, b"f")])
    assert blocks() == {"bucket-0001": [b"a", b"c", b"a", b"f"], "bucket-0002": [b"b"], "bucket-0000": [b"e"], "bucket-9999": [b"d"]}


def test_many_large_blocks_take_more_than_one_call(stores):
    """600 buckets are above a call's 500 records; three blocks of 900 kB each of eight buckets are above its 5 MiB."""
    stream, blocks = stores.stream()
    stream.put([(bucket, b"%d" % bucket) for bucket in range(1, 601)])
    large = [(bucket, bytes([bucket % 256, place]) + bytes(900_000)) for place in range(3) for bucket in range(1001, 1009)]
    stream.put(large)
    found = blocks()
    assert all(found[f"bucket-{bucket:04d}"] == [b"%d" % bucket] for bucket in range(1, 601))
    assert all(
        [block[:2] for block in found[f"bucket-{bucket:04d}"]] == [bytes([bucket % 256, place]) for place in range(3)]
        for bucket in range(1001, 1009)
    )
