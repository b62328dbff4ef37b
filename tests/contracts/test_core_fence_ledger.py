"""FenceLedger: one epoch in force per scope, one content per claimed key, whatever batches the keys came in."""

from __future__ import annotations

import pytest

from daymark.adapters.dynamodb import fence_ledger
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger, claim_name, place_of
from daymark.core.errors import Conflict, InvalidInput, NotFound, StaleFence
from daymark.core.fence import Fence
from tests.contracts.backends import Crash, CrashingClient
from tests.contracts.conftest import EMULATOR
from tests.contracts.samples import mark

SCOPE = "2018-02-05/MARKET_CLOSE"
MANY = {f"key {number}": f"{number:064x}" for number in range(20)}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Few items and short updates: twenty keys share items and take more than one update of some."""
    monkeypatch.setattr(fence_ledger, "ITEMS_PER_SCOPE", 4)
    monkeypatch.setattr(fence_ledger, "KEYS_PER_UPDATE", 3)


class NoRows(CrashingClient):
    """The process dies where it would write the first row."""

    def __getattr__(self, name):
        if name in ("put_item", "transact_write_items"):
            raise Crash(name)
        return super().__getattr__(name)


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
    with pytest.raises(NotFound):
        backend.ledger.current(SCOPE)


def test_the_same_content_is_a_repeat_and_other_content_a_conflict_that_names_the_key(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    backend.ledger.claim({"key": "aa"}, fence)
    backend.ledger.claim({"key": "aa"}, fence)
    with pytest.raises(Conflict) as refused:
        backend.ledger.claim({"key": "bb"}, fence)
    assert (refused.value.field, refused.value.context["key"], refused.value.context["scope"]) == ("key", "key", SCOPE)
    assert str(refused.value).startswith("key was claimed for other content: ")
    assert str(refused.value).endswith("a new attempt of the phase has keys of its own")
    backend.ledger.claim({"key": "aa"}, fence)


def test_every_key_of_a_batch_is_claimed_for_its_own_content(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    backend.ledger.claim(MANY, fence)
    backend.ledger.claim(MANY, fence)
    for key, content in MANY.items():
        backend.ledger.claim({key: content}, fence)
        with pytest.raises(Conflict) as refused:
            backend.ledger.claim({key: "other"}, fence)
        assert refused.value.context["key"] == key


def test_batches_meet_on_the_keys_they_share(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    backend.ledger.claim({"a": "1", "b": "2", "c": "3"}, fence)
    backend.ledger.claim({"c": "3", "d": "4"}, fence)
    backend.ledger.claim({"b": "2"}, fence)
    for batch, key in (({"d": "9", "e": "5"}, "d"), ({"f": "6", "b": "9"}, "b")):
        with pytest.raises(Conflict) as refused:
            backend.ledger.claim(batch, fence)
        assert refused.value.context["key"] == key


def test_an_empty_batch_claims_nothing_and_asks_nobody(backend):
    backend.ledger.claim({}, Fence("never opened", "us-east-1", 1))
    with pytest.raises(NotFound):
        backend.ledger.current("never opened")


def test_of_two_epochs_overlapping_batches_the_earlier_claims_nothing_more(backend):
    old = backend.ledger.open(SCOPE, "us-east-1")
    held = {key: MANY[key] for key in list(MANY)[:12]}
    backend.ledger.claim(held, old)
    new = backend.ledger.open(SCOPE, "us-west-2")
    for batch in (held, MANY, {"key 19": MANY["key 19"]}):
        with pytest.raises(StaleFence):
            backend.ledger.claim(batch, old)
    # What the stale batch asked for beyond what stood is still free; what stood is a repeat.
    backend.ledger.claim({**held, **{key: "new" for key in MANY if key not in held}}, new)
    with pytest.raises(Conflict):
        backend.ledger.claim({"key 0": "new"}, new)


def test_a_fence_nobody_opened_claims_nothing(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    forgeries = [Fence(SCOPE, "us-east-1", 7), Fence(SCOPE, "us-west-2", fence.epoch)]
    for forged in forgeries:
        for batch in (MANY, {"key 0": "forged"}):
            with pytest.raises(StaleFence):
                backend.ledger.claim(batch, forged)
    with pytest.raises(NotFound):
        backend.ledger.claim({"key": "aa"}, Fence("never opened", "us-east-1", 1))
    assert backend.ledger.open("never opened", "us-east-1").epoch == 1
    backend.ledger.claim(MANY, fence)


def test_scopes_do_not_share_epochs_or_claims(backend):
    one, other = backend.ledger.open("one", "us-east-1"), backend.ledger.open("other", "us-east-1")
    backend.ledger.claim({"key": "bb"}, other)
    backend.ledger.open("other", "us-east-1")
    backend.ledger.claim({"key": "aa"}, one)
    with pytest.raises(StaleFence):
        backend.ledger.claim({"key": "bb"}, other)


def test_rows_of_a_batch_that_meets_other_content_are_not_written(backend):
    fence = backend.ledger.open(SCOPE, "us-east-1")
    backend.marks.save([mark("P1"), mark("P2")], fence)
    with pytest.raises(Conflict) as refused:
        backend.marks.save([mark("P2", cash="99.99"), mark("P3")], fence)
    assert "P2" in refused.value.context["key"]
    assert "P3" not in refused.value.context["key"]
    day = mark().session_date
    assert backend.marks.mark("northstar", "P2", day) == mark("P2")
    assert backend.marks.mark("northstar", "P3", day) is None


def test_rows_of_a_claim_that_stood_come_by_replay_in_any_batch(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")
    day = mark().session_date
    aws.build(NoRows(aws.dynamodb, 0, after=False), aws.s3)
    with pytest.raises(Crash):
        aws.marks.save([mark("P1"), mark("P4")], fence)
    aws.build(aws.dynamodb, aws.s3)
    assert aws.marks.mark("northstar", "P1", day) is None
    with pytest.raises(Conflict):
        aws.marks.save([mark("P4", cash="99.99")], fence)
    aws.marks.save([mark("P4"), mark("P5"), mark("P1")], fence)
    assert [aws.marks.mark("northstar", each, day) for each in ("P1", "P4", "P5")] == [mark("P1"), mark("P4"), mark("P5")]


@pytest.mark.parametrize("after", [False, True])
def test_a_takeover_that_stopped_anywhere_can_be_used_and_the_earlier_epoch_cannot_win(aws, after):
    for crash_at in range(1, 5):
        scope = f"{SCOPE}/{crash_at}"
        old = aws.ledger.open(scope, "us-east-1")
        aws.ledger.claim({"held": "aa"}, old)
        aws.build(CrashingClient(aws.dynamodb, crash_at, after=after), aws.s3)
        with pytest.raises(Crash):
            aws.ledger.open(scope, "us-west-2")
        aws.build(aws.dynamodb, aws.s3)
        current = aws.ledger.current(scope)
        taken = crash_at > 1 or after
        assert current == (Fence(scope, "us-west-2", 2) if taken else old)
        aws.ledger.claim(MANY, current)
        for key in list(MANY)[: 4 if taken else 0]:
            with pytest.raises(StaleFence):
                aws.ledger.claim({key: MANY[key]}, old)
        with pytest.raises(Conflict):
            aws.ledger.claim({"held": "bb"}, current)


def test_a_takeover_raises_every_item_before_it_returns(aws):
    old = aws.ledger.open(SCOPE, "us-east-1")
    aws.ledger.claim(MANY, old)
    one_of_each = {place_of(key): key for key in (f"free {number}" for number in range(40))}
    assert sorted(one_of_each) == [0, 1, 2, 3]
    DynamoFenceLedger(aws.table("fence"), aws.dynamodb, workers=1).open(SCOPE, "us-west-2")
    for key in one_of_each.values():
        with pytest.raises(StaleFence):
            aws.ledger.claim({key: "aa"}, old)  # this ledger knows the epoch as once opened and asks the item alone


def test_a_first_epoch_is_opened_by_one_write_and_the_fence_table_knows_single_items_only(aws):
    client = CrashingClient(aws.dynamodb, 0, after=False)
    aws.build(client, aws.s3)
    fence = aws.ledger.open(SCOPE, "us-east-1")
    assert client.calls == ["update_item"]
    aws.ledger.claim({"key": "aa"}, fence)
    assert client.calls == ["update_item"] * 2
    aws.ledger.claim(MANY, aws.ledger.open(SCOPE, "us-west-2"))
    aws.ledger.current(SCOPE)
    assert set(client.calls) == {"update_item", "get_item"}


def test_another_process_looks_once_whether_the_epoch_was_opened(aws):
    fence = aws.ledger.open(SCOPE, "us-east-1")
    client = CrashingClient(aws.dynamodb, 0, after=False)
    other = DynamoFenceLedger(aws.table("fence"), client, workers=1)
    for key in ("a", "b", "c"):
        other.claim({key: "aa"}, fence)
    assert client.calls == ["get_item", "update_item", "update_item", "update_item"]


@pytest.mark.parametrize("aws", [EMULATOR], indirect=True)
def test_several_workers_claim_and_take_over_alike(aws):
    ledger = DynamoFenceLedger(aws.table("fence"), aws.dynamodb, workers=4)
    old = ledger.open(SCOPE, "us-east-1")
    ledger.claim(MANY, old)
    new = ledger.open(SCOPE, "us-west-2")
    for batch, fence, refusal in ((MANY, old, StaleFence), ({**MANY, "key 7": "other"}, new, Conflict)):
        with pytest.raises(refusal):
            ledger.claim(batch, fence)
    ledger.claim(MANY, new)


def test_claims_of_one_item_are_made_in_one_update_or_not_at_all(aws, monkeypatch):
    monkeypatch.setattr(fence_ledger, "ITEMS_PER_SCOPE", 1)
    fence = aws.ledger.open(SCOPE, "us-east-1")
    aws.ledger.claim({"b": "1"}, fence)
    client = CrashingClient(aws.dynamodb, 0, after=False)
    aws.build(client, aws.s3)
    with pytest.raises(Conflict) as refused:
        aws.ledger.claim({"a": "1", "b": "9", "c": "1"}, fence)
    assert refused.value.context["key"] == "b"
    aws.ledger.claim({"a": "2", "c": "2"}, fence)  # neither was claimed with the refused one
    assert client.calls[-1] == "update_item"


def test_a_full_item_refuses_claims_by_name_and_keeps_what_stands(aws, monkeypatch):
    monkeypatch.setattr(fence_ledger, "ITEMS_PER_SCOPE", 1)
    fence = aws.ledger.open(SCOPE, "us-east-1")
    aws.ledger.claim({"held": "aa"}, fence)
    # An item holds 409,600 bytes.
    filling = {f"other {number}": {"S": "x" * 100_000} for number in range(4)}
    item = aws.dynamodb.get_item(TableName=aws.table("fence"), Key={"pk": {"S": f"SCOPE#{SCOPE}#0"}})["Item"]
    aws.dynamodb.put_item(TableName=aws.table("fence"), Item=item | filling)
    with pytest.raises(InvalidInput) as refused:
        aws.ledger.claim({"straw": "a" * 12_000}, fence)
    assert refused.value.field == "item"
    aws.ledger.claim({"held": "aa"}, fence)
    stands = aws.dynamodb.get_item(TableName=aws.table("fence"), Key={"pk": {"S": f"SCOPE#{SCOPE}#0"}})["Item"]
    assert claim_name("held") in stands
    assert claim_name("straw") not in stands
