"""The mark function: a Kinesis event as Lambda gets it in; a board, quarantine and word on the bus out."""

from __future__ import annotations

import base64
import json

import boto3
import pytest

from daymark.contracts.bucket_book import encode_book
from daymark.contracts.live_board import decode_board
from daymark.contracts.live_session import encode_live_session
from daymark.contracts.quote_blocks import QuoteBlock, encode_quotes
from daymark.core.errors import InvalidInput
from daymark.market_data.quarantine import Quarantined
from monitoring import mark_bootstrap, mark_portfolios
from monitoring.settings import MarkSettings
from tests.handlers.conftest import CONTEXT, REGION, Services
from tests.mark_world import DAY, NEXT_DAY, ONE, Sessions, block, quote

FIRST = 49590338271490256608559692538361571095921575989136588898
DONE = {"batchItemFailures": []}


@pytest.fixture
def queue(services: Services, monkeypatch):
    """Monday opened in the live bucket, and a queue that hears what is told of marks."""
    standing = {bucket["Name"] for bucket in services.s3.list_buckets()["Buckets"]}
    for bucket in {"daymark-ticks", "daymark-live"} - standing:
        services.s3.create_bucket(Bucket=bucket)
    sessions = Sessions()
    session = sessions.open(DAY)
    services.s3.put_object(Bucket="daymark-live", Key="sessions/2018-02-05.json", Body=encode_live_session(session))
    for key, book in sessions.books.items():
        services.s3.put_object(Bucket="daymark-live", Key=key, Body=encode_book(book))
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = json.dumps({"source": ["daymark.monitoring"], "detail-type": ["MarksMoved"]})
    services.events.put_rule(Name="heard", EventBusName="daymark", EventPattern=pattern)
    services.events.put_targets(Rule="heard", EventBusName="daymark", Targets=[{"Id": "heard", "Arn": arn}])
    settings = MarkSettings(region=REGION, live_bucket="daymark-live", ticks_bucket="daymark-ticks", event_bus="daymark")
    for variable, value in settings.environment().items():
        monkeypatch.setenv(variable, value)
    mark_bootstrap.marking.cache_clear()
    yield lambda: [
        json.loads(message["Body"])["detail"] for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    ]
    mark_bootstrap.marking.cache_clear()


def event(*contents: QuoteBlock | bytes, first: int = FIRST, key: str = "bucket-0001"):
    """As the AWS Lambda developer guide prints it."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": key,
                    "sequenceNumber": str(first + place),
                    "data": base64.b64encode(content if isinstance(content, bytes) else encode_quotes(content)).decode(),
                    "approximateArrivalTimestamp": 1517850000.087,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"shardId-000000000006:{first + place}",
                "eventName": "aws:kinesis:record",
                "awsRegion": REGION,
                "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/quotes",
            }
            for place, content in enumerate(contents)
        ]
    }


def board(services: Services):
    return decode_board(services.object("live", "boards/bucket-0001"))


def test_a_block_moves_its_board_and_is_told(services, queue):
    """2 XOM at 51: 102.00."""
    assert mark_portfolios.handler(event(block(1, 5, quote("XOM", price=51 * ONE))), CONTEXT) == DONE
    stored = board(services)
    assert (stored.names[3], int(stored.cells[0, 3]), stored.revision, stored.position) == (
        "northstar/P13",
        10_200,
        1_517_850_000_087,
        FIRST,
    )
    assert queue() == [{"version": 1, "bucket": 1, "revision": 1_517_850_000_087}]
    mark_bootstrap.marking.cache_clear()
    assert mark_portfolios.handler(event(block(1, 6, quote("XOM", price=52 * ONE)), first=FIRST + 9), CONTEXT) == DONE
    assert (int(board(services).cells[0, 3]), board(services).revision) == (10_400, 1_517_850_000_088)


def test_poison_is_set_aside_with_its_payload(services, queue):
    assert mark_portfolios.handler(event(b"poison", block(1, 5, quote("XOM", price=51 * ONE))), CONTEXT) == DONE
    (key,) = services.keys("ticks", "quarantine/")
    assert key == f"quarantine/quotes/2018-02-05/shardId-000000000006/{FIRST:056d}"
    assert Quarantined.decode(services.object("ticks", key)).payload == b"poison"
    assert board(services).position == FIRST + 1


def test_the_answer_names_the_first_record_that_has_to_come_again(services, queue):
    batch = event(block(1, 5, quote("XOM", price=51 * ONE), session_date=NEXT_DAY), block(1, 6, quote("XOM", price=52 * ONE)))
    assert mark_portfolios.handler(batch, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": str(FIRST)}]}
    assert services.keys("live", "boards/") == []


def test_an_event_that_is_none_is_refused(queue):
    with pytest.raises(InvalidInput):
        mark_portfolios.handler({"Records": [{"kinesis": {}}]}, CONTEXT)
