"""The ingest function: a Kinesis event as Lambda gets it in; objects, hot quotes, quote blocks and snapshots out."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from types import SimpleNamespace

import boto3
import numpy as np
import pytest
import redis

from daymark.adapters.redis_quotes import RedisHotQuotes
from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.live_session import LiveSession, encode_live_session
from daymark.contracts.quote_blocks import decode_quotes
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.stream_ports import HotQuote
from market_data import bootstrap, ingest_ticks
from market_data.settings import IngestSettings
from tests.handlers.conftest import CONTEXT, REGION, Services
from tests.redis_server import running_redis

DAY, ONE = date(2018, 2, 5), 1_000_000_000
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE
TABLE = SymbolTable.of(["KO", "XOM"])
FIRST = 49590338271490256608559692538361571095921575989136588898
ARN = "arn:aws:kinesis:us-east-1:123456789012:stream/ticks"


@pytest.fixture(scope="module")
def cache():
    with running_redis() as socket:
        yield socket


@pytest.fixture
def live(services: Services, cache, monkeypatch, request):
    """Buckets, the quotes stream, and Monday opened with KO in bucket 2."""
    kinesis = boto3.client("kinesis", region_name=REGION)
    kinesis.create_stream(StreamName="quotes", ShardCount=1)
    standing = {bucket["Name"] for bucket in services.s3.list_buckets()["Buckets"]}
    for bucket in {"daymark-ticks", "daymark-live"} - standing:
        services.s3.create_bucket(Bucket=bucket)
    opened = LiveSession(
        *(DAY, datetime(2018, 2, 5, 9, tzinfo=UTC), OPEN, CLOSE, (1,), True, 1),
        references={"KO": 46 * ONE, "XOM": 79 * ONE},
        buckets={"KO": (2,), "XOM": ()},
        books={2: "books/2"},
    )
    services.s3.put_object(Bucket="daymark-live", Key="sessions/2018-02-05.json", Body=encode_live_session(opened))
    settings = IngestSettings(
        region=REGION, ticks_bucket="daymark-ticks", live_bucket="daymark-live", quotes_stream="quotes", redis_url=f"unix://{cache}"
    )
    for variable, value in settings.environment().items():
        monkeypatch.setenv(variable, value)
    bootstrap.session_ingest.cache_clear()
    hot = redis.Redis(unix_socket_path=cache)
    hot.flushall()
    yield SimpleNamespace(services=services, kinesis=kinesis, hot=RedisHotQuotes(hot))
    bootstrap.session_ingest.cache_clear()
    hot.close()


def block(*rows, session_date=DAY):
    """A synthetic tick block; each row (symbol, sequence, bid), quotes one hundredth wide."""
    listed = []
    for symbol, sequence, bid in rows:
        at = OPEN + sequence
        row = dict.fromkeys(COLUMNS, 0) | {"instrument": TABLE.number(symbol), "publisher": 1, "sequence": sequence}
        row |= {"ts_event": at, "ts_recv": at, "bid": bid, "ask": bid + ONE // 100, "price": UNDEFINED_PRICE, "action": Action.MODIFY}
        listed.append(row)
    ticks = Ticks(**{name: np.array([row[name] for row in listed], dtype) for name, dtype in COLUMNS.items()})
    return encode_block(TickBlock(ticks, TABLE, session_date, True))


def event(*contents, first=FIRST):
    """As the AWS Lambda developer guide prints it."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "ticks-0000",
                    "sequenceNumber": str(first + place),
                    "data": base64.b64encode(content).decode(),
                    "approximateArrivalTimestamp": 1517841001.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{first + place}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": REGION,
                "eventSourceARN": ARN,
            }
            for place, content in enumerate(contents)
        ]
    }


def told(live):
    """The records of the quotes stream, by partition key."""
    (shard,) = live.kinesis.list_shards(StreamName="quotes")["Shards"]
    start = live.kinesis.get_shard_iterator(StreamName="quotes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
    found = {}
    for record in live.kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]:
        found.setdefault(record["PartitionKey"], []).append(decode_quotes(record["Data"]))
    return found


def test_a_batch_leaves_objects_quotes_blocks_and_a_snapshot(live, log_lines):
    whole, halved = block(("KO", 1, 46 * ONE), ("XOM", 1, 79 * ONE)), block(("KO", 2, 47 * ONE), ("KO", 3, 4 * ONE))
    other = block(("KO", 4, 48 * ONE), session_date=date(2018, 2, 6))
    assert ingest_ticks.handler(event(whole, halved, b"junk", other), CONTEXT) == {"batchItemFailures": []}

    shard = "shardId-000000000006"
    keys = [f"{FIRST + place:056d}" for place in range(4)]
    archived = [f"ticks/2018-02-05/{shard}/{key}" for key in keys[:2]]
    assert live.services.keys("ticks", "ticks/") == archived
    assert live.services.object("ticks", archived[0]) == whole
    assert decode_block(live.services.object("ticks", archived[1])).ticks.bid.tolist() == [47 * ONE]

    refused = [f"quarantine/2018-02-05/{shard}/{keys[1]}", *(f"quarantine/strays/2018-02-05/{shard}/{key}" for key in keys[2:])]
    assert live.services.keys("ticks", "quarantine/") == refused
    entries = [Quarantined.decode(live.services.object("ticks", key)) for key in refused]
    assert entries[0].reasons == {"OUTSIDE_BAND": [0]}
    assert [(entry.kind, entry.payload, entry.reasons["code"]) for entry in entries[1:]] == [
        ("record", b"junk", "invalid_input"),
        ("record", other, "not_found"),
    ]

    assert live.hot.read(["KO", "XOM"]) == {
        "KO": HotQuote(47 * ONE, 47 * ONE + ONE // 100, 0, 0, OPEN + 2),
        "XOM": HotQuote(79 * ONE, 79 * ONE + ONE // 100, 0, 0, OPEN + 1),
    }
    blocks = told(live)
    assert sorted(blocks) == ["bucket-0000", "bucket-0002"]
    (market,), (mine,) = blocks["bucket-0000"], blocks["bucket-0002"]
    assert (market.quotes.bid.tolist(), mine.quotes.bid.tolist()) == ([47 * ONE, 79 * ONE], [47 * ONE])
    assert (mine.bucket, mine.session_date, mine.synthetic) == (2, DAY, True)
    assert mine.positions[0].line == f"ticks-0000 {FIRST} {FIRST + 1}"
    assert live.services.keys("live", "lanes/") == ["lanes/2018-02-05/ticks-0000"]

    (line,) = [line for line in log_lines() if line["message"] == "ingest_ticks"]
    assert {name: line[name] for name in ("records", "repeats", "strays", "failed")} == {
        **{"records": 4, "repeats": 0, "strays": 2, "failed": False}
    }


def test_a_batch_that_comes_again_changes_nothing(live, log_lines):
    batch = event(block(("KO", 1, 46 * ONE)), b"junk", block(("KO", 2, 47 * ONE)))
    ingest_ticks.handler(batch, CONTEXT)
    before = {key: live.services.object("ticks", key) for key in live.services.keys("ticks", "")}
    snapshot, hot, blocks = (
        live.services.object("live", "lanes/2018-02-05/ticks-0000"),
        live.hot.read(["KO"]),
        len(told(live)["bucket-0000"]),
    )
    # Another process, without anything in memory.
    bootstrap.session_ingest.cache_clear()
    assert ingest_ticks.handler(batch, CONTEXT) == {"batchItemFailures": []}
    assert {key: live.services.object("ticks", key) for key in live.services.keys("ticks", "")} == before
    assert live.services.object("live", "lanes/2018-02-05/ticks-0000") == snapshot
    assert (live.hot.read(["KO"]), len(told(live)["bucket-0000"])) == (hot, blocks)
    assert [line["repeats"] for line in log_lines() if line["message"] == "ingest_ticks"] == [0, 2]


def test_without_the_cache_the_batch_comes_again_and_is_taken_once_it_is_back(live, monkeypatch, log_lines, cache):
    batch = event(b"junk", block(("KO", 1, 46 * ONE)))
    monkeypatch.setenv("DAYMARK_REDIS_URL", "unix:///nonexistent/redis.sock")
    assert ingest_ticks.handler(batch, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": str(FIRST + 1)}]}
    assert live.services.keys("live", "lanes/") == []
    assert told(live) == {}
    assert [line["failed"] for line in log_lines() if line["message"] == "ingest_ticks"] == [True]
    monkeypatch.setenv("DAYMARK_REDIS_URL", f"unix://{cache}")
    bootstrap.session_ingest.cache_clear()
    assert ingest_ticks.handler(event(block(("KO", 1, 46 * ONE)), first=FIRST + 1), CONTEXT) == {"batchItemFailures": []}
    assert [each.quotes.bid.tolist() for each in told(live)["bucket-0002"]] == [[46 * ONE]]
    assert live.hot.read(["KO"])["KO"].bid == 46 * ONE


def test_an_event_of_another_kind_is_refused(live):
    with pytest.raises(InvalidInput):
        ingest_ticks.handler({"Records": [{"s3": {}}]}, CONTEXT)
    assert live.services.keys("ticks", "") == []


def test_a_missing_setting_is_named(live, monkeypatch):
    monkeypatch.delenv("DAYMARK_QUOTES_STREAM")
    with pytest.raises(InvalidInput) as refused:
        ingest_ticks.handler(event(b"junk"), CONTEXT)
    assert refused.value.field == "DAYMARK_QUOTES_STREAM"
