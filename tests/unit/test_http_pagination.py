"""Cursors: good for the caller and query they were made for, and for nothing else."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.core.errors import InvalidInput
from daymark.core.tenancy import Principal, Role
from daymark.http.pagination import Cursors, after_position
from tests.unit.http_world import World, make_world

RAY = Principal("ray", "northstar", Role.RISK)
CURSORS = Cursors(b"k" * 32)
QUERY = {"portfolio_id": "NS-1", "open": None}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_a_cursor_brings_back_its_position(position: str) -> None:
    assert CURSORS.position(CURSORS.after(position, RAY, "lots", QUERY), RAY, "lots", QUERY) == position


@given(st.data())
def test_a_cursor_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    cursor = CURSORS.after("NS-1-L3", RAY, "lots", QUERY)
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != cursor[place]))
    with pytest.raises(InvalidInput) as refused:
        CURSORS.position(cursor[:place] + other + cursor[place + 1 :], RAY, "lots", QUERY)
    assert refused.value.field == "query.cursor"


@pytest.mark.parametrize(
    ("key", "principal", "route", "query"),
    [
        (b"x" * 32, RAY, "lots", QUERY),
        (b"k" * 32, Principal("roy", "northstar", Role.RISK), "lots", QUERY),
        (b"k" * 32, Principal("ray", "harbor", Role.RISK), "lots", QUERY),
        (b"k" * 32, Principal("ray", "northstar", Role.ADVISER), "lots", QUERY),
        (b"k" * 32, Principal("ray", "northstar", Role.RISK, "H-1"), "lots", QUERY),
        (b"k" * 32, RAY, "marks", QUERY),
        (b"k" * 32, RAY, "lots", {**QUERY, "portfolio_id": "NS-2"}),
        (b"k" * 32, RAY, "lots", {**QUERY, "open": True}),
    ],
)
def test_a_cursor_is_bound_to_key_caller_route_and_query(key: bytes, principal: Principal, route: str, query: dict[str, object]) -> None:
    cursor = CURSORS.after("NS-1-L3", RAY, "lots", QUERY)
    with pytest.raises(InvalidInput):
        Cursors(key).position(cursor, principal, route, query)


@pytest.mark.parametrize("position", ["a", "ab", "abc"])
def test_only_one_spelling_of_a_cursor_is_accepted(position: str) -> None:
    """Base64 ignores the last character's idle bits, padding and, unless told, the other alphabet: none of that passes."""
    cursor = CURSORS.after(position, RAY, "lots", QUERY)
    alphabet = string.ascii_letters + string.digits + "-_+/="
    others = {cursor[:-1] + last for last in alphabet} | {cursor + "=", cursor + "==", cursor + "\n", " " + cursor}
    for other in others - {cursor}:
        with pytest.raises(InvalidInput):
            CURSORS.position(other, RAY, "lots", QUERY)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(InvalidInput):
        Cursors(b"k" * 31)


@given(st.sets(st.text(max_size=4)), st.integers(1, 5))
def test_pages_joined_are_all_rows(names: set[str], limit: int) -> None:
    rows, position, joined = sorted(names), None, []
    while True:
        page, last = after_position(rows, str, position, limit)
        # Every page but the last is full, and no page is empty unless nothing is there at all.
        assert len(page) == (limit if last is not None else min(limit, len(rows) - len(joined)))
        assert page or not rows
        joined += page
        if last is None:
            break
        position = last
    assert joined == rows


@pytest.mark.parametrize("path", ["/v1/book/portfolios", "/v1/book/portfolios/NS-1/lots", "/v1/book/portfolios/NS-1/marks"])
def test_another_callers_cursor_is_refused_by_the_interface(path: str) -> None:
    world: World = make_world()
    _, page, _ = world.ask(path, "risk", query={"limit": ["1"]})
    assert world.ask(path, "risk", query={"cursor": [page["next_cursor"]]})[0] == 200
    status, body, _ = world.ask(path, "operations", query={"cursor": [page["next_cursor"]]})
    assert (status, body["field"]) == (400, "query.cursor")
