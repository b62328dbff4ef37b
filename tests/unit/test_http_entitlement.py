"""Every route of the interface, for every caller and every id: what each may see, from a table written by hand.

The table below does not use ``may``: it says in words of ids who owns what. A route that is missing from it fails the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from daymark.http.app import checked_in_openapi
from tests.unit.http_world import CALLERS, DAY, World, make_world

NOT_FOUND = {
    "type": "urn:daymark:problem:not_found",
    "title": "Not found",
    "status": 404,
    "detail": "There is no such thing, or none that you may see.",
    "code": "not_found",
}
# Who sees which portfolio ids; harbor has an NS-1 of its own.
SEES = {
    "client H-1": {"NS-1"},
    "client H-2": {"NS-2", "NS-3"},
    "client H-1 of harbor": {"NS-1", "HB-1"},
    "adviser ben": {"NS-1", "NS-2"},
    "adviser bea": {"NS-3"},
    "adviser ben of harbor": {"NS-1", "HB-1"},
    "operations": {"NS-1", "NS-2", "NS-3"},
    "operations of harbor": {"NS-1", "HB-1"},
    "risk": {"NS-1", "NS-2", "NS-3"},
    "administrator": {"NS-1", "NS-2", "NS-3"},
    "operations of shared": set(),
    "risk of shared": set(),
}
PORTFOLIO_IDS = ("NS-1", "NS-2", "NS-3", "HB-1", "XX-9")
CLIENTS = {"client H-1", "client H-2", "client H-1 of harbor"}
STAFF = set(SEES) - CLIENTS
STARTS = {"operations of shared"}
# The tenants whose part of a task's report each caller reads; advisers have no whole tenant.
TENANT_PARTS = {
    "operations": {"northstar"}, "risk": {"northstar"}, "administrator": {"northstar"}, "operations of harbor": {"harbor"},
}  # fmt: skip
RUN = f"/v1/operations/runs/{DAY}/MARKET_CLOSE"
START = {"session_date": "2018-02-05", "phase": "PRE_MARKET"}

Case = tuple[str, str, dict[str, Any], dict[str, int]]


def _per_portfolio(template: str, path: str) -> Iterator[Case]:
    for portfolio_id in PORTFOLIO_IDS:
        expected = {caller: 200 if portfolio_id in seen else 404 for caller, seen in SEES.items()}
        yield f"GET {template}", path.replace("{portfolio_id}", portfolio_id), {}, expected


def _runs(template: str, path: str, query: dict[str, list[str]] | None = None) -> Case:
    return f"GET {template}", path, {"query": query or {}}, {caller: 200 if caller in STAFF else 404 for caller in SEES}


def _effect(template: str, path: str, body: dict[str, Any] | None = None) -> Case:
    expected = {caller: 202 if caller in STARTS else 403 if caller in STAFF else 404 for caller in SEES}
    return f"POST {template}", path, {"method": "POST", "body": body, "headers": {"Idempotency-Key": f"k-{len(path)}"}}, expected


def _cases() -> Iterator[Case]:
    everybody = dict.fromkeys(SEES, 200)
    book, operations = "/v1/book/portfolios", "/v1/operations"
    yield f"GET {book}", book, {}, everybody
    for rest in ("", "/positions", "/lots", "/marks"):
        yield from _per_portfolio(f"{book}/{{portfolio_id}}{rest}", f"{book}/{{portfolio_id}}{rest}")
    yield from _per_portfolio(f"{book}/{{portfolio_id}}/marks/{{session_date}}", f"{book}/{{portfolio_id}}/marks/{DAY}")
    yield _runs(f"{operations}/runs", f"{operations}/runs", {"session_date": [str(DAY)]})
    yield _runs(f"{operations}/runs/{{session_date}}/{{phase}}", RUN)
    yield _runs(f"{operations}/runs/{{session_date}}/{{phase}}/tasks", f"{RUN}/tasks")
    yield _effect(f"{operations}/runs", f"{operations}/runs", START)
    yield _effect(f"{operations}/runs/{{session_date}}/{{phase}}/resume", f"{operations}/runs/{DAY}/MID_DAY/resume")
    yield _effect(f"{operations}/runs/{{session_date}}/{{phase}}/tasks/{{task}}/retry", f"{RUN}/tasks/mark_portfolios/retry")
    yield f"GET {operations}/days/{{session_date}}", f"{operations}/days/{DAY}", {}, everybody
    tickets = "/v1/monitoring/tickets"
    yield f"POST {tickets}", tickets, {"method": "POST"}, dict.fromkeys(SEES, 201)
    yield f"GET {operations}/reports", f"{operations}/reports", {"query": {"session_date": [str(DAY)]}}, everybody
    template = f"{operations}/reports/{{session_date}}/{{subject}}"
    for _, path, asked, expected in _per_portfolio(template, f"{operations}/reports/{DAY}/{{portfolio_id}}"):
        yield f"GET {template}", path, asked, expected
    yield _runs(template, f"{operations}/reports/{DAY}/operations")


CASES = tuple(_cases())


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_the_table_covers_every_route() -> None:
    document = json.loads(checked_in_openapi())
    routes = {f"{verb.upper()} {path}" for path, operations in document["paths"].items() for verb in operations}
    assert routes == {route for route, *_ in CASES}
    assert set(SEES) == set(CALLERS)


@pytest.mark.parametrize(("route", "path", "asked", "expected"), CASES, ids=[f"{route} {path}" for route, path, *_ in CASES])
def test_each_caller_gets_what_the_table_says(world: World, route: str, path: str, asked: dict[str, Any], expected: dict[str, int]) -> None:
    world.starter.started.clear()
    world.starter.resumed.clear()
    for caller, status in expected.items():
        got, body, headers = world.ask(path, caller, **asked)
        assert got == status, (route, path, caller, body)
        if status == 404:
            assert body == NOT_FOUND, (route, path, caller)
            assert headers["content-type"] == "application/problem+json"
    starters = [caller for caller, status in expected.items() if status == 202]
    assert len(world.starter.started) + len(world.starter.resumed) == len(starters)


@pytest.mark.parametrize(("route", "path", "asked", "expected"), CASES, ids=[f"{route} {path}" for route, path, *_ in CASES])
def test_nobody_without_claims_gets_anything(world: World, route: str, path: str, asked: dict[str, Any], expected: dict[str, int]) -> None:
    status, body, headers = world.ask(path, None, **asked)
    assert (status, body["code"], headers["www-authenticate"]) == (401, "unauthenticated", "Bearer")


def test_an_unknown_route_says_the_same_as_another_tenants_id(world: World) -> None:
    assert world.ask("/v1/book/nothing/here", "risk")[:2] == (404, NOT_FOUND)
    assert world.ask("/v1/book/portfolios/HB-1", "risk")[:2] == (404, NOT_FOUND)


@pytest.mark.parametrize("caller", SEES)
def test_lists_hold_exactly_what_the_caller_sees(world: World, caller: str) -> None:
    _, portfolios, _ = world.ask("/v1/book/portfolios", caller)
    assert {item["portfolio_id"] for item in portfolios["items"]} == SEES[caller]
    _, reports, _ = world.ask("/v1/operations/reports", caller, query={"session_date": [str(DAY)]})
    assert {item["subject"] for item in reports["items"]} == SEES[caller] | ({"operations"} if caller in STAFF else set())
    _, day, _ = world.ask(f"/v1/operations/days/{DAY}", caller)
    assert {row["portfolio_id"] for row in day["portfolios"]} == SEES[caller]
    assert {run["phase"] for run in day["phases"]} == ({"MID_DAY", "MARKET_CLOSE", "POST_MARKET"} if caller in STAFF else set())


@pytest.mark.parametrize("caller", sorted(STAFF))
def test_a_tasks_report_shows_no_other_tenants_part(world: World, caller: str) -> None:
    _, tasks, _ = world.ask(f"{RUN}/tasks", caller)
    _, run, _ = world.ask(RUN, caller)
    _, day, _ = world.ask(f"/v1/operations/days/{DAY}", caller)
    close = next(phase for phase in day["phases"] if phase["phase"] == "MARKET_CLOSE")
    for answer in (tasks["items"], run["tasks"], close["tasks"]):
        shown = next(task for task in answer if task["task"] == "mark_portfolios")["by_tenant"]
        assert set(shown) == TENANT_PARTS.get(caller, set())


def test_the_same_id_of_two_tenants_answers_each_with_its_own(world: World) -> None:
    assert world.ask(f"/v1/operations/reports/{DAY}/NS-1", "client H-1")[1]["html"].startswith("memory://reports/northstar/")
    assert world.ask(f"/v1/operations/reports/{DAY}/NS-1", "client H-1 of harbor")[1]["html"].startswith("memory://reports/harbor/")
