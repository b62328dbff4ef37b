"""The one OpenAPI document of all systems: checked in, so that a change of the interface is seen in review.

Routes and bodies come from the routers; what every route shares (who is let in, how it is refused, how calls are repeated and lists read
on) is added here once. ``make openapi`` writes it anew beside this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daymark.http.app import PROBLEM, SYSTEMS, routes_of
from daymark.http.problem_details import MEDIA_TYPE, Problem

PATH = Path(__file__).with_name("openapi.json")
_DESCRIPTION = """\
Amounts, quantities and prices are decimal text; ratios are numbers and fractions; dates are ISO dates; instants are UTC.

**Who you are.** Every route takes the ID token of a signed-in user. What you may not see answers like what does not exist.

**Refusals** are problem details (RFC 9457), the gateway's own too, and name the field at fault.

**Repeating.** Every POST with lasting effects takes an `Idempotency-Key`, your own name for the call: the same call under the same key has
one effect and one answer for a day; another call under that key is refused with 409.

**Lists** that can be long answer pages: give `next_cursor` back as `cursor` with the same other parameters until there is none. A cursor is
good for you and this query only.

**Too many calls** answer 429: wait as long as `Retry-After` says, and where other calls wait too, some random time on top. Every answer of
ours says in `RateLimit` and `RateLimit-Policy` what is left of your tenant's calls.
"""
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The ID token of a signed-in user, checked by the gateway.",
}
_TAGS = {
    "book": "Portfolios: what they hold, bought and were worth.",
    "operations": "The trading day: runs, tasks and reports.",
    "monitoring": "The way to live marks: tickets for the WebSocket.",
}
_RETRY_AFTER = {
    "Retry-After": {"description": "Seconds to wait before the same call is sent again.", "schema": {"type": "integer", "minimum": 1}}
}
_LOCATION = {"Location": {"description": "Where the work can be followed; absent of a dry run.", "schema": {"type": "string"}}}
# By status: name, when it is answered, and an example's title, code, detail and field.
_PROBLEMS: dict[int, tuple[str, str, tuple[str, str, str, str | None]]] = {
    400: (
        "BadRequest",
        "An input breaks a rule; `field` and `errors` name it.",
        ("Bad request", "invalid_input", "query.limit: Input should be less than or equal to 200", "query.limit"),
    ),
    401: (
        "NotSignedIn",
        "No valid ID token came with the call.",
        ("Not signed in", "unauthenticated", "sign in with a valid ID token", None),
    ),
    403: (
        "NotAllowed",
        "You may see this, but not do that with it.",
        ("Not allowed", "forbidden", "risk may read this run but not operate it", None),
    ),
    404: (
        "NotFound",
        "There is no such thing, or none that you may see.",
        ("Not found", "not_found", "There is no such thing, or none that you may see.", None),
    ),
    409: (
        "Conflict",
        "The key was used for another call, or what stands contradicts this one.",
        ("Conflict", "conflict", "2018-02-05/MARKET_CLOSE#1 has ended; start the phase again instead", "run_id"),
    ),
    413: ("TooLarge", "The body is larger than 64 KiB.", ("Request refused", "too_large", "Request body too large", "body")),
    422: (
        "NotASession",
        "The exchange does not trade on that date; `context` names the nearest sessions.",
        ("Not a session", "not_a_session", "2018-02-04 is not a session of the exchange", "session_date"),
    ),
    415: (
        "UnsupportedMedia",
        "Bodies are `application/json`.",
        ("Request refused", "unsupported_media_type", "Bodies are application/json.", None),
    ),
    429: (
        "TooManyCalls",
        "More calls than your tenant, or everybody together, may make.",
        ("Too many requests", "rate_limited", "Too many calls at once. Call again later.", None),
    ),
    500: (
        "InternalError",
        "A defect on our side; it is logged.",
        ("Internal error", "internal", "Something went wrong on our side. The event is logged.", None),
    ),
    503: ("TryLater", "Something did not answer in time.", ("Try again later", "unavailable", "DynamoDB did not answer", None)),
}
_WAITING = {429, 503}
# What stands at a session's close exists for sessions alone.
_OF_A_SESSION = {"/v1/book/portfolios/{portfolio_id}/marks/{session_date}", "/v1/operations/days/{session_date}"}


def merged_openapi() -> dict[str, Any]:
    """The document for every system's routes."""
    document = routes_of(SYSTEMS).openapi()
    document["info"]["description"] = _DESCRIPTION
    document["tags"] = [{"name": system, "description": _TAGS[system]} for system in SYSTEMS]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = document["components"]
    components["schemas"].update({"Problem": problem, **problem.pop("$defs")})
    components["responses"] = {name: _response(status) for status, (name, _, _) in _PROBLEMS.items()}
    components["securitySchemes"] = {"idToken": _SCHEME}
    document["security"] = [{"idToken": []}]
    for path, verb, operation in operations_of(document):
        _declare_refusals(path, verb, operation)
        _describe_answers(operation)
    return document


def operations_of(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every operation with its path and verb."""
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield path, verb, operation


def _response(status: int) -> dict[str, Any]:
    _, description, (title, code, detail, field) = _PROBLEMS[status]
    example: dict[str, Any] = {"type": f"urn:daymark:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    if field is not None:
        example["field"] = field
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}, "examples": {code: {"value": example}}}}
    headers = {"headers": _RETRY_AFTER} if status in _WAITING else {}
    return {"description": description, **headers, "content": content}


def _declare_refusals(path: str, verb: str, operation: dict[str, Any]) -> None:
    """Name every status with which the route refuses; any other that comes up some day is a problem too."""
    names = {each["name"] for each in operation.get("parameters", [])}
    keyed = "Idempotency-Key" in names
    statuses = {401, 429, 500, 503}
    if verb != "get" or names or "requestBody" in operation:
        # A body that no route reads is refused, too.
        statuses |= {400, 413, 415} if verb != "get" else {400}
    if "{" in path or keyed or operation["tags"] == ["operations"]:
        statuses.add(404)
    if keyed:
        statuses |= {403, 409, 422}
    if path in _OF_A_SESSION:
        statuses.add(422)
    declared = operation.pop("responses")
    other = declared.pop("default")
    refusals = {str(status): {"$ref": f"#/components/responses/{_PROBLEMS[status][0]}"} for status in sorted(statuses)}
    operation["responses"] = {**declared, **refusals, "default": other}


def _describe_answers(operation: dict[str, Any]) -> None:
    """Say of each good answer what it is, and name the headers that come with it."""
    for status, answer in operation["responses"].items():
        if answer.get("description") == "Successful Response":
            answer["description"] = {"201": "Made.", "202": "Accepted; the work goes on by itself."}.get(status, "What was asked for.")
            if status == "202":
                answer["headers"] = _LOCATION


def as_text(document: dict[str, Any]) -> str:
    """The document as it is checked in."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(as_text(merged_openapi()), encoding="utf-8")
