"""Time limits: what the arithmetic takes for granted is what the functions' own clients do, and every sum fits."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from cdk import time_limits
from cdk.functions import EVERY_FUNCTION, INGEST_TICKS, MARGIN_SECONDS, MARK_PORTFOLIOS, QUOTES, TICKS
from cdk.live_settings import LiveSettings
from cdk.time_limits import CallLimits
from daymark.adapters.dynamodb.client import live_s3_client, s3_client
from daymark.adapters.kinesis import KinesisQuoteStream, kinesis_client
from daymark.adapters.redis_quotes import redis_client
from daymark.core.errors import Unavailable
from market_data import bootstrap
from market_data.settings import IngestSettings
from monitoring import mark_bootstrap
from monitoring.settings import MarkSettings

DEFINITIONS = {definition.name: definition for definition in EVERY_FUNCTION}


def limits(client: Any) -> CallLimits:
    """What a client really does."""
    config = client.meta.config
    return CallLimits(config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"])


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment of both readers; nothing is called."""
    ingest = IngestSettings(region="us-east-1", ticks_bucket="t", live_bucket="l", quotes_stream="q", redis_url="redis://127.0.0.1:1")
    marks = MarkSettings(region="us-east-1", live_bucket="l", ticks_bucket="t", event_bus="b")
    for name, value in (ingest.environment() | marks.environment()).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for cached in (bootstrap.session_ingest, mark_bootstrap.marking):
        cached.cache_clear()
    yield
    for cached in (bootstrap.session_ingest, mark_bootstrap.marking):
        cached.cache_clear()


def test_a_call_s_seconds_are_its_attempts_and_the_waits_between():
    # 4 x (1 + 10) and waits of at most 1, 2 and 4 s; six attempts wait 1 + 2 + 4 + 8 + 16 s, seven 20 s more and not 32.
    assert CallLimits(1.0, 10.0, 4).seconds == 44 + 7
    assert CallLimits(1.0, 2.0, 6).seconds == 18 + 31
    assert CallLimits(1.0, 2.0, 7).seconds == 21 + 51
    assert CallLimits(1.0, 5.0).seconds == 6


def test_clients_have_the_limits_that_are_added_up(deployed):
    ingest, marks = bootstrap.session_ingest(), mark_bootstrap.marking()
    s3 = [
        ingest.sessions._bucket._client,
        ingest.outlets.archive._bucket._client,
        ingest.outlets.quarantine._bucket._client,
        ingest.outlets.snapshots._client,
        marks.sessions._bucket._client,
        marks.outlets.boards._client,
        marks.outlets.quarantine._bucket._client,
    ]

    assert {limits(client).seconds for client in s3} == {time_limits.S3_SECONDS} == {13.0}
    assert limits(ingest.outlets.quotes._stream._client) == CallLimits(1.0, 5.0, 1)
    assert limits(marks.outlets.announcer._client).seconds == time_limits.BUS_SECONDS
    assert limits(live_s3_client("us-east-1")).seconds < limits(s3_client("us-east-1")).seconds


def test_a_stream_that_does_not_answer_is_given_up_within_its_time():
    class Silent:
        calls = 0

        def put_records(self, **_: Any) -> Any:
            self.calls += 1
            raise ConnectTimeoutError(endpoint_url="https://kinesis")

    client, waits = Silent(), []
    stream = KinesisQuoteStream("quotes", client, uniform=lambda: 1 - 2**-53, sleep=waits.append)
    with pytest.raises(Unavailable):
        stream.put([(1, b"block")])

    assert client.calls * limits(kinesis_client("us-east-1")).seconds + sum(waits) == pytest.approx(time_limits.PUT_SECONDS)


def test_a_cache_that_does_not_answer_is_given_up_within_its_time(deployed):
    settings = bootstrap.session_ingest().outlets.hot._client.connection_pool.connection_kwargs
    connect, answer = settings["socket_connect_timeout"], settings["socket_timeout"]

    assert settings["retry"].get_retries() == 1
    assert time_limits.cache_seconds() == 3 * (connect + 2 * answer) == 7.5
    with redis_client("redis://127.0.0.1:1") as client:
        assert client.connection_pool.connection_kwargs["socket_timeout"] == answer


def test_a_record_alone_fits_even_when_every_call_takes_all_its_time():
    # Ingest: eight calls to S3 of 13 s, 7.5 s of the cache, 37.55 s of the stream, 15 s of its own.
    assert sum(time_limits.INGEST.values()) == pytest.approx(8 * 13 + 7.5 + 37.55 + 15)
    # Marking: seven calls to S3, a telling of 4 s, 15 s of its own.
    assert sum(time_limits.MARKING.values()) == pytest.approx(7 * 13 + 4 + 15)
    for definition, steps in ((INGEST_TICKS, time_limits.INGEST), (MARK_PORTFOLIOS, time_limits.MARKING)):
        assert sum(steps.values()) <= definition.timeout_seconds <= 900, definition.name


def test_the_opening_fits_when_one_call_of_each_service_is_given_up():
    # A table 4 x 4 + 7 s, prices 4 x 11 + 7 s, the live bucket 13 s, 256 books, 15 s of its own.
    assert sum(time_limits.OPENING.values()) == pytest.approx(23 + 51 + 13 + 25.6 + 15)
    assert sum(time_limits.OPENING.values()) <= DEFINITIONS["open_live_session"].timeout_seconds - MARGIN_SECONDS
    defaults = {field.name: field.default for field in dataclasses.fields(LiveSettings)}
    assert defaults["portfolio_buckets"] == time_limits.BUCKETS


@pytest.mark.parametrize("target", ["cloud", "local"])
def test_what_is_deployed_has_the_time_of_its_definition(request, target):
    assembly = request.getfixturevalue(target)
    for _, body in assembly.resources("AWS::Lambda::Function", "us-east-1"):
        name = body["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
        assert body["Properties"]["Timeout"] == DEFINITIONS[name].timeout_seconds, name


def test_a_record_that_fails_is_tried_again_before_it_is_too_old():
    # Halved three times and seven times: 4, 2, 1 records and 100, 50, 25, 13, 7, 4, 2, 1, each stopped at the limit.
    day = 24 * 3600
    assert INGEST_TICKS.timeout_seconds * (TICKS.batch_records.bit_length() + 1) < day
    assert MARK_PORTFOLIOS.timeout_seconds * (QUOTES.batch_records.bit_length() + 1) < day


def test_readers_leave_the_account_s_workers_to_the_others(cloud):
    """A partition key is in one worker's hands at a time, so keys bound the workers, however many shards there are."""
    defaults = {field.name: field.default for field in dataclasses.fields(LiveSettings)}
    # Bucket 0 is the market's. An account has 1,000 workers at a time, if nothing else was agreed.
    most = defaults["tick_groups"] + defaults["portfolio_buckets"] + 1

    assert most == 321 < 1000 / 2
    # Reserved for one function they would be taken from the others, and fewer than the keys would hold lanes up.
    for _, body in cloud.resources("AWS::Lambda::Function"):
        assert "ReservedConcurrentExecutions" not in body["Properties"]
