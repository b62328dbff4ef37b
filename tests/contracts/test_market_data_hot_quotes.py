"""Hot quotes: only later rows replace what stands, quotes and trades apart, the same in memory and in Redis."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.redis_quotes import RedisHotQuotes, redis_client
from daymark.core.errors import InvalidInput, Unavailable
from daymark.market_data.conflation import LatestRows
from daymark.market_data.stream_ports import HotQuote, LatestQuotes
from tests.redis_server import running_cluster, running_redis

AT = 1_517_864_400_000_000_000
NO_ROW = (0, 0, 0)


@pytest.fixture(scope="module")
def server():
    """A Redis of this module alone, on a socket of its own."""
    with running_redis() as socket, redis.Redis(unix_socket_path=socket, socket_timeout=5) as client:
        client.ping()
        yield client


@pytest.fixture(scope="module")
def cluster():
    """A cluster of this module alone."""
    with running_cluster() as url, redis_client(url) as client:
        yield client


@pytest.fixture(params=["memory", "redis", "redis in slot groups", "cluster"])
def store(request):
    if request.param == "memory":
        return MemoryHotQuotes()
    if request.param == "cluster":
        client = request.getfixturevalue("cluster")
        client.flushall()
        return RedisHotQuotes(client, slot_groups=7)
    client = request.getfixturevalue("server")
    client.flushall()
    return RedisHotQuotes(client, slot_groups=1 if request.param == "redis" else 7)


def rows(names, listed):
    """Rows of (event, rank, value); the columns are value, value + 1 and so on."""
    columns = {name: np.array([value + place for _, _, value in listed], np.int64) for place, name in enumerate(names)}
    events, ranks = (np.array([row[place] for row in listed], np.uint64) for place in (0, 1))
    return LatestRows(events, ranks, columns)


def latest(**symbols):
    """Of each symbol a quote and a trade, each as (event, rank, value)."""
    quotes, trades = ([pair[place] for pair in symbols.values()] for place in (0, 1))
    return LatestQuotes(tuple(symbols), rows(("bid", "ask", "bid_size", "ask_size"), quotes), rows(("price", "size"), trades))


def test_what_was_merged_is_read(store):
    assert store.merge(latest(KO=((AT, 5, 100), (AT + 1, 6, 200)), XOM=((AT, 5, 300), NO_ROW), GE=(NO_ROW, (AT, 1, 400)))) == 4
    assert store.read(["KO", "XOM", "GE", "PG"]) == {
        "KO": HotQuote(100, 101, 102, 103, AT, 200, 201, AT + 1),
        "XOM": HotQuote(300, 301, 302, 303, AT),
        "GE": HotQuote(price=400, size=401, traded_at=AT),
    }


@pytest.mark.parametrize(
    ("event", "rank", "replaces"),
    [(AT + 1, 0, True), (AT, 6, True), (AT, 5, False), (AT, 4, False), (AT - 1, 2**64 - 1, False)],
)
def test_only_later_rows_replace_to_the_nanosecond_and_the_rank(store, event, rank, replaces):
    """A double cannot tell these nanoseconds apart: the next one above 1.5e18 is 256 away."""
    store.merge(latest(KO=((AT, 5, 100), (AT, 5, 200))))
    assert store.merge(latest(KO=((event, rank, 900), NO_ROW))) == replaces
    assert store.merge(latest(KO=(NO_ROW, (event, rank, 900)))) == replaces
    held = store.read(["KO"])["KO"]
    assert (held.bid, held.price) == ((900, 900) if replaces else (100, 200))


def test_a_repeat_replaces_nothing(store):
    batch = latest(KO=((AT, 5, 100), (AT, 5, 200)), XOM=((AT, 5, 300), NO_ROW))
    assert store.merge(batch) == 3
    assert store.merge(batch) == 0


def test_numbers_keep_all_their_digits(store):
    most = 2**63 - 10
    store.merge(latest(KO=((2**64 - 1, 2**64 - 1, most), (AT, 0, -most))))
    held = store.read(["KO"])["KO"]
    assert (held.bid, held.ask_size, held.quoted_at, held.price) == (most, most + 3, 2**64 - 1, -most)


def test_thousands_of_symbols_in_one_batch(store):
    many = {f"S{number:04d}": ((AT + number, 1, number), (AT, 1, number)) for number in range(2500)}
    assert store.merge(latest(**many)) == 5000
    assert store.read(list(many))["S2499"] == HotQuote(2499, 2500, 2501, 2502, AT + 2499, 2499, 2500, AT)


ROW = st.one_of(st.just(NO_ROW), st.tuples(st.integers(AT, AT + 2), st.integers(0, 2), st.integers(1, 99)))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["KO", "XOM"]), st.tuples(ROW, ROW), min_size=1), min_size=1, max_size=5), st.randoms())
def test_the_order_of_batches_decides_nothing(server, batches, rng):
    """Rows of one stamp are one row, as publisher and sequence make sure of."""
    same = {}
    batches = [
        {
            name: tuple((*row[:2], same.setdefault((name, place, *row[:2]), row[2])) for place, row in enumerate(pair))
            for name, pair in batch.items()
        }
        for batch in batches
    ]
    server.flushall()
    in_redis, in_memory, shuffled = RedisHotQuotes(server), MemoryHotQuotes(), MemoryHotQuotes()
    assert [in_redis.merge(latest(**batch)) for batch in batches] == [in_memory.merge(latest(**batch)) for batch in batches]
    for batch in rng.sample(batches, len(batches)):
        shuffled.merge(latest(**batch))
    assert in_redis.read(["KO", "XOM"]) == in_memory.read(["KO", "XOM"]) == shuffled.read(["KO", "XOM"])


def test_a_batch_is_one_call_for_each_slot_group_and_its_keys_lie_in_one_slot(server):
    server.flushall()
    names = [f"S{number}" for number in range(40)]
    groups = {zlib.crc32(name.encode()) % 3 for name in names}
    calls = server.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0)
    RedisHotQuotes(server, slot_groups=3).merge(latest(**dict.fromkeys(names, ((AT, 1, 1), NO_ROW))))
    keys = sorted(key.decode() for key in server.keys("*"))
    assert keys == sorted(f"hot-quotes:{{{group}}}" for group in groups)
    # The first call finds the script unknown, loads it and comes again.
    assert server.info("commandstats")["cmdstat_evalsha"]["calls"] - calls in (len(groups), len(groups) + 1)


def test_a_hash_outlives_its_last_change_by_its_life(server):
    server.flushall()
    RedisHotQuotes(server, life_seconds=77).merge(latest(KO=((AT, 1, 1), NO_ROW)))
    assert 70 <= server.ttl("hot-quotes:{0}") <= 77


def test_a_cache_that_does_not_answer_is_unavailable():
    lost = RedisHotQuotes(redis_client("unix:///nonexistent/redis.sock"))
    with pytest.raises(Unavailable):
        lost.merge(latest(KO=((AT, 1, 1), NO_ROW)))
    with pytest.raises(Unavailable):
        lost.read(["KO"])


def test_a_client_waits_and_tries_within_bounds_and_connects_late():
    kept = redis_client("unix:///nonexistent/redis.sock").get_connection_kwargs()
    assert (kept["socket_connect_timeout"], kept["socket_timeout"], kept["retry"].get_retries()) == (0.5, 1.0, 1)
    with pytest.raises(Unavailable):
        RedisHotQuotes(redis_client("unix:///nonexistent/redis.sock")).read(["KO"])


def test_a_client_finds_its_node_by_the_address(server):
    socket = server.get_connection_kwargs()["path"]
    store = RedisHotQuotes(redis_client(f"unix://{socket}"))
    store.merge(latest(KO=((AT, 5, 100), NO_ROW)))
    assert store.read(["KO"])["KO"].bid == 100


@pytest.mark.parametrize(("settings_", "life"), [({}, 259_200), ({"life_seconds": 1}, 1)])
def test_one_hash_that_lives_three_days_unless_told_otherwise(settings_, life):
    """259,200 seconds are 3 days of 86,400."""
    merged = []
    client = SimpleNamespace(register_script=lambda _script: lambda keys, args: merged.append((keys, args[0])) or 0)
    RedisHotQuotes(client, **settings_).merge(latest(**dict.fromkeys(("KO", "XOM", "GE"), ((AT, 1, 1), NO_ROW))))
    assert merged == [(["hot-quotes:{0}"], life)]


@pytest.mark.parametrize("settings_", [{"slot_groups": 0}, {"life_seconds": 0}])
def test_settings_out_of_range_are_refused(settings_):
    with pytest.raises(InvalidInput) as refused:
        RedisHotQuotes(redis.Redis(), **settings_)
    assert refused.value.field in settings_


def test_a_cluster_that_does_not_answer_is_unavailable():
    with pytest.raises(Unavailable):
        redis_client("redis+cluster://127.0.0.1:1", connect_seconds=0.1)
