"""Tickets over REST: who asks gets one for itself, until its own token expires, and nothing keeps the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daymark.adapters.memory.tickets import MemoryTickets
from daymark.core.clock import FixedClock
from daymark.core.errors import InvalidInput, Unauthenticated
from daymark.core.tenancy import Role
from daymark.http.app import create_app
from daymark.http.authentication import Identity, expiry_from_claims
from daymark.http.gateway import behind_gateway
from daymark.monitoring.tickets import TicketDesk
from tests.unit.http_world import CALLERS, CLIENT_ID, ISSUER, ample_rates, claims, gateway_event, make_world

TICKETS = "/v1/monitoring/tickets"
NOW = datetime(2018, 2, 5, 23, tzinfo=UTC)


def test_a_ticket_opens_the_websocket_with_its_askers_rights_until_the_token_expires():
    world = make_world()
    status, body, headers = world.ask(TICKETS, "client H-1", method="POST")
    assert (status, headers["cache-control"]) == (201, "no-store")
    assert set(body) == {"ticket", "expires_at", "url"}
    assert body["url"] == "wss://p1.execute-api.us-east-1.amazonaws.com/live"
    assert datetime.fromisoformat(body["expires_at"]) == world.clock.now() + timedelta(seconds=30)
    grant = world.app.state.services.monitoring.tickets.redeem(body["ticket"])
    assert (grant.principal.user_id, grant.principal.tenant) == ("client.ada.northstar", "northstar")
    assert (grant.principal.role, grant.principal.household_id) == (Role.CLIENT, "H-1")
    # 1517875200 is midnight of 6 February 2018, UTC.
    assert grant.token_expires_at == datetime(2018, 2, 6, tzinfo=UTC)


def test_each_call_gets_a_ticket_of_its_own():
    world = make_world()
    first, second = (world.ask(TICKETS, "risk", method="POST")[1]["ticket"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_ticket_is_posted_for(method):
    assert make_world().ask(TICKETS, "risk", method=method)[0] == 405


@pytest.mark.parametrize(
    "expiry",
    [None, "", "soon", "1517871600", "Mon Feb 05 23:00:00 UTC 2018", "Mon Foo 05 23:30:00 UTC 2018", "Tue Feb 30 23:30:00 UTC 2018",
               "Mon Feb 05 23:30:00 EST 2018", "9" * 30, "2018-02-06"],
)  # fmt: skip
def test_a_token_that_has_expired_or_does_not_say_when_gets_none(expiry):
    caller = claims("risk.ray.northstar", "northstar", "risk", exp=expiry)
    status, body, _ = make_world().ask(TICKETS, caller, method="POST")
    assert (status, body["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("expiry", ["Mon Feb 05 23:30:00 UTC 2018", "Mon Feb 05 23:30:00 GMT 2018", "1517873400", 1517873400])
def test_the_expiry_is_read_however_the_gateway_writes_it(expiry):
    assert expiry_from_claims({"exp": expiry}) == datetime(2018, 2, 5, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize("expiry", [None, True, [], {}])
def test_an_expiry_of_another_type_is_refused(expiry):
    with pytest.raises(Unauthenticated):
        expiry_from_claims({"exp": expiry})


def test_an_application_of_tickets_alone_needs_no_book():
    clock = FixedClock(NOW)
    app = create_app(
        identity=Identity({ISSUER: CLIENT_ID}),
        rates=ample_rates(clock),
        tickets=TicketDesk(MemoryTickets(), clock),
        websocket_url="wss://w",
        clock=clock,
        systems=("monitoring",),
    )
    answer = behind_gateway(app)(gateway_event("POST", TICKETS, CALLERS["risk"], {}, None, {}), None)
    assert answer["statusCode"] == 201
    missing = behind_gateway(app)(gateway_event("GET", "/v1/book/portfolios", CALLERS["risk"], {}, None, {}), None)
    assert missing["statusCode"] == 404


@pytest.mark.parametrize("systems", [("monitoring",), ("book",), ("operations",)])
def test_an_application_without_its_collaborators_is_refused(systems):
    with pytest.raises(InvalidInput) as refused:
        create_app(identity=Identity({ISSUER: CLIENT_ID}), rates=ample_rates(FixedClock(NOW)), systems=systems)
    assert refused.value.field == "systems"
