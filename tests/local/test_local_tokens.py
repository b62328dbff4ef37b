"""Genuine tokens against the deployed REST API: who gets in, what each sees, and when it ends. Forged ones: test_local_security.py."""

from __future__ import annotations

import json
import time

import boto3
import pytest

from daymark.client import ProblemError
from daymark.local.price_history import load_price_history
from daymark.local.sample_book import sample_book
from tests.local.conftest import SESSION, Installation

pytestmark = pytest.mark.emulator

PORTFOLIOS = "/v1/book/portfolios"


def test_a_good_token_gets_in(installation: Installation) -> None:
    assert installation.client(installation.user("administrator", "northstar")).book.list_portfolios(limit=1).items


def test_no_token_gets_nothing(installation: Installation) -> None:
    assert installation.call("GET", PORTFOLIOS).status_code == 401


def test_an_access_token_is_not_an_identity_token(installation: Installation) -> None:
    user = installation.user("administrator", "northstar")
    cognito = boto3.client("cognito-idp", endpoint_url=installation.workspace.endpoint)
    password = json.loads((installation.workspace.home / "passwords.json").read_text())[user]
    access = cognito.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=installation.workspace.outputs()["UserPoolClientId"],
        AuthParameters={"USERNAME": user, "PASSWORD": password},
    )["AuthenticationResult"]["AccessToken"]
    assert installation.call("GET", PORTFOLIOS, token=access).status_code in (401, 403)


def test_another_tenants_portfolio_and_one_that_never_existed_answer_alike(installation: Installation) -> None:
    foreign = next(row["portfolio_id"] for row in installation.document["portfolios"] if row["tenant"] == "harbor")
    user = installation.user("administrator", "northstar")
    for suffix in ("", "/positions", "/lots", "/marks", f"/marks/{SESSION}"):
        theirs = installation.call("GET", f"{PORTFOLIOS}/{foreign}{suffix}", user)
        nobodys = installation.call("GET", f"{PORTFOLIOS}/NO-SUCH-1{suffix}", user)
        assert (theirs.status_code, theirs.json()) == (nobodys.status_code, nobodys.json()) and theirs.status_code == 404


def test_each_role_sees_its_own_portfolios_and_no_others(installation: Installation) -> None:
    """Expected ids come from the sample book's own relations, not from the service."""
    book = sample_book(load_price_history())
    portfolios = [record.portfolio for record in book.records]
    for user in book.users:
        expected = {
            portfolio.portfolio_id
            for portfolio in portfolios
            if portfolio.tenant == user.tenant
            and (
                user.role not in ("client", "adviser")
                or user.household_id == portfolio.household_id
                or user.user_id == portfolio.adviser_id
            )
        }
        assert {each.portfolio_id for each in installation.client(user.user_id).book.iterate_portfolios()} == expected, user


def test_a_genuine_token_is_refused_once_it_has_expired(installation: Installation) -> None:
    """AWS grants at least five minutes; the embedded cloud grants the one second that this test can wait for."""
    cognito = boto3.client("cognito-idp", endpoint_url=installation.workspace.endpoint)
    outputs = installation.workspace.outputs()
    client = {"UserPoolId": outputs["UserPoolId"], "ClientId": outputs["UserPoolClientId"]}
    described = cognito.describe_user_pool_client(**client)["UserPoolClient"]
    kept = {name: described[name] for name in ("ExplicitAuthFlows", "IdTokenValidity", "TokenValidityUnits")}
    brief = kept | {"IdTokenValidity": 3, "TokenValidityUnits": {"IdToken": "seconds"}}
    cognito.update_user_pool_client(**client, **brief)
    try:
        token = installation.identity.token(installation.user("administrator", "northstar"))
    finally:
        cognito.update_user_pool_client(**client, **kept)
    client = installation.client("", token=token)
    assert client.book.list_portfolios(limit=1).items
    time.sleep(4)
    with pytest.raises(ProblemError) as refused:
        client.book.list_portfolios(limit=1)
    assert refused.value.status == 401
