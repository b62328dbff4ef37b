"""Tampering with a chain is always found, and found where it is."""

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.core.audit import AuditEntry, ChainFault, canonical_json, chain, merkle_root, verify

DAY = date(2018, 2, 5)
LEAVES = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2), max_leaves=4
)
BODIES = st.dictionaries(st.text(max_size=3), JSON, max_size=3)
EVENTS = st.lists(st.tuples(st.text(min_size=1, max_size=4), BODIES), min_size=1, max_size=7)


def build(events: list[tuple[str, dict[str, Any]]], tenant: str = "northstar") -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for number, (event, body) in enumerate(events):
        key = f"key-{number}"
        entries.append(entries[-1].then(key, event, body) if entries else AuditEntry.first(tenant, DAY, "MARKET_CLOSE", key, event, body))
    return entries


@settings(max_examples=50)
@given(EVENTS)
def test_an_honest_chain_holds(events: list[tuple[str, dict[str, Any]]]):
    entries = build(events)
    assert verify(entries) is None
    assert verify(entries, entries[-1].hash) is None
    assert build(events) == entries, "the same events must give the same hashes"


FIELDS = ["tenant", "session_date", "phase", "sequence", "key", "event", "body", "previous_hash", "hash"]


def changed(entry: AuditEntry, field: str) -> AuditEntry:
    value = getattr(entry, field)
    if field == "session_date":
        return replace(entry, session_date=value + timedelta(days=1))
    if field == "sequence":
        return replace(entry, sequence=value + 1)
    if field == "body":
        return replace(entry, body={**value, "planted": 1})
    if field in ("previous_hash", "hash"):
        return replace(entry, **{field: ("0" if value[0] != "0" else "1") + value[1:]})
    return replace(entry, **{field: value + "x"})


@settings(max_examples=50)
@given(EVENTS, st.data())
def test_an_edit_of_any_field_is_located(events: list[tuple[str, dict[str, Any]]], data: st.DataObject):
    entries = build(events)
    place = data.draw(st.integers(0, len(entries) - 1))
    entries[place] = changed(entries[place], data.draw(st.sampled_from(FIELDS)))
    fault = verify(entries)
    assert fault is not None
    # A changed first entry names another chain: its own link is the one that fails.
    assert fault.index == place


@settings(max_examples=50)
@given(EVENTS, st.data())
def test_an_edit_with_a_recomputed_hash_is_located_at_the_next_link(events: list[tuple[str, dict[str, Any]]], data: st.DataObject):
    entries = build(events)
    sealed = entries[-1].hash
    place = data.draw(st.integers(0, len(entries) - 1))
    forged = replace(entries[place], body={**entries[place].body, "planted": 1})
    entries[place] = replace(forged, hash=chain(forged.previous_hash, forged))
    fault = verify(entries, sealed)
    assert fault is not None
    assert fault.index == place + 1


@settings(max_examples=50)
@given(EVENTS, st.data())
def test_a_deletion_is_located(events: list[tuple[str, dict[str, Any]]], data: st.DataObject):
    entries = build(events)
    sealed = entries[-1].hash
    place = data.draw(st.integers(0, len(entries) - 1))
    del entries[place]
    fault = verify(entries, sealed)
    assert fault is not None
    assert fault.index == place
    if place < len(entries):
        assert verify(entries) == fault, "inside the chain no seal is needed"


@settings(max_examples=50)
@given(EVENTS.filter(lambda events: len(events) > 1), st.data())
def test_a_reordering_is_located_at_the_first_entry_out_of_place(events: list[tuple[str, dict[str, Any]]], data: st.DataObject):
    entries = build(events)
    moved = data.draw(st.permutations(entries).filter(lambda order: order != entries))
    fault = verify(moved)
    assert fault is not None
    assert fault.index == next(place for place, (one, other) in enumerate(zip(moved, entries, strict=True)) if one != other)


@settings(max_examples=50)
@given(EVENTS, st.data())
def test_an_insertion_is_located(events: list[tuple[str, dict[str, Any]]], data: st.DataObject):
    entries = build(events)
    place = data.draw(st.integers(0, len(entries)))
    copy = data.draw(st.sampled_from(entries))
    entries.insert(place, copy)
    fault = verify(entries, entries[-1].hash)
    assert fault is not None
    # A copy beside its original: the second of the two is the one out of place.
    assert fault.index == place + (copy.sequence == place)


@settings(max_examples=50)
@given(EVENTS, st.data())
def test_a_forged_insertion_is_located_at_the_link_after_it(events: list[tuple[str, dict[str, Any]]], data: st.DataObject):
    entries = build(events)
    sealed = entries[-1].hash
    place = data.draw(st.integers(1, len(entries)))
    entries.insert(place, entries[place - 1].then("planted", "planted", {}))
    fault = verify(entries, sealed)
    assert fault is not None
    assert fault.index == place + 1


@settings(max_examples=50)
@given(EVENTS)
def test_a_chain_rewritten_for_another_tenant_does_not_end_in_the_sealed_hash(events: list[tuple[str, dict[str, Any]]]):
    sealed = build(events)[-1].hash
    assert verify(build(events, tenant="harbor"), sealed) == ChainFault(len(events), "the chain does not end in the sealed hash")


@settings(max_examples=50)
@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=9, unique=True), st.data())
def test_the_root_depends_on_every_hash_and_on_their_order(leaves: list[bytes], data: st.DataObject):
    hashes = [leaf.hex() for leaf in leaves]
    root = merkle_root(hashes)
    assert merkle_root(data.draw(st.permutations(hashes).filter(lambda order: order != hashes))) != root
    place = data.draw(st.integers(0, len(hashes) - 1))
    assert merkle_root([*hashes[:place], *hashes[place + 1 :]]) != root
    assert merkle_root([*hashes, hashes[-1]]) != root, "an odd one out must not count twice (CVE-2012-2459)"
    assert merkle_root([*hashes[:place], "00" * 32, *hashes[place + 1 :]]) != root or hashes[place] == "00" * 32


@settings(max_examples=50)
@given(JSON)
def test_canonical_json_reads_back_and_is_stable(value: Any):
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@pytest.mark.parametrize("key", ["b", "é", "\U0001f600"])
def test_canonical_json_ignores_the_order_of_keys(key: str):
    assert canonical_json({key: 1, "a": 2}) == canonical_json({"a": 2, key: 1})
