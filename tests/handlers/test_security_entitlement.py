"""Every route of the interface with every id in it that names somebody's: another's answers like none, byte for byte.

The matrix is made from the checked-in description. A route with an id that the tables below do not know fails the first test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest

from book import api as book
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.mark_store import DynamoMarkStore
from daymark.adapters.s3.documents import S3Documents
from daymark.book.models import Household
from daymark.core.clock import WallClock
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.http.app import checked_in_openapi
from monitoring import api as monitoring
from monitoring.open_connection import handler as open_connection
from monitoring.receive_message import handler as receive_message
from operations import api as operations
from tests.findings import Teller
from tests.handlers.conftest import APP, BUCKETS, CONTEXT, ISSUER, REGION, Services
from tests.handlers.test_monitoring_connections import connecting, posted, saying
from tests.security_world import assert_sound
from tests.unit.http_world import CALLERS, DAY, FENCE, World, gateway_event, portfolio, record, save_day, save_report

DOCUMENT = json.loads(checked_in_openapi())
HANDLERS = {"book": book.handler, "operations": operations.handler, "monitoring": monitoring.handler}
# What in a call names something that belongs to somebody, what is bound to who got or chose it, and what is nobody's.
OWNED = {"path.portfolio_id", "path.subject"}
BOUND = {"query.cursor", "header.Idempotency-Key"}
NOBODYS = {
    *("path.session_date", "path.phase", "path.task", "query.session_date", "query.on", "query.open", "query.limit", "query.attempt"),
    *("body.session_date", "body.phase", "body.dry_run"),
}
FILLED = {"session_date": str(DAY), "phase": "MARKET_CLOSE", "task": "mark_portfolios"}
REQUIRED = {"session_date": [str(DAY)]}
NOBODY = "XX-9"
# NS-1 (H-1, ben), NS-2 (H-2, ben) and NS-3 (H-2, bea) are northstar's, HB-1 and an NS-1 of its own harbor's.
OWN = {
    "client H-1": "NS-1", "client H-2": "NS-3", "client H-1 of harbor": "HB-1", "adviser ben": "NS-2", "adviser bea": "NS-3",
    "adviser ben of harbor": "NS-1", "operations": "NS-3", "operations of harbor": "HB-1", "risk": "NS-1", "administrator": "NS-2",
}  # fmt: skip
FOREIGN: Mapping[str, Mapping[str, str]] = {
    "client H-1": {"other tenant": "HB-1", "other household": "NS-2", "other household, other adviser": "NS-3", "other spelling": "ns-1"},
    "client H-2": {"other tenant": "HB-1", "other household": "NS-1"},
    "client H-1 of harbor": {"other tenant": "NS-2", "other tenant, other household": "NS-3"},
    "adviser ben": {"other tenant": "HB-1", "other adviser": "NS-3"},
    "adviser bea": {"other tenant": "HB-1", "other adviser": "NS-1", "other adviser, own household": "NS-2"},
    "adviser ben of harbor": {"other tenant": "NS-2"},
    "operations": {"other tenant": "HB-1", "other spelling": "Ns-1"},
    "operations of harbor": {"other tenant": "NS-3"},
    "risk": {"other tenant": "HB-1"},
    "administrator": {"other tenant": "HB-1"},
    "operations of shared": {"other tenant": "NS-1"},
    "risk of shared": {"other tenant": "HB-1"},
}

# Those who also ask with queries that are refused.
ASK_BADLY = {"client H-1", "adviser ben", "operations of harbor"}


def operations_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield verb.upper(), path, operation


def inputs(document: Mapping[str, Any], operation: Mapping[str, Any]) -> set[str]:
    """Everything a call of the operation may hold, by where it stands."""
    found = {f"{each['in']}.{each['name']}" for each in operation.get("parameters", [])}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        found |= {f"body.{name}" for name in schema["properties"]}
    return found


def unknown_to_the_matrix(document: Mapping[str, Any]) -> set[str]:
    """Inputs of which nobody has said whether they name something that belongs to somebody."""
    every: set[str] = set().union(*(inputs(document, operation) for _, _, operation in operations_of(document)))
    return every - OWNED - BOUND - NOBODYS


def test_the_matrix_knows_every_input_of_every_route() -> None:
    assert unknown_to_the_matrix(DOCUMENT) == set()
    every = set().union(*(inputs(DOCUMENT, operation) for _, _, operation in operations_of(DOCUMENT)))
    assert every == OWNED | BOUND | NOBODYS
    # Whatever stands in braces is declared.
    for _, path, operation in operations_of(DOCUMENT):
        braced = {f"path.{part[1:-1]}" for part in path.split("/") if part.startswith("{")}
        assert braced == {each for each in inputs(DOCUMENT, operation) if each.startswith("path.")}


def test_a_new_id_is_noticed() -> None:
    more = {
        "parameters": [{"in": "path", "name": "household_id"}],
        "requestBody": {"content": {"x": {"schema": {"properties": {"lot_id": 1}}}}},
    }
    document = {**DOCUMENT, "paths": {**DOCUMENT["paths"], "/v1/book/households/{household_id}": {"get": more}}}
    assert unknown_to_the_matrix(document) == {"path.household_id", "body.lot_id"}


@pytest.fixture
def two_firms(services: Services) -> Services:
    """Northstar and harbor in the tables, as the REST tests know them, with marks, records and reports of the day."""
    client, s3 = services.dynamodb, boto3.client("s3", region_name=REGION)
    world = World(
        book=DynamoBookStore("daymark-book", client), marks=DynamoMarkStore("daymark-operations", client),
        records=DynamoDayRecords("daymark-operations", client), documents=S3Documents(f"daymark-{BUCKETS[1]}", s3),
        journal=None, cycle=None, starter=None, clock=WallClock(),
    )  # fmt: skip
    world.book.save_instruments([Instrument("AAPL", InstrumentKind.EQUITY, "Apple Inc.", AssetClass.EQUITY, sector="Technology")], FENCE)
    for tenant, name, household, adviser in (
        ("northstar", "NS-1", "H-1", "adviser.ben"), ("northstar", "NS-2", "H-2", "adviser.ben"), ("northstar", "NS-3", "H-2",
        "adviser.bea"),
        ("harbor", "NS-1", "H-1", "adviser.ben"), ("harbor", "HB-1", "H-1", "adviser.ben"),
    ):  # fmt: skip
        owned = portfolio(tenant, name, household, adviser)
        world.book.save_household(Household(tenant, household, "Household", adviser), FENCE)
        world.book.save_record(record(owned), FENCE)
        save_day(world, owned)
    save_report(world, "shared", "-", "operations")
    return services


def ask(
    method: str, path: str, caller: str | Mapping[str, Any], query: Mapping[str, list[str]] | None = None, body: Any = None, **headers: str
) -> Mapping[str, Any]:
    """The answer of the function that serves the path, to a caller of the REST tests' world."""
    given = dict(CALLERS[caller] if isinstance(caller, str) else caller) | {"iss": ISSUER, "aud": APP, "exp": "4102444800"}
    text = None if body is None else json.dumps(body)
    return HANDLERS[path.split("/")[2]](gateway_event(method, path, given, query or {}, text, headers), CONTEXT)


def told(response: Mapping[str, Any]) -> tuple[int, str, dict[str, str]]:
    """Everything a caller gets but what is left of the firm's calls, which every call lowers."""
    assert_sound(response)
    headers = {name: value for name, value in response["headers"].items() if name != "ratelimit"}
    return response["statusCode"], response["body"], headers


def owned_routes() -> list[tuple[str, str, str]]:
    """Verb, path and the id in it that is somebody's."""
    return [
        (verb, path, each.partition(".")[2])
        for verb, path, operation in operations_of(DOCUMENT)
        for each in sorted(inputs(DOCUMENT, operation) & OWNED)
    ]


def queries(path: str, verb: str) -> list[dict[str, list[str]]]:
    """Queries that are good and queries that are not: neither may tell whether the id exists."""
    named = inputs(DOCUMENT, DOCUMENT["paths"][path][verb.lower()])
    always = {name: value for name, value in REQUIRED.items() if f"query.{name}" in named}
    bad = {"query.limit": ["0"], "query.cursor": ["A" * 40], "query.on": ["never"], "query.open": ["true"]}
    return [always, *[always | {name.partition(".")[2]: value} for name, value in bad.items() if name in named], always | {"x": ["1"]}]


def test_another_tenants_households_or_advisers_id_answers_like_none(two_firms: Services, tell: Teller) -> None:
    before, cells = two_firms.items("book"), 0
    for verb, path, name in owned_routes():
        for day in (str(DAY), "2018-02-04"):
            shapes = queries(path, verb) if day == str(DAY) else queries(path, verb)[:1]
            if day != str(DAY) and "{session_date}" not in path:
                continue
            for caller, relations in FOREIGN.items():
                for query in shapes if caller in ASK_BADLY else shapes[:1]:

                    def place(value: str, path: str = path, name: str = name, day: str = day) -> str:
                        return path.format(**FILLED | {name: value, "session_date": day})

                    nobodys = told(ask(verb, place(NOBODY), caller, query))
                    assert nobodys[0] in (400, 404), (path, query)
                    for relation, foreign in relations.items():
                        theirs = told(ask(verb, place(foreign), caller, query))
                        assert theirs == nobodys, (verb, path, caller, relation, query)
                        assert foreign not in theirs[1]
                        cells += 1
    assert two_firms.items("book") == before
    tell([f"{cells} calls with another's id on {len(owned_routes())} routes: each answered like one with nobody's"])


def test_the_matrixs_own_ids_open(two_firms: Services) -> None:
    """What the tests above ask for exists, or they would see nothing but refusals."""
    for verb, path, name in owned_routes():
        for caller, own in OWN.items():
            response = ask(verb, path.format(**FILLED | {name: own}), caller, queries(path, verb)[0])
            assert response["statusCode"] == 200, (verb, path, caller, response)


def test_the_days_own_report_is_nobodys_to_clients(two_firms: Services) -> None:
    path = f"/v1/operations/reports/{DAY}/"
    for caller in ("client H-1", "client H-2", "client H-1 of harbor"):
        assert told(ask("GET", path + "operations", caller)) == told(ask("GET", path + NOBODY, caller))
    assert ask("GET", path + "operations", "adviser bea")["statusCode"] == 200


def test_links_are_to_the_callers_own_documents_alone(two_firms: Services) -> None:
    for caller, own in OWN.items():
        links = assert_sound(ask("GET", f"/v1/operations/reports/{DAY}/{own}", caller))
        tenant = CALLERS[caller]["custom:tenant"]
        for kind in ("html", "pdf"):
            assert f"/reports/{tenant}/{DAY}/0001/{own}.{kind}?" in links[kind]


def test_a_cursor_is_worth_nothing_to_anybody_else(two_firms: Services) -> None:
    paged = [path for verb, path, operation in operations_of(DOCUMENT) if "query.cursor" in inputs(DOCUMENT, operation)]
    assert len(paged) == 4
    for path in paged:
        place = path.format(portfolio_id="NS-1")
        required = queries(path, "GET")[0]
        mine = assert_sound(ask("GET", place, "risk", required | {"limit": ["1"]}))["next_cursor"]
        assert ask("GET", place, "risk", required | {"cursor": [mine]})["statusCode"] == 200
        for other in (
            "client H-1", "adviser ben", "operations", "administrator", "operations of harbor", "client H-1 of harbor", "risk of shared",
        ):  # fmt: skip
            carried = told(ask("GET", place, other, required | {"cursor": [mine]}))
            assert carried == told(ask("GET", place, other, required | {"cursor": ["A" * len(mine)]})), (path, other)
            assert carried[0] in (400, 404)


def test_a_key_of_anothers_call_is_a_key_like_any_other(two_firms: Services) -> None:
    keyed = [(verb, path) for verb, path, operation in operations_of(DOCUMENT) if "header.Idempotency-Key" in inputs(DOCUMENT, operation)]
    assert len(keyed) == 3
    first = {"session_date": "2018-02-05", "phase": "PRE_MARKET", "dry_run": True}
    other = {"session_date": "2018-02-06", "phase": "MID_DAY", "dry_run": True}
    assert ask("POST", "/v1/operations/runs", "operations of shared", body=first, **{"Idempotency-Key": "taken"})["statusCode"] == 202
    again = ask("POST", "/v1/operations/runs", "operations of shared", body=other, **{"Idempotency-Key": "taken"})
    assert again["statusCode"] == 409
    beside = CALLERS["operations of shared"] | {"cognito:username": "administrator.daymark", "cognito:groups": "[administrator]"}
    for caller in (beside, CALLERS["operations"], CALLERS["operations of harbor"], CALLERS["risk"], CALLERS["client H-1"]):
        for verb, path in keyed:
            body = other if path.endswith("/runs") else None
            place = path.format(**FILLED)
            answers = [told(ask(verb, place, caller, body=body, **{"Idempotency-Key": key})) for key in ("taken", "fresh")]
            assert answers[0] == answers[1], (path, caller["cognito:username"])


def test_a_channel_of_another_answers_like_none(two_firms: Services) -> None:
    cells = 0
    for number, (caller, relations) in enumerate(FOREIGN.items()):
        connection = f"connection-{number}="
        issued = assert_sound(ask("POST", "/v1/monitoring/tickets", caller))
        assert open_connection(connecting(issued["ticket"], connection), CONTEXT) == {"statusCode": 200}
        staff = not caller.startswith("client")
        theirs = [f"portfolio/{each}" for each in relations.values()]
        theirs += [] if staff else [f"day/{DAY}", "symbol/AAPL"]
        odd = [
            "portfolio/",
            "portfolio/NS-1#x",
            "portfolio/../NS-1",
            "portfolio/\ud800",
            f"portfolio/{'N' * 3000}",
            "symbol/\udfff",
            "day/\ud800",
        ]
        for action in ("subscribe", "unsubscribe"):
            for channel in (f"portfolio/{NOBODY}", *theirs, *odd):
                receive_message(saying(json.dumps({"version": 1, "action": action, "channel": channel}), connection), CONTEXT)
        messages = posted(connection)
        cells += len(messages)
        assert len(messages) == 2 * (1 + len(theirs) + len(odd))
        assert all(message == messages[0] for message in messages), caller
        assert messages[0]["error"]["code"] == "not_found"
        rows = [row["pk"] for row in two_firms.items("connections") if row["pk"].startswith("ROOM#")]
        assert rows == []
        if caller in OWN:
            mine = json.dumps({"version": 1, "action": "unsubscribe", "channel": f"portfolio/{OWN[caller]}"})
            receive_message(saying(mine, connection), CONTEXT)
            assert posted(connection)[-1]["type"] == "unsubscribed"
    assert cells > 200
