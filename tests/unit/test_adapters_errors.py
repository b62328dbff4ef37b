"""AWS answers in the project's words."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from daymark.adapters.dynamodb.client import client_settings, dynamodb_client
from daymark.adapters.dynamodb.errors import ConditionFailed, Contended, Misconfigured, translated
from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound, Unavailable


def answer(code: str, status: int = 400, message: str = "", **more: object) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}, "PutItem")


def cancelled(*codes: str) -> ClientError:
    return answer("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (answer("ProvisionedThroughputExceededException"), Unavailable),
        (answer("ThrottlingException"), Unavailable),
        (answer("RequestLimitExceeded"), Unavailable),
        (answer("SlowDown", 503), Unavailable),
        (answer("SomethingNew", 500), Unavailable),
        (answer("SomethingNew", 503), Unavailable),
        (ReadTimeoutError(endpoint_url="http://x"), Unavailable),
        (ConnectTimeoutError(endpoint_url="http://x"), Unavailable),
        (EndpointConnectionError(endpoint_url="http://x"), Unavailable),
        (cancelled("None", "TransactionConflict"), Contended),
        (cancelled("ThrottlingError"), Contended),
        (cancelled("TransactionConflict", "ConditionalCheckFailed"), ConditionFailed),
        (answer("ConditionalCheckFailedException"), ConditionFailed),
        (answer("PreconditionFailed", 412), ConditionFailed),
        (answer("NoSuchKey", 404), NotFound),
        (answer("404", 404), NotFound),
        (answer("ResourceNotFoundException"), Misconfigured),
        (answer("NoSuchBucket", 404), Misconfigured),
        (answer("AccessDeniedException"), Misconfigured),
        (answer("ValidationException", message="Item size has exceeded the maximum allowed size"), InvalidInput),
    ],
)
def test_each_answer_has_one_meaning_and_names_what_was_called(raised, becomes):
    with pytest.raises(becomes, match="writing table t") as caught, translated("writing table t"):
        raise raised
    assert caught.value.__cause__ is raised
    assert caught.value.retryable is issubclass(becomes, Unavailable)


def test_a_refused_condition_is_a_conflict_with_the_item_that_stands():
    with pytest.raises(Conflict) as caught, translated("x"):
        raise answer("ConditionalCheckFailedException", Item={"pk": {"S": "a"}})
    assert caught.value.item == {"pk": {"S": "a"}}


def test_every_error_of_the_tree_is_built_alike():
    kinds, seen = [DaymarkError], []
    while kinds:
        seen.append(kinds.pop())
        kinds += seen[-1].__subclasses__()
    assert ConditionFailed in seen
    for kind in seen:
        error = kind("what is wrong", field="lots", failures=2)
        assert (error.message, error.field, error.context) == ("what is wrong", "lots", {"failures": 2}), kind


@pytest.mark.parametrize("raised", [answer("ValidationException", message="bad expression"), cancelled("ValidationError"), ValueError("x")])
def test_a_defect_passes_unchanged(raised):
    with pytest.raises(type(raised)) as caught, translated("x"):
        raise raised
    assert caught.value is raised


def test_a_missing_table_is_named():
    with (
        pytest.raises(Misconfigured, match=r"reading table book: Table: book not found; has it been deployed\?"),
        translated("reading table book"),
    ):
        raise answer("ResourceNotFoundException", message="Table: book not found")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("", 1.0, 1.0, 1), "region"),
        (("r", 0.0, 1.0, 1), "connect_seconds"),
        (("r", 1.0, -1.0, 1), "read_seconds"),
        (("r", 1.0, 1.0, 0), "attempts"),
    ],
)
def test_a_client_needs_every_limit(arguments, field):
    with pytest.raises(InvalidInput) as caught:
        client_settings(*arguments)
    assert caught.value.field == field


def test_a_clients_limits_region_and_endpoint_are_the_ones_stated(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4599")
    client = dynamodb_client("us-west-2", connect_seconds=0.5, read_seconds=1.5, attempts=2)
    assert (client.meta.region_name, client.meta.endpoint_url) == ("us-west-2", "http://127.0.0.1:4599")
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (0.5, 1.5)
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": 2}
