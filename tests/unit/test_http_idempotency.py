"""Idempotency keys: one suite over the memory and the DynamoDB implementation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from daymark.adapters.dynamodb.idempotency import DynamoIdempotencyKeys
from daymark.adapters.dynamodb.tables import TABLES
from daymark.adapters.memory.idempotency import MemoryIdempotencyKeys
from daymark.core.clock import FixedClock
from daymark.core.errors import Conflict
from daymark.http.idempotency import IdempotencyKeys, payload_hash

SCOPE, FIRST, OTHER = "northstar/ray", {"run_id": "a"}, {"run_id": "b"}


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2018, 2, 5, tzinfo=UTC))


@pytest.fixture(params=["memory", "dynamodb"])
def keys(request: pytest.FixtureRequest, clock: FixedClock) -> Iterator[IdempotencyKeys]:
    if request.param == "memory":
        yield MemoryIdempotencyKeys(clock)
        return
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        name = f"operations-{uuid4()}"
        client.create_table(**TABLES["operations"].creation(name))
        yield DynamoIdempotencyKeys(name, client, clock)


def test_the_first_answer_stands(keys: IdempotencyKeys) -> None:
    assert keys.answer(SCOPE, "k", "p") is None
    assert keys.claim(SCOPE, "k", "p", FIRST) == FIRST
    assert keys.claim(SCOPE, "k", "p", OTHER) == FIRST
    assert keys.answer(SCOPE, "k", "p") == FIRST


def test_another_payload_under_the_key_is_a_conflict(keys: IdempotencyKeys) -> None:
    keys.claim(SCOPE, "k", "p", FIRST)
    for call in (lambda: keys.claim(SCOPE, "k", "q", FIRST), lambda: keys.answer(SCOPE, "k", "q")):
        with pytest.raises(Conflict) as refused:
            call()
        assert refused.value.field == "header.Idempotency-Key"
    assert keys.answer(SCOPE, "k", "p") == FIRST


@pytest.mark.parametrize(("scope", "key"), [("northstar/roy", "k"), ("harbor/ray", "k"), (SCOPE, "K"), (SCOPE, "k#")])
def test_nobody_meets_anothers_key(keys: IdempotencyKeys, scope: str, key: str) -> None:
    keys.claim(SCOPE, "k", "p", FIRST)
    assert keys.answer(scope, key, "q") is None
    assert keys.claim(scope, key, "q", OTHER) == OTHER


def test_a_key_is_free_again_after_a_day(keys: IdempotencyKeys, clock: FixedClock) -> None:
    keys.claim(SCOPE, "k", "p", FIRST)
    clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    assert keys.answer(SCOPE, "k", "p") == FIRST
    clock.advance(timedelta(seconds=1))
    assert keys.answer(SCOPE, "k", "q") is None
    assert keys.claim(SCOPE, "k", "q", OTHER) == OTHER


def test_what_the_caller_does_with_an_answer_changes_nothing(keys: IdempotencyKeys) -> None:
    answer = {"waves": [["a"]]}
    given = keys.claim(SCOPE, "k", "p", answer)
    given["waves"].append(["b"])
    assert keys.answer(SCOPE, "k", "p") == {"waves": [["a"]]}


def test_a_payload_is_hashed_with_its_operation_whatever_its_order() -> None:
    assert payload_hash("start", {"a": 1, "b": 2}) == payload_hash("start", {"b": 2, "a": 1})
    assert payload_hash("start", {"a": 1}) != payload_hash("retry", {"a": 1})
    assert payload_hash("start", {"a": 1}) != payload_hash("start", {"a": "1"})
    with pytest.raises(ValueError, match="not JSON compliant"):
        payload_hash("start", {"a": float("nan")})
