"""What S3 says about a conditional write, in the project's own words: raced, busy, or unknown because an answer was lost."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.s3.lane_snapshots import S3LaneSnapshots
from daymark.core.errors import Conflict, Unavailable


class Client:
    """Answers, or fails, as planned."""

    def __init__(self, answer: Any = None, failure: Exception | None = None) -> None:
        self.answer, self.failure, self.calls = answer, failure, []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            if self.failure is not None:
                raise self.failure
            return self.answer

        return call


def refusal(code: str, status: int, retries: int | None = 0) -> ClientError:
    metadata: Any = {"HTTPStatusCode": status} | ({} if retries is None else {"RetryAttempts": retries})
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}, "PutObject")


def test_a_first_save_asks_for_nothing_to_stand_and_a_later_one_for_its_version():
    client = Client({"ETag": '"e2"'})
    snapshots = S3LaneSnapshots("live", "lanes", client)
    assert snapshots.save("2018-02-05/a", b"one", None) == '"e2"'
    assert snapshots.save("2018-02-05/..", b"two", '"e1"') == '"e2"'
    common = {"Bucket": "live", "ContentType": "application/octet-stream"}
    assert client.calls == [
        ("put_object", {**common, "Key": "lanes/2018-02-05/a", "Body": b"one", "IfNoneMatch": "*"}),
        ("put_object", {**common, "Key": "lanes/2018-02-05/%2E%2E", "Body": b"two", "IfMatch": '"e1"'}),
    ]


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (refusal("PreconditionFailed", 412), Conflict),
        (refusal("NoSuchKey", 404), Conflict),
        (refusal("PreconditionFailed", 412, retries=None), Conflict),
        # The client itself sent the write twice: the first, of which no answer came, may be what stands.
        (refusal("PreconditionFailed", 412, retries=1), Unavailable),
        (refusal("NoSuchKey", 404, retries=1), Unavailable),
        (refusal("ConditionalRequestConflict", 409), Unavailable),
        (refusal("SlowDown", 503), Unavailable),
        (refusal("InternalError", 500), Unavailable),
        (ReadTimeoutError(endpoint_url="x"), Unavailable),
        (refusal("NoSuchBucket", 404), Misconfigured),
        (refusal("AccessDenied", 403), Misconfigured),
        (refusal("InvalidRequest", 400), ClientError),
    ],
)
@pytest.mark.parametrize("replaces", [None, '"e1"'])
def test_a_refused_save_leaves_in_the_projects_words(replaces, failure, meaning):
    with pytest.raises(meaning):
        S3LaneSnapshots("live", "lanes", Client(failure=failure)).save("a", b"one", replaces)


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [(refusal("SlowDown", 503), Unavailable), (ReadTimeoutError(endpoint_url="x"), Unavailable), (refusal("403", 403), Misconfigured)],
)
def test_a_reading_that_failed_is_not_nothing(failure, meaning):
    snapshots = S3LaneSnapshots("live", "lanes", Client(failure=failure))
    for call in (snapshots.version, snapshots.load):
        with pytest.raises(meaning):
            call("a")
