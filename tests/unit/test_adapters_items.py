"""Items, natural keys and models as text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from botocore.exceptions import ClientError

from daymark.adapters.dynamodb import items
from daymark.adapters.dynamodb.errors import ConditionFailed, Contended
from daymark.adapters.dynamodb.items import MAX_ITEM_BYTES, Row, decode, encode, item_bytes
from daymark.adapters.dynamodb.table import Table
from daymark.adapters.dynamodb.tables import TABLES
from daymark.adapters.rows import claim_rows, decode_model, encode_model, natural_key, unique_contents
from daymark.book.models import CashEntry, CashKind
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.core.fence import Fence

ENTRY = CashEntry("C1", "P1", date(2018, 2, 5), CashKind.DEPOSIT, Decimal("100.10"))


def test_a_row_survives_the_item_and_carries_a_version():
    row = Row("a", "b", '{"amount":"100.10"}', {"generation": 3})
    item = encode(row)
    assert item["version"] == {"N": "1"}
    assert decode(item) == row


def test_an_item_may_fill_the_limit_and_not_pass_it():
    empty = item_bytes(encode(Row("pk", "sk", "")))
    encode(Row("pk", "sk", "x" * (MAX_ITEM_BYTES - empty)))
    with pytest.raises(InvalidInput, match=f"item pk sk has {MAX_ITEM_BYTES + 1} bytes"):
        encode(Row("pk", "sk", "x" * (MAX_ITEM_BYTES - empty - 1) + "é"))


@pytest.mark.parametrize("version", [None, {"N": "2"}, {"N": "0"}])
def test_an_item_of_no_or_an_unknown_version_is_refused(version):
    item = encode(Row("a", "b", "{}"))
    item.pop("version")
    if version:
        item["version"] = version
    with pytest.raises(InvalidInput) as refused:
        decode(item)
    assert refused.value.field == "version"


def test_an_earlier_version_is_upgraded_step_by_step(monkeypatch):
    first = encode(Row("a", "b", '{"amount":"1.00"}'))
    monkeypatch.setattr(items, "SCHEMA_VERSION", 3)
    upgrades = {
        1: lambda body: {"amounts": [body["amount"]]},
        2: lambda body: body | {"currency": "USD"},
    }
    assert json.loads(decode(first, upgrades).body) == {"amounts": ["1.00"], "currency": "USD"}
    with pytest.raises(InvalidInput, match="nothing here can upgrade"):
        decode(first, {1: upgrades[1]})


def test_a_model_keeps_its_decimals_and_a_missing_new_field_takes_its_default():
    text = encode_model(CashEntry, ENTRY)
    assert json.loads(text)["amount"] == "100.10"
    assert decode_model(CashEntry, text) == ENTRY
    before = {name: value for name, value in json.loads(text).items() if name != "instrument_id"}
    assert decode_model(CashEntry, before) == ENTRY


@pytest.mark.parametrize(("name", "value"), [("amount", "1.001"), ("amount", "NaN"), ("booked", "5 Feb"), ("kind", "gift")])
def test_a_stored_model_that_breaks_a_rule_is_refused(name, value):
    broken = json.loads(encode_model(CashEntry, ENTRY)) | {name: value}
    with pytest.raises(InvalidInput):
        decode_model(CashEntry, broken)


def test_key_parts_and_batches():
    with pytest.raises(InvalidInput):
        natural_key("TENANT", "a#b")
    with pytest.raises(InvalidInput):
        natural_key("TENANT", "")
    with pytest.raises(InvalidInput, match="twice"):
        unique_contents([("a", "1"), ("a", "1")])


class Recorder:
    def __init__(self) -> None:
        self.claims: list[tuple[Mapping[str, str], Fence]] = []

    def claim(self, fingerprints: Mapping[str, str], fence: Fence) -> None:
        self.claims.append((fingerprints, fence))


def test_every_row_of_a_batch_is_claimed_by_its_own_key_for_the_sha_256_of_its_content():
    fence, ledger = Fence("scope", "us-east-1", 1), Recorder()
    claim_rows(ledger, {"a": "abc", "b": ""}, fence)
    # The two digests are those FIPS 180 publishes for "abc" and the empty message.
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert ledger.claims == [({"a": abc, "b": empty}, fence)]


def test_without_a_ledger_or_without_rows_nothing_is_claimed():
    fence, ledger = Fence("scope", "us-east-1", 1), Recorder()
    claim_rows(None, {"a": "1"}, fence)
    claim_rows(ledger, {}, fence)
    assert ledger.claims == []


class Reluctant:
    """Leaves keys unprocessed; ``patience`` rounds bring nothing first."""

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def batch_get_item(self, **request):
        ((table, asked),) = request["RequestItems"].items()
        keys = asked["Keys"]
        if self.patience:
            self.patience -= 1
            return {"Responses": {table: []}, "UnprocessedKeys": {table: {"Keys": keys}}}
        found = [key | {"version": {"N": "1"}, "body": {"S": "{}"}} for key in keys[:2]]
        return {"Responses": {table: found}, "UnprocessedKeys": {table: {"Keys": keys[2:]}} if keys[2:] else {}}


def test_unprocessed_keys_are_asked_for_again_and_not_for_ever():
    waits: list[int] = []
    keys = [("p", str(number)) for number in range(7)]
    assert set(Table("t", Reluctant(2), waits.append).read_many(keys)) == set(keys)
    assert waits == [1, 2]
    with pytest.raises(Unavailable, match="7 keys stay unprocessed"):
        Table("t", Reluctant(99), lambda retry: None).read_many(keys)


class Contending:
    """Another transaction is in the way, ``times`` times."""

    def __init__(self, times: int) -> None:
        self.times = times

    def put_item(self, **_request):
        self.times -= 1
        if self.times >= 0:
            reasons = {"CancellationReasons": [{"Code": "TransactionConflict"}]}
            raise ClientError({"Error": {"Code": "TransactionCanceledException"}, **reasons}, "PutItem")


def test_contention_is_waited_out_and_not_for_ever():
    waits: list[int] = []
    table = Table("t", Contending(4), waits.append)
    table.transact([table.put(encode(Row("a", "b", "{}")))])
    assert waits == [1, 2, 3, 4]
    table = Table("t", Contending(5), lambda retry: None)
    with pytest.raises(Contended):
        table.transact([table.put(encode(Row("a", "b", "{}")))])


class Racing:
    """A table on which another writer adds, just before each of our writes, the next of ``theirs``."""

    def __init__(self, theirs: list[Row]) -> None:
        self.theirs, self.items = theirs, {}

    def batch_get_item(self, **request):
        ((table, asked),) = request["RequestItems"].items()
        keys = [(key["pk"]["S"], key["sk"]["S"]) for key in asked["Keys"]]
        return {"Responses": {table: [self.items[key] for key in keys if key in self.items]}}

    def put_item(self, **put):
        self.transact_write_items([{"Put": put}], "ConditionalCheckFailedException")

    def transact_write_items(self, TransactItems, code="TransactionCanceledException"):  # noqa: N803  (the service's name)
        if self.theirs:
            row = self.theirs.pop(0)
            self.items[row.key] = encode(row)
        ours = {(put["Item"]["pk"]["S"], put["Item"]["sk"]["S"]): put["Item"] for put in (action["Put"] for action in TransactItems)}
        if ours.keys() & self.items.keys():
            raise ClientError({"Error": {"Code": code}, "CancellationReasons": [{"Code": "ConditionalCheckFailed"}]}, "PutItem")
        self.items |= ours


def test_two_writers_of_the_same_rows_in_turn_are_a_repeat_and_of_others_a_conflict():
    rows = [Row("p", str(number), "{}") for number in range(3)]
    for theirs in ([], rows[:1], rows[:2], rows):
        client = Racing(list(theirs))
        Table("t", client).append(rows)
        assert [decode(client.items[row.key]) for row in rows] == rows
    with pytest.raises(Conflict, match="other content stands under p 1"):
        Table("t", Racing([rows[0], replace(rows[1], body='{"a":1}')])).append(rows)


def test_a_refusal_that_nothing_explains_is_not_tried_for_ever():
    client = Racing([])
    client.items = {("p", "0"): encode(Row("p", "0", "{}"))}
    client.batch_get_item = lambda **request: {"Responses": {"t": []}}
    with pytest.raises(ConditionFailed):
        Table("t", client).append([Row("p", "0", "{}")])


def test_the_tables_are_described_once_and_the_fence_table_has_single_items():
    assert set(TABLES) == {"book", "operations", "fence", "audit", "connections", "rates"}
    assert [table.name for table in TABLES.values() if not table.replicated] == ["connections", "rates"]
    assert [table.name for table in TABLES.values() if table.strongly_consistent_regions] == ["fence"]
    assert TABLES["fence"].sort_key is None
    assert [key["AttributeName"] for key in TABLES["book"].creation("x")["KeySchema"]] == ["pk", "sk"]
    assert replace(TABLES["book"], sort_key=None).creation("x")["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
