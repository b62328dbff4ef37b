"""Forged claims and forged tickets at the functions themselves: whatever the gateway were to pass on, nobody gets in who must not.

Signatures, expiry and the form of a token are the gateway's to judge (tests/local/test_local_security.py); here is what our own
code judges: issuer, client, kind, group, tenant, user and household, and every ticket.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from book import api as book
from daymark.http.gateway import behind_gateway
from monitoring import api as monitoring
from monitoring.open_connection import handler as open_connection
from operations import api as operations
from tests.findings import Teller
from tests.handlers.conftest import APP, CONTEXT, ISSUER, Services
from tests.handlers.test_monitoring_connections import connecting, ticket
from tests.handlers.test_rest_apis import event
from tests.security_world import FORGED_TICKETS, NOT_SIGNED_IN, changed, forged_claims, good_callers, strictly_read
from tests.unit.http_world import World, claims, gateway_event, make_world

GOOD = {
    "sub": "2f6d", "iss": ISSUER, "aud": APP, "token_use": "id", "cognito:username": "administrator.amy.alpha",
    "cognito:groups": "[administrator]", "custom:tenant": "alpha", "exp": "Fri Jan 01 00:00:00 UTC 2100",
}  # fmt: skip
FORMS = forged_claims(GOOD)
Handler = Callable[[dict[str, Any], Any], Mapping[str, Any]]
ROUTES: tuple[tuple[Handler, str, str], ...] = (
    (book.handler, "GET", "/v1/book/portfolios"),
    (operations.handler, "GET", "/v1/operations/days/2018-02-05"),
    (monitoring.handler, "POST", "/v1/monitoring/tickets"),
)


def asked(handler: Handler, method: str, path: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    sent = event(method, path)
    sent["requestContext"]["authorizer"]["claims"] = dict(given)
    return handler(sent, CONTEXT)


def test_the_good_claims_get_in_everywhere(services: Services) -> None:
    assert [asked(*route, GOOD)["statusCode"] for route in ROUTES] == [200, 200, 201]


def test_no_forged_claim_gets_in_anywhere_and_all_are_told_the_same(services: Services) -> None:
    assert len(FORMS) >= 60
    before = services.everything()
    for name, change in FORMS.items():
        for route in ROUTES:
            answer = asked(*route, changed(GOOD, change))
            assert (answer["statusCode"], json.loads(answer["body"])) == (401, NOT_SIGNED_IN), (name, route[2])
            assert answer["headers"]["www-authenticate"] == "Bearer"
    # Not even counted: nobody's calls belong to no tenant.
    assert services.everything() == before


EXPIRIES = (None, "", "never", "NaN", "inf", "-1e400", "1e400", "9" * 39, "0", "-1", "Mon Feb 05 22:00:00 UTC 2018", "Feb 30 2100", [1])


def test_a_token_whose_end_is_past_or_unknown_gets_no_ticket(services: Services) -> None:
    for expiry in EXPIRIES:
        answer = asked(monitoring.handler, "POST", "/v1/monitoring/tickets", changed(GOOD, {"exp": expiry}))
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (401, "unauthenticated"), expiry
    assert services.items("connections") == []


def test_without_the_gateways_claims_nobody_is_known(services: Services) -> None:
    for authorizer in (None, {}, {"claims": None}, {"claims": "x"}, {"claims": []}, {"principalId": "amy"}, [], "claims"):
        for handler, method, path in ROUTES:
            sent = event(method, path, Authorization="Bearer x.y.z", **{"X-Amzn-Claims": json.dumps(GOOD), "X-Tenant": "alpha"})
            sent["requestContext"]["authorizer"] = authorizer
            sent["claims"] = GOOD
            sent["stageVariables"] = {"claims": json.dumps(GOOD)}
            assert handler(sent, CONTEXT)["statusCode"] == 401, authorizer


def test_a_thousand_good_callers_get_in(tell: Teller) -> None:
    world = make_world()
    base = claims("x", "northstar", "risk")
    callers = list(good_callers(1000, base["iss"], base["aud"]))
    for given in callers:
        assert world.ask("/v1/book/portfolios", given)[0] == 200, given
    tell([f"1000 of 1000 good callers admitted; {len(FORMS)} forged claims refused on {len(ROUTES)} routes"])


def test_no_forged_ticket_opens_a_connection_or_uses_up_the_good_one(services: Services, tell: Teller) -> None:
    text = ticket()
    before = services.items("connections")
    for name, forged in FORGED_TICKETS.items():
        given = connecting(None)
        given["queryStringParameters"] = {"ticket": forged(text)}
        assert open_connection(given, CONTEXT) == {"statusCode": 403}, name
    for query in (None, {}, {"Ticket": text}, {"token": text}, {"ticket ": text}):
        given = connecting(None)
        given["queryStringParameters"] = query
        given["headers"] |= {"Authorization": text, "Sec-WebSocket-Protocol": text, "Cookie": f"ticket={text}"}
        assert open_connection(given, CONTEXT) == {"statusCode": 403}, query
    assert services.items("connections") == before
    assert open_connection(connecting(text), CONTEXT) == {"statusCode": 200}
    assert open_connection(connecting(text, "again="), CONTEXT) == {"statusCode": 403}
    tell([f"{len(FORGED_TICKETS) + 6} forged, misplaced and replayed tickets refused"])


def aged(services: Services, **changes: Any) -> None:
    """The tickets' rows as they are later, or of a token that has expired since."""
    for row in services.dynamodb.scan(TableName="daymark-connections")["Items"]:
        body = json.loads(row["body"]["S"]) | changes.get("body", {})
        held = row | {"body": {"S": json.dumps(body)}} | changes.get("row", {})
        services.dynamodb.put_item(TableName="daymark-connections", Item=held)


def test_an_expired_ticket_opens_nothing(services: Services) -> None:
    text = ticket()
    aged(services, row={"expires_at": {"N": str(int(datetime.now(UTC).timestamp()) - 1)}})
    assert open_connection(connecting(text), CONTEXT) == {"statusCode": 403}


def test_a_ticket_of_a_token_that_has_expired_since_opens_nothing(services: Services) -> None:
    text = ticket()
    aged(services, body={"token_expires_at": (datetime.now(UTC) - timedelta(seconds=1)).isoformat()})
    assert open_connection(connecting(text), CONTEXT) == {"statusCode": 403}
    # It was shown, so it is gone.
    assert services.items("connections") == []


def test_of_many_at_once_with_one_ticket_one_gets_in(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)
    for racers in (2, 10, 50):
        text, outcomes = ticket(), list[int]()

        def race(number: int, text: str = text, outcomes: list[int] = outcomes, racers: int = racers) -> None:
            outcomes.append(open_connection(connecting(text, f"{racers}-{number}"), CONTEXT)["statusCode"])

        threads = [threading.Thread(target=race, args=(number,)) for number in range(racers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [200, *[403] * (racers - 1)]


def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of a service happens as a whole, as DynamoDB's writes of an item do; the double in this process would tear them."""
    lock, call = threading.RLock(), BaseClient._make_api_call

    def locked(self: Any, *arguments: Any) -> Any:
        with lock:
            return call(self, *arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", locked)


def test_a_ticket_says_nothing_of_whom_it_is_for(services: Services) -> None:
    answer = asked(monitoring.handler, "POST", "/v1/monitoring/tickets", GOOD)
    body = strictly_read(answer["body"])
    assert set(body) == {"ticket", "expires_at", "url"}
    assert answer["headers"]["cache-control"] == "no-store"
    assert body["ticket"] not in body["url"]


def test_what_callers_write_beside_the_token_never_makes_them_another(services: Services) -> None:
    """The principal comes from the claims alone: a body, a query or a header that names another tenant changes nothing."""
    world: World = make_world()
    given = claims("risk.ray.northstar", "northstar", "risk")
    headers = {"X-Tenant": "harbor", "X-Forwarded-User": "operations.ole.harbor", "Custom:Tenant": "harbor", "Cookie": "tenant=harbor"}
    sent = gateway_event("GET", "/v1/book/portfolios", given, {}, None, headers)
    sent["stageVariables"] = {"tenant": "harbor"}
    page = strictly_read(behind_gateway(world.app)(sent, None)["body"])
    assert {row["portfolio_id"] for row in page["items"]} == {"NS-1", "NS-2", "NS-3"}
    assert world.ask("/v1/book/portfolios", given, query={"tenant": ["harbor"]})[0] == 400
