"""The deployed stack against forgers: no forged token on any route, no forged ticket at the WebSocket, and one effect for each key.

Of a forged token the gateway refuses what was not signed by the pool, or not for now. What the pool signed and we must not accept (an
access token, another client's, a user with two groups) the gateway passes on, as AWS does, and our own code refuses: those tokens are
signed here with the pool's own key, which the embedded cloud keeps in a file. ``DAYMARK_FULL=1`` admits a thousand good callers instead
of some, and lets up to fifty calls race.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import boto3
import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.idempotency import DynamoIdempotencyKeys
from daymark.core.clock import WallClock
from daymark.core.errors import Conflict
from daymark.http.app import checked_in_openapi
from tests.findings import Teller
from tests.forged_tokens import Forger, genuinely_signed, read
from tests.local.conftest import SESSION, Installation
from tests.security_world import FORGED_TICKETS, NOT_SIGNED_IN, changed, forged_claims

pytestmark = pytest.mark.emulator

FULL = bool(os.environ.get("DAYMARK_FULL"))
GOOD_CALLERS = 1000 if FULL else 30
PARALLEL = (2, 3, 5, 8, 13, 21, 34, 50) if FULL else (2, 10)
# The embedded cloud starts a process for each call that is under way.
CALLS_AT_ONCE = PARALLEL if FULL else (3,)
PORTFOLIOS = "/v1/book/portfolios"


def number_of(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="))


def token_of_another_pool(installation: Installation) -> str:
    cognito = boto3.client("cognito-idp", endpoint_url=installation.workspace.endpoint)
    pool = cognito.create_user_pool(PoolName="foreign", Schema=[{"Name": "tenant", "AttributeDataType": "String"}])["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="foreign", ExplicitAuthFlows=flows)["UserPoolClient"]["ClientId"]
    user = {"UserPoolId": pool, "Username": "mallory"}
    cognito.create_group(UserPoolId=pool, GroupName="administrator")
    cognito.admin_create_user(**user, UserAttributes=[{"Name": "custom:tenant", "Value": "northstar"}], MessageAction="SUPPRESS")
    cognito.admin_set_user_password(**user, Password="Foreign-1-pool!", Permanent=True)
    cognito.admin_add_user_to_group(**user, GroupName="administrator")
    given = {"USERNAME": "mallory", "PASSWORD": "Foreign-1-pool!"}
    answer = cognito.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=client, AuthParameters=given)
    return str(answer["AuthenticationResult"]["IdToken"])


@pytest.fixture(scope="module")
def good(installation: Installation) -> str:
    """An administrator's own token, the most tempting one."""
    return installation.token(installation.user("administrator", "northstar"))


@pytest.fixture(scope="module")
def forged(installation: Installation, good: str) -> dict[str, str]:
    pool = installation.workspace.outputs()["UserPoolId"]
    keys = httpx.get(f"{installation.workspace.endpoint}/{pool}/.well-known/jwks.json", timeout=30).json()["keys"]
    key = next(each for each in keys if each["kid"] == read(good)[0]["kid"])
    public = rsa.RSAPublicNumbers(number_of(key["e"]), number_of(key["n"])).public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Forger(good, pem, token_of_another_pool(installation)).tokens()


def test_no_forged_token_gets_in(installation: Installation, forged: dict[str, str], good: str, tell: Teller) -> None:
    assert len(forged) >= 60
    assert installation.call("GET", PORTFOLIOS, token=good).status_code == 200
    answers = {name: installation.call("GET", PORTFOLIOS, token=token).status_code for name, token in forged.items()}
    assert set(answers.values()) <= {401, 403}, {name: status for name, status in answers.items() if status not in (401, 403)}
    tell([f"{len(forged)} forged tokens: none let in"])


def test_every_route_refuses_them(installation: Installation, forged: dict[str, str]) -> None:
    filled = {"portfolio_id": "NS-P01", "subject": "NS-P01", "session_date": SESSION, "phase": "MID_DAY", "task": "mark_portfolios"}
    chosen = [forged[name] for name in ("own key, right kid", "tampered tenant")]
    for path, verbs in json.loads(checked_in_openapi())["paths"].items():
        for verb in verbs:
            headers = {"Idempotency-Key": "forged"}
            statuses = {installation.call(verb.upper(), path.format(**filled), token=each, headers=headers).status_code for each in chosen}
            statuses.add(installation.call(verb.upper(), path.format(**filled), headers=headers).status_code)
            assert statuses <= {401, 403}, (verb, path, statuses)


@pytest.fixture(scope="module")
def pool_key(installation: Installation) -> rsa.RSAPrivateKey:
    """What the pool signs ID tokens with: nobody but the embedded cloud would have it."""
    workspace = installation.workspace
    content = (workspace.state / "cognito-pool-keys" / f"{workspace.outputs()['UserPoolId']}-id.pem").read_bytes()
    key = serialization.load_pem_private_key(content, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def test_what_the_pool_signed_for_others_or_in_another_form_is_refused_by_us(
    installation: Installation, good: str, pool_key: rsa.RSAPrivateKey, tell: Teller
) -> None:
    header, claims, _ = read(good)
    assert installation.call("GET", PORTFOLIOS, token=genuinely_signed(pool_key, claims, header)).status_code == 200
    # The gateway writes every claim as text: a tenant that is a number would be the tenant of that name, which has nothing.
    forms = {name: change for name, change in forged_claims(claims).items() if name != "custom:tenant: a number"}
    answers = {
        name: installation.call("GET", PORTFOLIOS, token=genuinely_signed(pool_key, changed(claims, change), header))
        for name, change in forms.items()
    }
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 401} == {}
    for name, answer in answers.items():
        assert answer.json() == NOT_SIGNED_IN, name
    # The gateway marks what it answers by itself.
    ours = sum("no-store" not in answer.headers.get("cache-control", "") for answer in answers.values())
    assert ours >= 60
    tell([f"{len(forms)} claims signed by the pool: all refused, {ours} by our own code and {len(forms) - ours} by the gateway"])


def test_what_the_pool_signed_is_refused_outside_its_time(installation: Installation, good: str, pool_key: rsa.RSAPrivateKey) -> None:
    header, claims, _ = read(good)
    now = int(time.time())
    for change in (
        {"exp": now - 1},
        {"exp": 0},
        {"exp": -1},
        {"exp": "yesterday"},
        {"nbf": now + 3600},
        {"iat": now + 3600},
        {"exp": [now]},
    ):
        token = genuinely_signed(pool_key, claims | change, header)
        assert installation.call("GET", PORTFOLIOS, token=token).status_code in (401, 403), change
    for change in ({"kid": "mine"}, {"kid": ""}, {"kid": None}, {"kid": [header["kid"]]}):
        token = genuinely_signed(pool_key, claims, header | change)
        assert installation.call("GET", PORTFOLIOS, token=token).status_code in (401, 403), change


def test_good_callers_get_in(installation: Installation, tell: Teller) -> None:
    users = installation.identity.users()
    for number in range(GOOD_CALLERS):
        token = installation.identity.token(users[number % len(users)])
        assert installation.call("GET", f"{PORTFOLIOS}?limit=1", token=token).status_code == 200, number
    tell([f"{GOOD_CALLERS} good tokens of {len(users)} users: all let in"])


def refusal(url: str, headers: Mapping[str, str] | None = None) -> int:
    try:
        with connect(url, additional_headers=headers):
            return 101
    except InvalidStatus as status:
        return status.response.status_code


def test_no_forged_ticket_opens_a_websocket(installation: Installation, good: str, tell: Teller) -> None:
    user = installation.user("risk", "northstar")
    given = installation.client(user).monitoring.issue_ticket()
    forms = {name: forge(given.ticket) for name, forge in FORGED_TICKETS.items() if name != "half a surrogate pair"}
    texts = {name: form for name, form in forms.items() if isinstance(form, str)}
    answers = {name: refusal(f"{given.url}?ticket={quote(text, safe='')}") for name, text in texts.items()}
    answers |= {
        "no ticket": refusal(given.url),
        "an ID token": refusal(f"{given.url}?ticket={good}"),
        "another name": refusal(f"{given.url}?token={given.ticket}"),
        "in a header": refusal(given.url, {"Authorization": given.ticket, "Cookie": f"ticket={given.ticket}"}),
        "a token in a header": refusal(given.url, {"Authorization": good}),
    }
    assert len(answers) >= 20
    assert {name: status for name, status in answers.items() if status != 403} == {}
    # None of these used it up; it is good once.
    url = f"{given.url}?ticket={given.ticket}"
    assert (refusal(url), refusal(url)) == (101, 403)
    tell([f"{len(answers) + 1} forged, misplaced and replayed tickets: no connection"])


def racing(calls: list[Callable[[], Any]]) -> list[Any]:
    """What each call gave, all begun together."""
    results, gate = dict[int, Any](), threading.Barrier(len(calls))

    def make(number: int) -> None:
        gate.wait()
        results[number] = calls[number]()

    threads = [threading.Thread(target=make, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(calls))]


def test_of_many_claims_of_a_key_one_stands(installation: Installation) -> None:
    """The store alone, over the deployed table; each caller offers an answer of its own, half of them for another payload."""
    outputs = installation.workspace.outputs()
    keys = DynamoIdempotencyKeys(outputs["OperationsTable"], dynamodb_client("us-east-1"), WallClock())

    def claimed(key: str, number: int) -> Any:
        try:
            return keys.claim("shared/racer", key, f"payload {number % 2}", {"answer": number})["answer"]
        except Conflict:
            return "conflict"

    for parallel in PARALLEL:
        key = f"race-{parallel}"
        results = racing([lambda number=number, key=key: claimed(key, number) for number in range(parallel)])
        (winner,) = set(results) - {"conflict"}
        for number, result in enumerate(results):
            assert result == (winner if number % 2 == winner % 2 else "conflict")


def test_many_calls_under_one_key_get_one_answer_from_the_deployed_api(installation: Installation) -> None:
    """What would run is asked for, so nothing runs; the key is claimed and kept all the same."""
    token = installation.token("operations.daymark")
    bodies = [{"session_date": "2018-02-12", "phase": phase, "dry_run": True} for phase in ("MID_DAY", "PRE_MARKET")]

    def start(body: Mapping[str, Any], key: str) -> httpx.Response:
        return installation.call("POST", "/v1/operations/runs", token=token, json=body, headers={"Idempotency-Key": key})

    for parallel in CALLS_AT_ONCE:
        key = f"deployed-{parallel}-{time.time_ns()}"
        answers = racing([lambda key=key: start(bodies[0], key) for _ in range(parallel)])
        assert Counter(answer.status_code for answer in answers) == {202: parallel}
        assert len({answer.text for answer in answers}) == 1
        other = start(bodies[1], key)
        assert (other.status_code, other.json()["field"]) == (409, "header.Idempotency-Key")
