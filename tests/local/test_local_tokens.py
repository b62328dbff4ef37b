"""Forged, expired, foreign and mistyped tokens against the deployed REST API: none gets in."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from daymark.client import ProblemError
from daymark.local.price_history import load_price_history
from daymark.local.sample_book import sample_book
from tests.local.conftest import SESSION, Installation

pytestmark = pytest.mark.emulator

PORTFOLIOS = "/v1/book/portfolios"


def segments(token: str) -> list[dict[str, Any]]:
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in token.split(".")[:2]]


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return ".".join([*parts, signature])


@pytest.fixture(scope="module")
def attacker_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def forged(installation: Installation, attacker_key: rsa.RSAPrivateKey) -> dict[str, str]:
    """Every forgery starts from a good token of an administrator, the most tempting one."""
    good = installation.token(installation.user("administrator", "northstar"))
    header, claims = segments(good)
    first, second, signature = good.split(".")

    def signed(**changes: Any) -> str:
        return jwt.encode(claims | changes, attacker_key, algorithm="RS256", headers={"kid": header["kid"]})

    public = attacker_key.public_key()
    return {
        "none": unsigned(header | {"alg": "none"}, claims),
        "None": unsigned(header | {"alg": "None"}, claims),
        "none with signature": unsigned(header | {"alg": "none"}, claims, signature),
        "stripped signature": f"{first}.{second}.",
        "two segments": f"{first}.{second}",
        "four segments": f"{good}.{signature}",
        "tampered tenant": ".".join([first, unsigned({}, claims | {"custom:tenant": "harbor"}).split(".")[1], signature]),
        "tampered role": ".".join([first, unsigned({}, claims | {"cognito:groups": ["risk"]}).split(".")[1], signature]),
        "own key, right kid": signed(),
        "own key, unknown kid": jwt.encode(claims, attacker_key, algorithm="RS256", headers={"kid": "mine"}),
        "own key, no kid": jwt.encode(claims, attacker_key, algorithm="RS256"),
        "own key inside the header": jwt.encode(
            claims,
            attacker_key,
            algorithm="RS256",
            headers={"kid": "mine", "jwk": {"kty": "RSA", "n": str(public.public_numbers().n), "e": "AQAB"}},
        ),
        "own key by address": jwt.encode(
            claims, attacker_key, algorithm="RS256", headers={"kid": "mine", "jku": "http://127.0.0.1:1/keys"}
        ),
        "symmetric": jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": header["kid"]}),
        "own key, expired": signed(exp=int(time.time()) - 3600),
        "own key, other issuer": signed(iss="http://127.0.0.1:1/pool"),
        "own key, other client": signed(aud="someone-else"),
        "own key, access token": signed(token_use="access"),
        "empty": "",
        "junk": "junk",
        "dots": "..",
        "bad base64": f"{first}.@@@@.{signature}",
        "bearer of nothing": "Bearer",
        "truncated": good[:-20],
        "doubled": good + good,
    }


def test_a_good_token_gets_in(installation: Installation) -> None:
    assert installation.client(installation.user("administrator", "northstar")).book.list_portfolios(limit=1).items


def test_no_token_gets_nothing(installation: Installation) -> None:
    assert installation.call("GET", PORTFOLIOS).status_code == 401


def test_no_forgery_gets_in(installation: Installation, forged: dict[str, str]) -> None:
    answers = {name: installation.call("GET", PORTFOLIOS, token=token).status_code for name, token in forged.items()}
    assert set(answers.values()) <= {401, 403}, answers


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


def test_a_token_of_another_pool_is_refused(installation: Installation) -> None:
    cognito = boto3.client("cognito-idp", endpoint_url=installation.workspace.endpoint)
    pool = cognito.create_user_pool(
        PoolName="foreign", Schema=[{"Name": "tenant", "AttributeDataType": "String"}], Policies={"PasswordPolicy": {"MinimumLength": 8}}
    )["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="foreign", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])
    client_id = client["UserPoolClient"]["ClientId"]
    cognito.create_group(UserPoolId=pool, GroupName="administrator")
    cognito.admin_create_user(
        UserPoolId=pool, Username="mallory", UserAttributes=[{"Name": "custom:tenant", "Value": "northstar"}], MessageAction="SUPPRESS"
    )
    cognito.admin_set_user_password(UserPoolId=pool, Username="mallory", Password="Foreign-1-pool!", Permanent=True)
    cognito.admin_add_user_to_group(UserPoolId=pool, Username="mallory", GroupName="administrator")
    token = cognito.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH", ClientId=client_id, AuthParameters={"USERNAME": "mallory", "PASSWORD": "Foreign-1-pool!"}
    )["AuthenticationResult"]["IdToken"]
    assert installation.call("GET", PORTFOLIOS, token=token).status_code in (401, 403)


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
