"""Whose claims are accepted: a good ID token's, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from daymark.core.errors import InvalidInput, Unauthenticated
from daymark.core.tenancy import Principal, Role
from daymark.http.authentication import Identity, principal_from_claims
from tests.unit.http_world import CLIENT_ID, DAY, ISSUER, World, claims, make_world

IDENTITY = Identity({ISSUER: CLIENT_ID})
RAY = {"user": "risk.ray.northstar", "tenant": "northstar", "role": "risk"}
ADA = {"user": "client.ada.northstar", "tenant": "northstar", "role": "client", "household": "H-1"}


@pytest.mark.parametrize("groups", ["risk", "[risk]", ["risk"]])
def test_one_group_is_the_role_however_the_gateway_writes_it(groups: Any) -> None:
    given = claims(**RAY, **{"cognito:groups": groups})
    assert principal_from_claims(given, IDENTITY) == Principal("risk.ray.northstar", "northstar", Role.RISK)


def test_a_client_belongs_to_its_household_and_staff_to_none() -> None:
    assert principal_from_claims(claims(**ADA), IDENTITY).household_id == "H-1"
    assert principal_from_claims(claims(**RAY, **{"custom:household": "H-1"}), IDENTITY).household_id is None


def test_each_issuer_goes_with_its_own_client_only() -> None:
    two = Identity({ISSUER: CLIENT_ID, "https://west": "west-client"})
    assert principal_from_claims(claims(**RAY, iss="https://west", aud="west-client"), two).role is Role.RISK
    with pytest.raises(Unauthenticated):
        principal_from_claims(claims(**RAY, iss="https://west", aud=CLIENT_ID), two)


FORGERIES: dict[str, dict[str, Any]] = {
    "access token": {"token_use": "access", "client_id": CLIENT_ID, "aud": None},
    "access token with an audience": {"token_use": "access"},
    "no token type": {"token_use": None},
    "other pool": {"iss": ISSUER + "2"},
    "no issuer": {"iss": None},
    "issuer in a list": {"iss": [ISSUER]},
    "other client": {"aud": "other-client"},
    "no client": {"aud": None},
    "no group": {"cognito:groups": None},
    "empty group": {"cognito:groups": ""},
    "empty brackets": {"cognito:groups": "[]"},
    "half a bracket": {"cognito:groups": "[risk"},
    "a role within half a bracket": {"cognito:groups": "[riskx"},
    "a role within the other half": {"cognito:groups": "xrisk]"},
    "two groups": {"cognito:groups": "[risk administrator]"},
    "two groups with a comma": {"cognito:groups": "risk,administrator"},
    "two groups in a list": {"cognito:groups": ["risk", "administrator"]},
    "the same group twice": {"cognito:groups": ["risk", "risk"]},
    "no groups in a list": {"cognito:groups": []},
    "a group that is no role": {"cognito:groups": "[root]"},
    "a role in capitals": {"cognito:groups": "[RISK]"},
    "a number for a group": {"cognito:groups": 1},
    "no tenant": {"custom:tenant": None},
    "empty tenant": {"custom:tenant": ""},
    "blank tenant": {"custom:tenant": " "},
    "tenant with a separator": {"custom:tenant": "northstar#harbor"},
    "tenant with a path": {"custom:tenant": "../harbor"},
    "tenant with a line end": {"custom:tenant": "northstar\n"},
    "tenant that looks alike": {"custom:tenant": "nοrthstar"},  # a Greek omicron
    "tenant in a list": {"custom:tenant": ["northstar"]},
    "endless tenant": {"custom:tenant": "n" * 129},
    "no user": {"cognito:username": None},
    "user with a separator": {"cognito:username": "risk#ray"},
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_claim_is_refused_without_saying_which(change: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated) as refused:
        principal_from_claims(claims(**RAY, **change), IDENTITY)
    assert refused.value.as_document() == Unauthenticated("sign in with a valid ID token").as_document()


@pytest.mark.parametrize("household", [None, "", " ", "H#1"])
def test_a_client_without_a_household_is_refused(household: str | None) -> None:
    with pytest.raises(Unauthenticated):
        principal_from_claims(claims(**ADA, **{"custom:household": household}), IDENTITY)


@pytest.mark.parametrize("clients", [{}, {"": "c"}, {"https://pool": ""}])
def test_an_identity_that_would_accept_anybody_cannot_be_configured(clients: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        Identity(clients)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
def test_the_interface_answers_a_forgery_with_401(world: World, change: dict[str, Any]) -> None:
    status, body, headers = world.ask("/v1/book/portfolios", claims(**RAY, **change))
    assert (status, body["code"], headers["www-authenticate"]) == (401, "unauthenticated", "Bearer")
    assert "northstar" not in str(body)


@pytest.mark.parametrize("header", ["Authorization", "X-Tenant", "X-User"])
def test_nothing_but_the_gateways_claims_counts(world: World, header: str) -> None:
    """An unverified header never makes a principal."""
    status, _, _ = world.ask(f"/v1/operations/days/{DAY}", None, headers={header: "Bearer eyJhbGciOiJub25lIn0.e30."})
    assert status == 401
