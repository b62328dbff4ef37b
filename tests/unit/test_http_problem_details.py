"""Every error as a problem; every bad input a 400 that names the field, and never a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.core import errors
from daymark.http.problem_details import STATUS, problem_of
from daymark.operations.journal import ImpossibleTransition
from tests.unit.http_world import DAY, World, make_world

# RFC 9110: 400 bad request, 401 no identity, 403 refused, 404 not found, 409 conflict, 422 sound but impossible, 503 later.
EXPECTED = {
    errors.InvalidInput: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StaleFence: 409,
    errors.NotASession: 422,
    errors.NotPublished: 422,
    errors.QualityBlocked: 422,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
    ImpossibleTransition: 500,
}


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_the_whole_tree_is_mapped() -> None:
    def leaves(root: type[errors.DaymarkError]) -> Iterator[type[errors.DaymarkError]]:
        for child in root.__subclasses__():
            yield child
            yield from leaves(child)

    core = {leaf for leaf in leaves(errors.DaymarkError) if leaf.__module__ == errors.__name__}
    assert core <= set(EXPECTED)
    assert core | {errors.DaymarkError} == set(STATUS)


@pytest.mark.parametrize(("kind", "status"), EXPECTED.items())
def test_status_of_each_error(kind: type[errors.DaymarkError], status: int) -> None:
    answer = problem_of(kind("what is wrong", field="lots[3]", nearest="2018-02-05"))
    body = bytes(answer.body).decode()
    assert answer.status_code == status
    assert ("what is wrong" in body) is (status not in (404, 500))
    assert ("retry-after" in answer.headers) is (status in (429, 503))


def test_a_new_leaf_of_the_tree_inherits_its_parents_status() -> None:
    class LotTaken(errors.Conflict):
        code = "lot_taken"

    assert problem_of(LotTaken("sold already")).status_code == 409


def test_odd_values_in_the_context_never_break_the_answer() -> None:
    answer = problem_of(errors.InvalidInput("bad", got="\ud800", on=DAY))
    assert b"2018-02-05" in bytes(answer.body)


START, KEY = "/v1/operations/runs", {"Idempotency-Key": "k"}
REPORTS, LOTS = "/v1/operations/reports", "/v1/book/portfolios/NS-1/lots"
POSITIONS = "/v1/book/portfolios/NS-1/positions"
GOOD = {"session_date": "2018-02-05", "phase": "PRE_MARKET"}
CURSOR_OF_NOBODY = "A" * 40

BAD_QUERIES: list[tuple[str, dict[str, list[str]], str]] = [
    *[(POSITIONS, {"on": [text]}, "query.on") for text in (
        "0001-01-01", "9999-12-31", "1899-12-31", "2101-01-01", "2018-02-30", "2018-2-5", "20180205", "2018-02-05T00:00:00",
        "1517788800", "0", "-1", "NaN", "inf", "", " ", "today", "٢٠١٨-٠٢-٠٥", "2018-02-05\u0000", "２０１８-02-05", "x" * 5000)],
    (POSITIONS, {"on": ["2018-02-05", "NaN"]}, "query.on"),
    (POSITIONS, {"date": ["2018-02-05"]}, "query.date"),
    *[(LOTS, {"limit": [text]}, "query.limit") for text in ("0", "-1", "201", "1e9", "9" * 400, "NaN", "1.5", "", "ten", "\ufffd")],
    *[(LOTS, {"open": [text]}, "query.open") for text in ("maybe", "", "2", "NaN")],
    *[(LOTS, {"cursor": [text]}, "query.cursor") for text in (
        CURSOR_OF_NOBODY, "", "é", "\ufffd", "a", "====", "../..", "x" * 513, "null", "\u0000")],
    ("/v1/book/portfolios", {"cursor": [CURSOR_OF_NOBODY]}, "query.cursor"),
    ("/v1/book/portfolios/NS-1/marks", {"cursor": [CURSOR_OF_NOBODY]}, "query.cursor"),
    (REPORTS, {"cursor": [CURSOR_OF_NOBODY], "session_date": ["2018-02-05"]}, "query.cursor"),
    (REPORTS, {}, "query.session_date"),
    (START, {}, "query.session_date"),
    (START, {"session_date": ["0001-01-01"]}, "query.session_date"),
    ("/v1/operations/runs/2018-02-05/MARKET_CLOSE", {"attempt": ["0"]}, "query.attempt"),
    ("/v1/operations/runs/2018-02-05/MARKET_CLOSE", {"attempt": ["99999999999999999999"]}, "query.attempt"),
]  # fmt: skip
BAD_PATHS: list[tuple[str, str]] = [
    ("/v1/book/portfolios/" + "N" * 65, "path.portfolio_id"),
    ("/v1/book/portfolios/NS-1#x", "path.portfolio_id"),
    ("/v1/book/portfolios/NS 1", "path.portfolio_id"),
    ("/v1/book/portfolios/\ufffd", "path.portfolio_id"),
    ("/v1/book/portfolios/NS-1\n", "path.portfolio_id"),
    ("/v1/book/portfolios/\u0000", "path.portfolio_id"),
    ("/v1/book/portfolios/..", "path.portfolio_id"),
    ("/v1/book/portfolios/NS-1/marks/9999-12-31", "path.session_date"),
    ("/v1/book/portfolios/NS-1/marks/0001-01-01", "path.session_date"),
    ("/v1/operations/days/today", "path.session_date"),
    ("/v1/operations/runs/2018-02-05/LUNCH", "path.phase"),
    ("/v1/operations/runs/2018-02-05/market_close", "path.phase"),
    ("/v1/operations/reports/2018-02-05/%23", "path.subject"),
]
BAD_BODIES: list[tuple[Any, str]] = [
    ("", "body"),
    ("{", "body"),
    ("null", "body"),
    ("[]", "body"),
    ("NaN", "body"),
    ('"text"', "body"),
    ("[" * 60000, "body"),
    ({}, "body.session_date"),
    ({**GOOD, "session_date": "0001-01-01"}, "body.session_date"),
    ({**GOOD, "session_date": "9999-12-31"}, "body.session_date"),
    ({**GOOD, "session_date": 20180205}, "body.session_date"),
    ({**GOOD, "session_date": None}, "body.session_date"),
    ('{"session_date": NaN, "phase": "PRE_MARKET"}', "body.session_date"),
    ('{"session_date": 1e999, "phase": "PRE_MARKET"}', "body.session_date"),
    ({**GOOD, "phase": "LUNCH"}, "body.phase"),
    ({**GOOD, "phase": "\ud800"}, "body.phase"),
    ({**GOOD, "phase": ["PRE_MARKET"]}, "body.phase"),
    ('{"session_date": "2018-02-05", "phase": "PRE_MARKET", "dry_run": NaN}', "body.dry_run"),
    ({**GOOD, "dry_run": "yes"}, "body.dry_run"),
    ({**GOOD, "dry_run": 1}, "body.dry_run"),
    ({**GOOD, "tenant": "harbor"}, "body.tenant"),
]


@pytest.mark.parametrize(("path", "query", "field"), BAD_QUERIES, ids=lambda value: ascii(value)[:60])
def test_a_bad_query_is_refused_by_field(world: World, path: str, query: dict[str, list[str]], field: str) -> None:
    status, body, headers = world.ask(path, "adviser ben", query=query)
    assert (status, body["field"], body["code"]) == (400, field, "invalid_input"), body
    assert headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("path", "field"), BAD_PATHS, ids=lambda value: ascii(value)[:60])
def test_a_bad_path_is_refused_by_field(world: World, path: str, field: str) -> None:
    status, body, _ = world.ask(path, "adviser ben")
    assert (status, body["field"], body["code"]) == (400, field, "invalid_input")


@pytest.mark.parametrize(("sent", "field"), BAD_BODIES, ids=lambda value: ascii(value)[:60])
def test_a_bad_body_is_refused_by_field(world: World, sent: Any, field: str) -> None:
    status, body, _ = world.ask(START, "operations of shared", method="POST", body=sent, headers=KEY)
    assert (status, body["field"], body["code"]) == (400, field, "invalid_input")
    assert not world.starter.started


@pytest.mark.parametrize("key", [None, "", " ", "two words", "k" * 129, "schlüssel", "a\tb"])
def test_a_post_needs_a_sound_idempotency_key(world: World, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    status, body, _ = world.ask(START, "operations of shared", method="POST", body=GOOD, headers=headers)
    assert (status, body["field"]) == (400, "header.Idempotency-Key")
    assert not world.starter.started


def test_a_refusal_says_what_the_rule_says_and_nothing_before_it(world: World) -> None:
    _, body, _ = world.ask(POSITIONS, "adviser ben", query={"on": ["2018-02-30"]})
    assert body["errors"] == [{"field": "query.on", "message": "is no day of the calendar"}]
    assert body["detail"] == "query.on: is no day of the calendar"


def test_a_call_that_a_port_or_length_of_its_own_came_with_is_answered(world: World) -> None:
    """The gateway adapter would read each of these as a number, and the framework take a length for the body's."""
    for name in ("Host", "X-Forwarded-Port", "Content-Length"):
        for value in ("port", "a:b:c", "9" * 5000, "-1", "443, 8443"):
            assert world.ask("/v1/book/portfolios", "adviser ben", headers={name: value})[0] == 200, (name, value)
            assert world.ask("/v1/monitoring/tickets", "adviser ben", method="POST", headers={name: value})[0] == 201, (name, value)


@pytest.mark.parametrize("path", ["/v1/monitoring/tickets", f"{START}/2018-02-05/MID_DAY/resume", START])
def test_a_large_body_is_refused_before_the_call_has_any_effect(world: World, path: str) -> None:
    before = len(world.starter.resumed)
    status, body, headers = world.ask(path, "operations of shared", method="POST", body=" " * 70_000, headers=KEY)
    assert (status, body["code"], body["field"]) == (413, "too_large", "body")
    assert headers["content-type"] == "application/problem+json"
    assert len(world.starter.resumed) == before


def test_half_a_surrogate_pair_anywhere_is_answered(world: World) -> None:
    half = "\ud800"
    assert world.ask(f"/v1/book/portfolios/{half}", "adviser ben")[0] == 400
    assert world.ask("/v1/book/portfolios", "adviser ben", query={"cursor": [half]})[0] == 400
    assert world.ask("/v1/book/portfolios", "adviser ben", headers={"User-Agent": half})[0] == 200
    assert world.ask(START, "operations of shared", method="POST", body=f'{{"phase": "{half}"}}', headers=KEY)[0] == 400


def test_several_faults_are_all_named(world: World) -> None:
    _, body, _ = world.ask(LOTS, "adviser ben", query={"limit": ["0"], "open": ["x"], "sort": ["up"]})
    assert {fault["field"] for fault in body["errors"]} == {"query.limit", "query.open", "query.sort"}


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    status, body, _ = world.ask(START, "operations of shared", method="POST", body=" " * 70_000, headers=KEY)
    assert (status, body["code"]) == (413, "too_large")


def test_a_method_the_route_does_not_have(world: World) -> None:
    status, body, headers = world.ask("/v1/book/portfolios", "adviser ben", method="DELETE")
    assert (status, body["code"], headers["allow"]) == (405, "method_not_allowed", "GET")


def test_a_body_of_another_type_is_refused(world: World) -> None:
    headers = {**KEY, "Content-Type": "text/plain"}
    status, body, _ = world.ask(START, "operations of shared", method="POST", body='{"session_date":"2018-02-05"}', headers=headers)
    assert (status, body["field"]) == (400, "body")


def test_a_defect_is_a_500_that_tells_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tenant: str) -> None:
        raise KeyError("secret table northstar")

    monkeypatch.setattr(world.book, "portfolios", broken)
    status, body, _ = world.ask("/v1/book/portfolios", "adviser ben")
    assert (status, body["code"], body["status"]) == (500, "internal", 500)
    assert "secret" not in str(body) and "KeyError" not in str(body)


def test_a_dependency_that_is_away_is_a_503_to_repeat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(tenant: str) -> None:
        raise errors.Unavailable("the book did not answer in time")

    monkeypatch.setattr(world.book, "portfolios", away)
    status, body, headers = world.ask("/v1/book/portfolios", "adviser ben")
    assert (status, body["code"], headers["retry-after"]) == (503, "unavailable", "5")


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(on=text, limit=text, opened=text, cursor=text)
@settings(max_examples=40, deadline=None)
def test_no_query_ever_makes_a_5xx(on: str, limit: str, opened: str, cursor: str) -> None:
    query = {"on": [on], "limit": [limit], "open": [opened], "cursor": [cursor]}
    status, body, _ = _shared_world().ask(LOTS, "adviser ben", query=query)
    assert status in (200, 400), body


_WORLD: list[World] = []


def _shared_world() -> World:
    if not _WORLD:
        _WORLD.append(make_world())
    return _WORLD[0]
