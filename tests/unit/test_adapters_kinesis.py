"""What the service answers to PutRecords, in the project's own words: refused one by one, as a whole, or with an answer of no use."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError

from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.kinesis import KinesisTickStream, kinesis_client
from daymark.core.errors import Unavailable
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
