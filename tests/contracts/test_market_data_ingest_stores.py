"""What the ingest's stores promise: objects are put once, and a snapshot replaces only the version it was made from."""

from __future__ import annotations

import pytest

from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.core.errors import Conflict, NotFound


@pytest.fixture(params=[MemoryLaneSnapshots])
def snapshots(request):
    return request.param()


@pytest.fixture(params=[MemoryObjects])
def objects(request):
    return request.param()


@pytest.fixture(params=[MemoryQuoteStream])
def quotes(request):
    return request.param()


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


def test_a_first_snapshot_cannot_replace_one_that_is_not_there(snapshots):
    with pytest.raises(Conflict):
        snapshots.save("2018-02-05/a", b"one", "1")


def test_an_object_is_put_once_and_again_only_as_it_is(objects):
    objects.put("ticks/1", b"one")
    objects.put("ticks/1", b"one")
    with pytest.raises(Conflict):
        objects.put("ticks/1", b"two")
    objects.put("quarantine/1", b"two")
    assert objects.get("ticks/1") == b"one"
    assert objects.keys("ticks/") == ["ticks/1"]
    with pytest.raises(NotFound):
        objects.get("ticks/2")


def test_blocks_of_a_bucket_keep_their_order(quotes):
    quotes.put([(1, b"a"), (2, b"b"), (1, b"c")])
    quotes.put([(1, b"a")])
    assert quotes.blocks == {1: [b"a", b"c", b"a"], 2: [b"b"]}
