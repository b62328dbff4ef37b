"""What the service answers to PutRecords, in the project's own words: refused one by one, as a whole, or with an answer of no use."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.kinesis import KinesisQuoteStream, KinesisTickStream, kinesis_client
from daymark.core.errors import InvalidInput, Unavailable
from daymark.market_data.tick_ports import PutRecord, PutResult

RECORDS = [PutRecord("ticks-0001", b"a"), PutRecord("ticks-0002", b"b")]
TAKEN = {"SequenceNumber": "49590338271490256608559692538361571095921575989136588898", "ShardId": "shardId-000000000006"}
BUSY = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard"}


class Client:
    """Answers, or fails, as planned."""

    def __init__(self, answer: Any = None, failure: Exception | None = None) -> None:
        self.answer, self.failure, self.calls = answer, failure, []

    def put_records(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        if self.failure is not None:
            raise self.failure
        return self.answer


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutRecords")


def test_each_record_has_its_own_result():
    client = Client({"FailedRecordCount": 1, "Records": [BUSY, TAKEN]})
    results = KinesisTickStream("ticks", client).put(RECORDS)
    assert results == [PutResult(error_code=BUSY["ErrorCode"]), PutResult(TAKEN["SequenceNumber"], TAKEN["ShardId"])]
    assert [result.is_taken for result in results] == [False, True]
    entries = [{"Data": b"a", "PartitionKey": "ticks-0001"}, {"Data": b"b", "PartitionKey": "ticks-0002"}]
    assert client.calls == [{"StreamName": "ticks", "Records": entries}]


@pytest.mark.parametrize("answer", [{}, {"Records": [TAKEN]}, {"Records": [TAKEN, {}]}, {"Records": [TAKEN, TAKEN, TAKEN]}])
def test_an_answer_that_does_not_tell_of_each_record_is_none(answer):
    with pytest.raises(Unavailable):
        KinesisTickStream("ticks", Client(answer)).put(RECORDS)


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (refusal("ProvisionedThroughputExceededException"), Unavailable),
        (refusal("KMSThrottlingException"), Unavailable),
        (refusal("InternalFailure", 500), Unavailable),
        (ReadTimeoutError(endpoint_url="x"), Unavailable),
        (ConnectTimeoutError(endpoint_url="x"), Unavailable),
        (refusal("ResourceNotFoundException"), Misconfigured),
        (refusal("AccessDeniedException"), Misconfigured),
        (refusal("ValidationException"), ClientError),
    ],
)
def test_a_refused_call_leaves_in_the_projects_words(failure, meaning):
    with pytest.raises(meaning):
        KinesisTickStream("ticks", Client(failure=failure)).put(RECORDS)


def test_the_client_makes_one_attempt():
    settings = kinesis_client("us-east-1").meta.config
    assert settings.retries["total_max_attempts"] == 1
    assert (settings.connect_timeout, settings.read_timeout) == (1.0, 5.0)


class Shards:
    """A stream that takes or refuses each record, or loses a whole answer, as its plan says; then takes everything."""

    def __init__(self, plan: Any = ()) -> None:
        self.plan, self.taken, self.calls = iter(plan), [], []

    def put_records(self, **arguments: Any) -> Any:
        records = arguments["Records"]
        self.calls.append([(record["PartitionKey"], record["Data"]) for record in records])
        lost, answer = next(self.plan, 0) == 9, []
        for record in records:
            if next(self.plan, 0) == 1:
                answer.append(BUSY)
            else:
                self.taken.append((record["PartitionKey"], record["Data"]))
                answer.append(TAKEN)
        if lost:
            raise ReadTimeoutError(endpoint_url="x")
        return {"Records": answer}

    def of(self, bucket: int) -> list[bytes]:
        return [data for key, data in self.taken if key == f"bucket-{bucket:04d}"]


def quote_stream(client: Any, slept: list[float] | None = None) -> KinesisQuoteStream:
    return KinesisQuoteStream("quotes", client, lambda: 0.5, ([] if slept is None else slept).append)


def test_a_call_holds_one_block_of_a_bucket():
    client = Shards()
    quote_stream(client).put([(1, b"a"), (1, b"b"), (2, b"c"), (1, b"d")])
    first, second = "bucket-0001", "bucket-0002"
    assert client.calls == [[(first, b"a"), (second, b"c")], [(first, b"b")], [(first, b"d")]]


def test_what_follows_a_refused_block_waits_for_it_and_nobody_else_does():
    """Of the first call the block of bucket 1 is refused, of the second as well."""
    client, slept = Shards([0, 1, 0, 0, 1, 0]), []
    quote_stream(client, slept).put([(1, b"a"), (1, b"b"), (2, b"c"), (2, b"d")])
    first, second = "bucket-0001", "bucket-0002"
    assert client.calls == [[(first, b"a"), (second, b"c")], [(first, b"a"), (second, b"d")], [(first, b"a")], [(first, b"b")]]
    # Half of 0.05, then half of 0.1.
    assert slept == [0.025, 0.05]


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.binary(min_size=1, max_size=2)), max_size=12),
    st.lists(st.sampled_from([0, 0, 0, 1, 9]), max_size=60),
)
def test_blocks_of_a_bucket_never_overtake_one_another(blocks, plan):
    """Whatever is refused or lost: a bucket's blocks stand in their order, each once or more in a row; all of them unless told."""
    numbered = [(bucket, b"%d:" % place + block) for place, (bucket, block) in enumerate(blocks)]
    client, told = Shards(plan), False
    try:
        quote_stream(client).put(numbered)
    except Unavailable:
        told = True
    for bucket in (1, 2, 3):
        given_ = [block for owner, block in numbered if owner == bucket]
        once = list(dict.fromkeys(client.of(bucket)))
        # Not sorted by their first coming only: no block comes back after a later one.
        assert [block for place, block in enumerate(client.of(bucket)) if client.of(bucket)[place - 1 : place] != [block]] == once
        assert once == given_[: len(once)]
        assert told or once == given_


@pytest.mark.parametrize(("plan", "calls"), [([0, 1] * 99, 6), ([9, 0] * 99, 6)], ids=["refused", "lost"])
def test_a_block_that_is_not_taken_for_long_is_given_back(plan, calls):
    client, slept = Shards(plan), []
    with pytest.raises(Unavailable):
        quote_stream(client, slept).put([(1, b"a"), (1, b"b")])
    assert len(client.calls) == calls
    assert slept == [0.025, 0.05, 0.1, 0.2, 0.4]
    assert b"b" not in client.of(1)


def test_a_call_that_went_well_ends_a_row_of_refusals():
    """Four refusals, a call taken, and four again: never six in a row."""
    client, slept = Shards([0, 1] * 4 + [0, 0] + [0, 1] * 4), []
    quote_stream(client, slept).put([(1, b"a"), (1, b"b")])
    assert client.of(1) == [b"a", b"b"]
    assert len(client.calls) == 10
    # The waits begin anew as well.
    assert slept == [0.025, 0.05, 0.1, 0.2] * 2


def test_a_call_keeps_within_its_limits():
    """Keys of eleven bytes count: five blocks of 1 MiB with their keys are 5 MiB, a sixth is too much."""
    client, block = Shards(), bytes((1 << 20) - 11)
    quote_stream(client).put([(bucket, block) for bucket in range(1, 7)])
    assert [len(call) for call in client.calls] == [5, 1]
    client = Shards()
    quote_stream(client).put([(bucket, b"x") for bucket in range(1, 1002)])
    assert [len(call) for call in client.calls] == [500, 500, 1]


@pytest.mark.parametrize("block", [b"", bytes((1 << 20) - 10)])
def test_nothing_is_put_when_one_block_cannot_be(block):
    client = Shards()
    with pytest.raises(InvalidInput):
        quote_stream(client).put([(1, b"a"), (2, block)])
    assert client.calls == []


def test_no_block_is_no_call():
    client = Shards()
    quote_stream(client).put([])
    assert client.calls == []


def test_a_missing_stream_is_not_tried_again():
    client = Client(failure=refusal("ResourceNotFoundException"))
    with pytest.raises(Misconfigured):
        quote_stream(client).put([(1, b"a")])
    assert len(client.calls) == 1
