"""FenceLedger: one epoch in force per scope, one content per claimed key."""

from __future__ import annotations

import pytest

from daymark.core.errors import Conflict, InvalidInput, NotFound, StaleFence
from daymark.core.fence import Claim, Fence
from tests.contracts.backends import Crash, CrashingClient

SCOPE = "2018-02-05/MARKET_CLOSE"


def test_epochs_rise_by_one_and_the_last_is_in_force(backend):
    with pytest.raises(NotFound):
        backend.ledger.current(SCOPE)
    assert backend.ledger.open(SCOPE, "us-east-1") == Fence(SCOPE, "us-east-1", 1)
    assert backend.ledger.open(SCOPE, "us-west-2") == Fence(SCOPE, "us-west-2", 2)
    assert backend.ledger.current(SCOPE) == Fence(SCOPE, "us-west-2", 2)
    with pytest.raises(NotFound):
        backend.ledger.current("another scope")


def test_a_scope_or_region_must_have_a_name(backend):
    for scope, region in (("", "us-east-1"), (SCOPE, "")):
        with pytest.raises(InvalidInput):
            backend.ledger.open(scope, region)


def test_first_claim_then_repeat_then_conflict(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    assert backend.ledger.claim("key", "aa", fence) is Claim.FIRST
    assert backend.ledger.claim("key", "aa", fence) is Claim.REPEAT
    with pytest.raises(Conflict):
        backend.ledger.claim("key", "bb", fence)
    assert backend.ledger.claim("key", "aa", fence) is Claim.REPEAT


def test_many_keys_are_told_apart(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    keys = [f"key {number}" for number in range(24)]
    assert [backend.ledger.claim(key, key, fence) for key in keys] == [Claim.FIRST] * 24
    assert [backend.ledger.claim(key, key, fence) for key in keys] == [Claim.REPEAT] * 24


def test_an_earlier_epoch_claims_nothing_on_any_key(backend):
    old = backend.ledger.open(SCOPE, "us-east-1")
    backend.ledger.claim("held", "aa", old)
    new = backend.ledger.open(SCOPE, "us-west-2")
    for number in range(24):  # more keys than a scope has items, so every item is asked
        with pytest.raises(StaleFence):
            backend.ledger.claim(f"key {number}", "aa", old)
    with pytest.raises(StaleFence):
        backend.ledger.claim("held", "aa", old)
    assert backend.ledger.claim("held", "aa", new) is Claim.REPEAT
    with pytest.raises(Conflict):
        backend.ledger.claim("held", "bb", new)


def test_a_fence_nobody_opened_claims_nothing(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    for number in range(20):
        for forged in (Fence(SCOPE, "us-east-1", 7), Fence(SCOPE, "us-west-2", fence.epoch)):
            with pytest.raises(StaleFence):
                backend.ledger.claim(f"key {number}", "aa", forged)
    with pytest.raises(NotFound):
        backend.ledger.claim("key", "aa", Fence("never opened", "us-east-1", 1))
    assert backend.ledger.claim("key 0", "aa", fence) is Claim.FIRST


def test_scopes_do_not_share_epochs_or_claims(backend):
    one, other = backend.ledger.open("one", "us-east-1"), backend.ledger.open("other", "us-east-1")
    backend.ledger.open("other", "us-east-1")
    assert backend.ledger.claim("key", "aa", one) is Claim.FIRST
    with pytest.raises(StaleFence):
        backend.ledger.claim("key", "bb", other)


def test_opening_that_stopped_half_way_can_be_used_and_the_earlier_epoch_cannot_win(aws):
    old = aws.ledger.open(SCOPE, "us-east-1")
    aws.build(CrashingClient(aws.dynamodb, 3, after=True), aws.s3)
    with pytest.raises(Crash):
        aws.ledger.open(SCOPE, "us-west-2")
    aws.build(aws.dynamodb, aws.s3)
    current = aws.ledger.current(SCOPE)
    assert current == Fence(SCOPE, "us-west-2", 2)
    keys = [f"key {number}" for number in range(24)]
    assert [aws.ledger.claim(key, "aa", current) for key in keys] == [Claim.FIRST] * 24
    for key in keys:
        with pytest.raises(StaleFence):
            aws.ledger.claim(key, "aa", old)


def test_the_fence_table_is_written_by_single_item_updates_only(aws):
    client = CrashingClient(aws.dynamodb, 0, after=False)
    aws.build(client, aws.s3)
    fence = aws.ledger.open(SCOPE, "us-east-1")
    aws.ledger.claim("key", "aa", fence)
    aws.ledger.current(SCOPE)
    assert set(client.calls) == {"update_item", "get_item"}
