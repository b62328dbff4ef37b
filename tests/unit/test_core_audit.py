"""What an audit entry refuses, and that nobody can change it from outside."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from daymark.core.audit import AuditEntry, ChainFault, canonical_json, chain, merkle_root, verify
from daymark.core.errors import InvalidInput

DAY = date(2018, 2, 5)


def first(body: Any, **changes: Any) -> AuditEntry:
    arguments: dict[str, Any] = {
        "tenant": "northstar",
        "session_date": DAY,
        "phase": "MARKET_CLOSE",
        "key": "k",
        "event": "marked",
    } | changes
    return AuditEntry.first(**arguments, body=body)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": Decimal("1.00")}, "body.value"),
        ({"day": DAY}, "body.day"),
        ({"rows": [1.0, float("nan")]}, "body.rows[1]"),
        ({"rows": [{"x": float("inf")}]}, "body.rows[0].x"),
        ({1: "x"}, "body"),
        ({"x": b"bytes"}, "body.x"),
        ({"x": {1, 2}}, "body.x"),
        ({"x": "\ud800"}, "body.x"),
        ({"\udfff": 1}, "body"),
    ],
)
def test_a_body_that_is_not_plain_json_is_refused_by_path(body: Any, field: str):
    with pytest.raises(InvalidInput) as refused:
        first(body)
    assert refused.value.field == field


@pytest.mark.parametrize("name", ["tenant", "phase", "key", "event"])
def test_names_must_not_be_empty(name: str):
    with pytest.raises(InvalidInput) as refused:
        first({}, **{name: ""})
    assert refused.value.field == name
    if name in ("key", "event"):
        with pytest.raises(InvalidInput) as refused:
            first({}).then(**{"key": "k2", "event": "e", "body": {}, name: ""})
        assert refused.value.field == name


def test_a_session_date_is_a_date():
    with pytest.raises(InvalidInput) as refused:
        first({}, session_date=datetime(2018, 2, 5, tzinfo=UTC))
    assert refused.value.field == "session_date"


def test_an_entry_keeps_its_own_copy_as_a_store_would_give_it_back():
    body = {"rows": (1, 2), "inner": {"a": 1}}
    entry = first(body)
    body["inner"]["a"] = 2
    assert entry.body == {"rows": [1, 2], "inner": {"a": 1}}
    assert verify([entry]) is None


def test_enumerations_of_text_count_as_their_text():
    class Colour(StrEnum):
        RED = "red"

    assert canonical_json({"colour": Colour.RED, Colour.RED: 1}) == '{"colour":"red","red":1}'


def test_no_entries_hold_unless_a_hash_was_sealed():
    assert verify([]) is None
    assert verify([], "0" * 64) == ChainFault(0, "the chain does not end in the sealed hash")


def test_a_repeated_key_is_a_fault_even_when_the_hashes_hold():
    entry = first({})
    assert verify([entry, entry.then("k", "marked", {})]) == ChainFault(1, "repeats a key")


def test_a_gap_in_the_sequence_is_a_fault_even_when_the_hashes_hold():
    entry = first({})
    skipped = replace(entry.then("k2", "marked", {}), sequence=2)
    assert verify([entry, replace(skipped, hash=chain(entry.hash, skipped))]) == ChainFault(1, "sequence does not continue")


def test_a_stored_body_that_is_no_json_is_a_fault_and_no_crash():
    entry = replace(first({}), body={"x": float("nan")})
    assert verify([entry]) == ChainFault(0, "entry[7].x must be finite, got nan")
    moment = replace(first({}), session_date=datetime(2018, 2, 5, tzinfo=UTC))
    assert verify([moment]) == ChainFault(0, "session_date must be a date without a time")


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "A" * 64, "0" * 63, "0" * 65])
def test_a_root_is_over_hashes_only(text: str):
    with pytest.raises(InvalidInput) as refused:
        merkle_root(["0" * 64, text])
    assert refused.value.field == "hashes[1]"
