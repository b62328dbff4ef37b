"""What the security tests share: claims as a forger would have them, genuine callers by the thousand, and what every answer must be."""

from __future__ import annotations

import dataclasses
import json
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from daymark.core.tenancy import Role
from daymark.monitoring.tickets import digest

MEDIA_TYPE = "application/problem+json"
NOT_SIGNED_IN = {
    "type": "urn:daymark:problem:unauthenticated",
    "title": "Not signed in",
    "status": 401,
    "detail": "sign in with a valid ID token",
    "code": "unauthenticated",
}
Change = Mapping[str, Any]


def _each(claim: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Change]]:
    for name, value in values.items():
        yield f"{claim}: {name}", {claim: value}


def forged_claims(claims: Mapping[str, Any]) -> dict[str, Change]:
    """By name, what is changed in an administrator's good claims; ``None`` removes a claim. Nobody may be let in by any of them.

    The gateway would pass these on only of a token that its pool signed: of another client, of another kind, of a user whom
    somebody put into groups or gave attributes as they must not be. Values are as it passes them, texts, or as another might.
    """
    issuer, client = claims["iss"], claims["aud"]
    forms: dict[str, Change] = dict(
        _each("token_use", {
            "missing": None, "empty": "", "access": "access", "refresh": "refresh", "in capitals": "ID", "padded": "id ",
            "in a list": ["id"],
        })
    )  # fmt: skip
    forms["token_use: an access token's claims"] = {"token_use": "access", "client_id": client, "aud": None, "scope": "openid"}
    forms |= _each("iss", {
        "missing": None, "empty": "", "another pool": issuer + "2", "another region": issuer.replace("us-east-1", "eu-west-9"),
        "without TLS": "http" + issuer.removeprefix("https"), "a slash more": issuer + "/", "in capitals": issuer.upper(),
        "cut short": issuer[:-1], "a path out of it": issuer + "/../other", "a host before it": "https://evil.example/" + issuer,
        "NUL": issuer + "\0", "in a list": [issuer],
    })  # fmt: skip
    forms |= _each("aud", {
        "missing": None, "empty": "", "another client": "other-client", "cut short": client[:-1], "in capitals": client.upper(),
        "padded": f" {client}", "ours among others": f"[{client} other]", "in a list": [client],
    })  # fmt: skip
    forms["aud: under the access token's name"] = {"aud": None, "client_id": client}
    forms |= _each("cognito:groups", {
        "missing": None, "empty": "", "empty brackets": "[]", "two": "[administrator risk]", "two with a comma": "administrator,risk",
        "two in a list": ["administrator", "risk"], "one twice": "[administrator administrator]", "none in a list": [], "no role": "[root]",
        "in capitals": "[ADMINISTRATOR]", "padded": "[ administrator]", "padded behind": "[administrator ]",
        "a line end": "administrator\n",
        "NUL": "administrator\0", "looks alike": "\u0430dministrator", "half a bracket": "[administrator",
        "the other half": "administrator]",
        "brackets twice": "[[administrator]]", "JSON": '["administrator"]', "a number": 1, "true": True, "an object": {"administrator": 1},
    })  # fmt: skip
    for other in ("groups", "custom:role", "cognito:roles", "Cognito:Groups"):
        forms[f"cognito:groups: under {other}"] = {"cognito:groups": None, other: "administrator"}
    forms |= _each("custom:tenant", {
        "missing": None, "empty": "", "blank": " ", "a separator": "northstar#harbor", "a path": "../harbor", "a slash": "northstar/harbor",
        "a line end": "northstar\n", "NUL": "northstar\0", "a Greek omicron": "n\u03bfrthstar", "wide letters": "\uff4eorthstar",
        "an unseen letter": "north\u200bstar", "an accent on top": "northstar\u0301", "written backwards": "\u202eratshtron",
        "per cent": "north%73tar", "two": "northstar harbor", "in a list": ["northstar"], "brackets": "[northstar]", "a number": 7,
        "endless": "n" * 129, "a hyphen first": "-northstar", "a dot first": ".northstar", "injected": "northstar' OR '1'='1",
    })  # fmt: skip
    for other in ("tenant", "custom:Tenant", "dev:custom:tenant", "custom_tenant"):
        forms[f"custom:tenant: under {other}"] = {"custom:tenant": None, other: "northstar"}
    forms |= _each("cognito:username", {
        "missing": None, "empty": "", "a separator": "administrator#amy", "a slash": "northstar/amy", "NUL": "amy\0", "endless": "a" * 129,
        "in a list": ["amy"], "looks alike": "\u0430my",
    })  # fmt: skip
    for other in ("username", "preferred_username", "email"):
        forms[f"cognito:username: under {other}"] = {"cognito:username": None, other: "amy"}
    client_of = {"cognito:groups": "[client]"}
    for name, value in {"missing": None, "empty": "", "blank": " ", "a separator": "H#1", "NUL": "H-1\0", "in a list": ["H-1"]}.items():
        forms[f"custom:household of a client: {name}"] = client_of | {"custom:household": value}
    forms["custom:household of a client: under household"] = client_of | {"custom:household": None, "household": "H-1"}
    return forms


def changed(claims: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Claims with a change; what is changed to ``None`` is gone."""
    return {name: value for name, value in {**claims, **change}.items() if value is not None}


def good_callers(count: int, issuer: str, client: str) -> Iterator[dict[str, Any]]:
    """Claims of so many different users: every role, many tenants and names, each way in which the gateway writes one group."""
    draw = random.Random(20180205)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    for number in range(count):
        role = list(Role)[number % len(Role)]
        middle = "".join(draw.choice(letters + "._-") for _ in range(draw.randrange(0, 60)))
        given = {
            "sub": f"{draw.getrandbits(128):032x}", "iss": issuer, "aud": client, "token_use": "id",
            "cognito:username": f"{draw.choice(letters)}{middle}{number}", "cognito:groups": draw.choice([f"[{role}]", str(role)]),
            "custom:tenant": draw.choice(["northstar", "harbor", "summit", f"T{number}", "shared"]),
            "exp": draw.choice(["4102444800", "Fri Jan 01 00:00:00 UTC 2100"]), "email": f"u{number}@example.org", "email_verified": "true",
        }  # fmt: skip
        if role is Role.CLIENT:
            given["custom:household"] = f"H-{number}"
        yield given


# By name, what becomes of a good ticket's text. Longer or shorter, re-encoded, or what else somebody may hold of it.
FORGED_TICKETS: Mapping[str, Callable[[str], Any]] = {
    "none": lambda _: None,
    "empty": lambda _: "",
    "junk": lambda _: "junk",
    "last letter": lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
    "first letter": lambda text: ("A" if text[0] != "A" else "B") + text[1:],
    "cut short": lambda text: text[:-1],
    "a letter more": lambda text: text + "A",
    "padded": lambda text: text + "=",
    "swapped case": lambda text: text.swapcase(),
    "backwards": lambda text: text[::-1],
    "doubled": lambda text: text + text,
    "two with a comma": lambda text: f"{text},{text}",
    "a blank behind": lambda text: text + " ",
    "a blank before": lambda text: " " + text,
    "a line end": lambda text: text + "\n",
    "NUL": lambda text: text + "\0",
    "per cent": lambda text: f"%{ord(text[0]):02X}{text[1:]}",
    "wide letters": lambda text: "".join(chr(ord(each) + 0xFEE0) for each in text),
    "half a surrogate pair": lambda text: text[:-1] + "\ud800",
    "its digest": digest,
    "its row's key": lambda text: "TICKET#" + digest(text),
    "another separator": lambda text: "TICKET#" + text,
    "an ID token": lambda _: "eyJhbGciOiJub25lIn0.eyJjdXN0b206dGVuYW50IjoibiJ9.",
    "endless": lambda text: text * 1000,
    "a list": lambda text: [text],
    "an object": lambda text: {"S": text},
    "a number": lambda _: 7,
    "true": lambda _: True,
    "injected": lambda _: "' OR attribute_exists(pk) OR '" + "x" * 13,
}


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def strictly_read(text: str) -> Any:
    """JSON as RFC 8259 has it: without NaN and infinities."""
    return json.loads(text, parse_constant=_refuse)


def assert_sound(response: Mapping[str, Any], why: object = "") -> Any:
    """An answer of ours to anything whatever: no 5xx, JSON without NaN, and a problem where it refuses. Returns its body."""
    status, headers = response["statusCode"], {name.lower(): value for name, value in response["headers"].items()}
    assert 200 <= status < 500, (why, response)
    kind = headers["content-type"].partition(";")[0]
    assert kind in ({"application/json"} if status < 400 else {MEDIA_TYPE}), (why, response)
    body = strictly_read(response["body"])
    if status >= 400:
        assert body["status"] == status and body["type"] == f"urn:daymark:problem:{body['code']}", (why, response)
        assert set(body) <= {"type", "title", "status", "detail", "code", "field", "errors", "context"}, (why, response)
    return body


def numbers_in(value: Any, seen: set[int] | None = None) -> Iterator[float]:
    """Every number that is reachable from a value: in mappings, sequences, dataclasses, and objects of ours."""
    seen = set() if seen is None else seen
    if isinstance(value, float):
        yield value
    if isinstance(value, str | bytes | int | float | None) or id(value) in seen:
        return
    seen.add(id(value))
    parts: Sequence[Any] = ()
    if isinstance(value, Mapping):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    elif dataclasses.is_dataclass(value):
        parts = [getattr(value, each.name) for each in dataclasses.fields(value)]
    elif type(value).__module__.startswith("daymark."):
        parts = list(vars(value).values()) if hasattr(value, "__dict__") else []
    for part in parts:
        yield from numbers_in(part, seen)


def assert_finite(value: Any) -> None:
    """No NaN and no infinity is kept anywhere in it."""
    assert all(math.isfinite(number) for number in numbers_in(value))


def assert_stored_finite(items: Callable[[], Mapping[str, Sequence[Mapping[str, Any]]]]) -> int:
    """No stored item holds a NaN or an infinity, as a number or in its JSON; returns how many items were read."""
    read = 0
    for rows in items().values():
        for row in rows:
            read += 1
            # Bodies were parsed on the way here, so a NaN in one would be a float by now.
            assert_finite(row)
            assert not {"NaN", "Infinity", "-Infinity"} & {str(value) for value in row.values()}, row
    return read
