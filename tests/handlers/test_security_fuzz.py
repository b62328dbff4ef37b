"""Hostile input, by handler family: no 5xx, refusals are problems, no NaN or infinity in an answer or in what is stored.

Large numbers of calls go to the application over stores in memory, a part of them to the functions over the tables as deployed.
``DAYMARK_FULL=1`` sends 100,000 of each family. The service exports no CSV, so what a spreadsheet would take for a formula is never
written into one: no route answers ``text/csv``, whatever is asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from book import api as book
from daymark.adapters.telemetry import logger
from daymark.core.tenancy import Principal, Role
from daymark.http.app import checked_in_openapi
from daymark.http.gateway import behind_gateway
from monitoring import api as monitoring
from monitoring.open_connection import handler as open_connection
from monitoring.receive_message import handler as receive_message
from operations import api as operations
from tests.findings import Teller
from tests.handlers.conftest import APP, CONTEXT, ISSUER, Services
from tests.handlers.test_monitoring_connections import connecting, posted, saying, ticket
from tests.hostile_input import Hostile
from tests.security_world import assert_finite, assert_sound, assert_stored_finite, strictly_read
from tests.unit.http_world import CALLERS, gateway_event, make_world
from tests.unit.live_world import LiveWorld

FULL = bool(os.environ.get("DAYMARK_FULL"))
CALLS = 100_000 if FULL else 1_000
STORED_CALLS = 5_000 if FULL else 120
Handler = Callable[[dict[str, Any], Any], Mapping[str, Any]]
FUNCTIONS: Mapping[str, Handler] = {"book": book.handler, "operations": operations.handler, "monitoring": monitoring.handler}
ROUTES = [
    (path.split("/")[2], verb.upper(), path, tuple(each["name"] for each in operation.get("parameters", []) if each["in"] == "query"))
    for path, verbs in json.loads(checked_in_openapi())["paths"].items()
    for verb, operation in verbs.items()
]
GOOD_WORDS = {
    "portfolio_id": ("NS-1", "NS-3"), "subject": ("NS-1", "operations"), "session_date": ("2018-02-05", "2018-02-04"),
    "phase": ("MARKET_CLOSE", "MID_DAY"), "task": ("mark_portfolios",),
}  # fmt: skip
START = ("session_date", "phase", "dry_run")


def hostile_event(draw: Hostile, family: str) -> dict[str, Any]:
    """A call of one of the family's routes, or of what is none, with anything in any place."""
    _, verb, path, names = draw.pick([route for route in ROUTES if route[0] == family])
    for name, good in GOOD_WORDS.items():
        path = path.replace(f"{{{name}}}", draw.pick(good) if draw.happens(0.7) else draw.word())
    if draw.happens(0.03):
        path = f"{path}/{draw.word()}"
    if draw.happens(0.03):
        verb = draw.pick(("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "get", "X"))
    body = draw.body(START) if verb == "POST" or draw.happens(0.05) else None
    caller = "operations of shared" if draw.happens(0.5) else draw.pick([*CALLERS])
    headers = {"Idempotency-Key": draw.pick(("k-1", "k-2", "k-3", "k-4", "k-5"))} | draw.headers()
    query = draw.query(names) if draw.happens(0.5) else {}
    claims = CALLERS[caller] | {"iss": ISSUER, "aud": APP, "exp": "4102444800"}
    given = gateway_event(verb, path, claims, query, body, headers)
    if draw.happens(0.05):
        doubled = draw.pick(("Idempotency-Key", "Host", "X-Forwarded-Port", "Content-Type", "Content-Length"))
        given["multiValueHeaders"][doubled] = [draw.word(), draw.word()]
    return given


def assert_answered(response: Mapping[str, Any], given: Mapping[str, Any], why: object) -> None:
    # A HEAD is a GET's answer without its body; none is deployed.
    if given["httpMethod"] == "HEAD" or response["body"] == "":
        assert response["statusCode"] in (405, 404), why
        return
    assert_sound(response, why)
    assert "csv" not in response["headers"]["content-type"]


@pytest.mark.parametrize("family", [*FUNCTIONS])
def test_no_call_makes_a_5xx_or_stores_a_nan(family: str, tell: Teller) -> None:
    world = make_world()
    application, statuses = behind_gateway(world.app), dict[int, int]()
    for number in range(CALLS):
        given = hostile_event(Hostile(number), family)
        response = application(given, CONTEXT)
        assert_answered(response, given, (family, number))
        statuses[response["statusCode"]] = statuses.get(response["statusCode"], 0) + 1
    # Enough got past the first check to mean something.
    assert len(statuses) >= 3 and sum(count for status, count in statuses.items() if status < 400) > CALLS // 50, statuses
    assert_finite(vars(world) | {"services": world.app.state.services, "started": world.starter.started})
    told = ", ".join(f"{count} answered {status}" for status, count in sorted(statuses.items()))
    tell([f"{family}: {CALLS} hostile calls, no 5xx: {told}"])


def test_the_functions_over_their_tables_neither(loaded: Services, tell: Teller) -> None:
    logger().setLevel("CRITICAL")
    try:
        for family, handler in FUNCTIONS.items():
            for number in range(STORED_CALLS):
                given = hostile_event(Hostile(1_000_000 + number), family)
                assert_answered(handler(given, CONTEXT), given, (family, number))
    finally:
        logger().setLevel("INFO")
    tell([f"{STORED_CALLS} hostile calls of each function; {assert_stored_finite(loaded.everything)} stored items read, none with a NaN"])


def test_bodies_of_any_size_are_refused_before_they_are_read() -> None:
    application = behind_gateway(make_world().app)
    claims = CALLERS["operations of shared"]
    for size in (64 * 1024 + 1, 1_000_000, 10_000_000):
        for body in ('{"session_date":"' + "A" * size + '"}', "[" * size, " " * size, "9" * size, "\u00e9" * (size // 2 + 1)):
            for path in ("/v1/operations/runs", "/v1/monitoring/tickets", "/v1/operations/runs/2018-02-05/MID_DAY/resume"):
                response = application(gateway_event("POST", path, claims, {}, body, {"Idempotency-Key": "k"}), CONTEXT)
                assert (response["statusCode"], assert_sound(response)["code"]) == (413, "too_large"), (path, size)
                assert len(response["body"]) < 1000


@pytest.mark.parametrize("accept", ["text/csv", "text/csv, */*;q=0.1", "application/vnd.ms-excel", "application/json"])
def test_nothing_is_exported_as_csv(accept: str) -> None:
    kinds = {kind for path in json.loads(checked_in_openapi())["paths"].values() for verb in path.values()
             for answer in verb["responses"].values() for kind in answer.get("content", {})}  # fmt: skip
    assert kinds <= {"application/json", "application/problem+json"}
    world = make_world()
    for _, verb, path, names in ROUTES:
        if verb == "GET":
            place = path.format(**{name: good[0] for name, good in GOOD_WORDS.items()})
            query = {"session_date": ["2018-02-05"]} if "session_date" in names else {}
            status, _, headers = world.ask(place, "risk", query=query, headers={"Accept": accept})
            assert status == 200 and headers["content-type"] == "application/json"
            assert "content-disposition" not in headers


FRAME = ("version", "action", "channel", "id")
KINDS = {"snapshot", "delta", "updates", "unsubscribed", "pong", "error"}


def assert_told(message: Mapping[str, Any], why: object) -> None:
    assert message["version"] == 1 and message["type"] in KINDS, why
    if message["type"] == "error":
        assert message["error"]["code"] in ("invalid_input", "not_found", "conflict"), (why, message)


def test_no_frame_breaks_a_conversation(tell: Teller) -> None:
    world = LiveWorld.of_two()
    principal = Principal("operations.oda.northstar", "northstar", Role.OPERATIONS)
    kinds = dict[str, int]()
    for number in range(CALLS):
        if number % 500 == 0:
            name = f"connection-{number}"
            world.connect(name, principal)
            world.poster.posted.clear()
        # A frame that is no UTF-8 never gets here: the gateway closes its connection.
        world.conversation.receive(name, Hostile(number).body(FRAME, 140_000))
        whom, message = world.poster.posted[-1]
        assert whom == name and len(world.poster.posted) == number % 500 + 1, number
        assert_told(message, number)
        kinds[message["type"]] = kinds.get(message["type"], 0) + 1
    assert min(kinds.get(kind, 0) for kind in ("error", "unsubscribed", "pong", "snapshot")) > 0, kinds
    assert_finite(vars(world))
    tell([f"WebSocket: {CALLS} hostile frames, each answered: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}"])


def test_no_frame_and_no_ticket_breaks_the_functions(loaded: Services) -> None:
    logger().setLevel("CRITICAL")
    try:
        assert open_connection(connecting(ticket()), CONTEXT) == {"statusCode": 200}
        for number in range(STORED_CALLS):
            draw = Hostile(2_000_000 + number)
            assert receive_message(saying(draw.body(FRAME, 140_000)), CONTEXT) == {"statusCode": 200}, number
            assert open_connection(connecting(draw.word(), "other="), CONTEXT) == {"statusCode": 403}, number
    finally:
        logger().setLevel("INFO")
    messages = posted()
    assert len(messages) == STORED_CALLS
    for message in messages:
        assert_told(message, message)
        strictly_read(json.dumps(message))
    assert_stored_finite(loaded.everything)
