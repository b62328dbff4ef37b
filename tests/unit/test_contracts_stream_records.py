"""A Kinesis event in, records out; and the answer that Lambda reads as it is meant, or none at all."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime

import pytest

from daymark.contracts.stream_records import StreamRecord, batch_answer, check_answer, records_of
from daymark.core.errors import InvalidInput

SEQUENCE = "49590338271490256608559692538361571095921575989136588898"
# As the AWS Lambda developer guide prints it.
EVENT = json.dumps(
    {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "1",
                    "sequenceNumber": SEQUENCE,
                    "data": "SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",
                    "approximateArrivalTimestamp": 1545084650.987,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{SEQUENCE}",
                "eventName": "aws:kinesis:record",
                "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
                "awsRegion": "us-east-2",
                "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/lambda-stream",
            }
        ]
    }
)
RECORDS = [StreamRecord("shardId-0", number, "key", b"") for number in (8, 9, 10)]


def test_the_documented_event_is_read():
    assert records_of(json.loads(EVENT)) == [
        StreamRecord("shardId-000000000006", int(SEQUENCE), "1", b"Hello, this is a test.", SEQUENCE, 1545084650.987)
    ]


def test_an_answer_names_a_record_as_the_stream_wrote_it():
    event = json.loads(EVENT)
    event["Records"][0]["kinesis"]["sequenceNumber"] = "00012"
    (record,) = records_of(event)
    assert record.sequence == 12
    answer = batch_answer(record)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "00012"}]}
    check_answer(answer, [record], failed=True)
    with pytest.raises(InvalidInput):
        check_answer({"batchItemFailures": [{"itemIdentifier": "12"}]}, [record], failed=True)


def test_a_windows_last_event_may_have_no_records():
    assert records_of({"Records": [], "isFinalInvokeForWindow": True}) == []


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("Records",), None, "Records"),
        (("Records", 0), "text", "Records[0].kinesis"),
        (("Records", 0, "kinesis"), None, "Records[0].kinesis"),
        (("Records", 0, "eventID"), None, "Records[0].eventID"),
        (("Records", 0, "eventID"), "../shard:1", "Records[0].eventID"),
        (("Records", 0, "kinesis", "sequenceNumber"), 12, "Records[0].kinesis.sequenceNumber"),
        (("Records", 0, "kinesis", "approximateArrivalTimestamp"), "late", "Records[0].kinesis.approximateArrivalTimestamp"),
        (("Records", 0, "kinesis", "approximateArrivalTimestamp"), True, "Records[0].kinesis.approximateArrivalTimestamp"),
        (("Records", 0, "kinesis", "approximateArrivalTimestamp"), -1, "Records[0].kinesis.approximateArrivalTimestamp"),
        (("Records", 0, "kinesis", "approximateArrivalTimestamp"), float("nan"), "Records[0].kinesis.approximateArrivalTimestamp"),
        (("Records", 0, "kinesis", "approximateArrivalTimestamp"), 253_402_300_800, "Records[0].kinesis.approximateArrivalTimestamp"),
        (("Records", 0, "kinesis", "sequenceNumber"), "-1", "Records[0].kinesis.sequenceNumber"),
        (("Records", 0, "kinesis", "sequenceNumber"), "٣", "Records[0].kinesis.sequenceNumber"),
        (("Records", 0, "kinesis", "data"), "SGVs%", "Records[0].kinesis.data"),
        (("Records", 0, "kinesis", "data"), "SGVs\u00e9", "Records[0].kinesis.data"),
        (("Records", 0, "kinesis", "partitionKey"), None, "Records[0].kinesis.partitionKey"),
    ],
)
def test_what_is_no_kinesis_event_is_refused_by_name(path, value, field):
    event = json.loads(EVENT)
    part = event
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    with pytest.raises(InvalidInput) as refused:
        records_of(event)
    assert refused.value.field == field


@pytest.mark.parametrize(("seconds", "day"), [(0, "1970-01-01"), (0.5, "1970-01-01"), (math.nextafter(253_402_300_800, 0), "9999-12-31")])
def test_a_record_may_have_arrived_on_any_day_that_there_is(seconds, day):
    event = json.loads(EVENT)
    event["Records"][0]["kinesis"]["approximateArrivalTimestamp"] = seconds
    (record,) = records_of(event)
    assert record.arrived == seconds
    assert datetime.fromtimestamp(record.arrived, UTC).date().isoformat() == day


def test_a_lane_is_the_partition_key_or_the_digest_of_one_that_is_no_plain_text():
    lanes = [StreamRecord("shardId-0", 1, key, b"").lane for key in ("group-1", "a/b", "a b", "", "é", "\ud800", "x" * 101)]
    assert lanes[0] == "group-1"
    assert len(set(lanes)) == len(lanes)
    assert all(lane.startswith("sha256-") and len(lane) == 71 for lane in lanes[1:])


def test_keys_sort_as_their_records_do():
    numbers = [9, 10, 99, 10**55, int(SEQUENCE)]
    keys = [StreamRecord("shardId-0", number, "key", b"").key("ticks", date(2018, 2, 5)) for number in numbers]
    assert keys == sorted(keys)
    assert keys[-1] == f"ticks/2018-02-05/shardId-0/{SEQUENCE}"


def test_the_answer_of_a_failure_names_its_record():
    answer = batch_answer(RECORDS[1])
    assert json.dumps(answer) == '{"batchItemFailures": [{"itemIdentifier": "9"}]}'
    check_answer(answer, RECORDS, failed=True)
    check_answer(batch_answer(None), RECORDS, failed=False)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"batchItemFailures": None},
        {"batchItemFailures": ()},
        {"batchItemFailure": [{"itemIdentifier": "9"}]},
        {"batchItemFailures": [{"itemIdentifier": "9"}], "state": {}},
        {"batchItemFailures": [{"itemIdentifer": "9"}]},
        {"batchItemFailures": [{"itemIdentifier": "7"}]},
        {"batchItemFailures": [{"itemIdentifier": 9}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": ["9"]},
        {"batchItemFailures": [{"itemIdentifier": "9", "reason": "x"}]},
        {"batchItemFailures": []},
    ],
)
def test_an_answer_that_would_be_read_otherwise_is_refused(answer):
    with pytest.raises(InvalidInput):
        check_answer(answer, RECORDS, failed=True)


def test_a_failure_that_did_not_happen_is_refused():
    with pytest.raises(InvalidInput):
        check_answer(batch_answer(RECORDS[0]), RECORDS, failed=False)
