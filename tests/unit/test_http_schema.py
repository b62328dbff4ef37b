"""Any call that the interface's description allows, or just forbids, gets an answer that the description knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from daymark.http.app import checked_in_openapi
from tests.unit.http_world import CALLERS, World, make_world


def without_default(document: dict[str, Any]) -> dict[str, Any]:
    """The document with nothing to excuse a status that its route does not name."""
    for operations in document["paths"].values():
        for operation in operations.values():
            del operation["responses"]["default"]
    return document


SCHEMA = schemathesis.openapi.from_dict(without_default(json.loads(checked_in_openapi())))
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]
CHECKS = [negative_data_rejection, status_code_conformance, content_type_conformance, response_schema_conformance]
# What the world holds, so that calls reach further than "not found"; and the dates at the edges of what a day can be.
KNOWN = {
    "portfolio_id": ["NS-1", "NS-3", "HB-1"],
    "subject": ["NS-1", "operations"],
    "session_date": ["2018-02-05", "2018-02-02", "2018-02-04", "0001-01-01", "9999-12-31"],
    "on": ["2018-02-05", "2017-01-02", "0001-01-01", "9999-12-31"],
    "phase": ["MARKET_CLOSE", "POST_MARKET", "MID_DAY", "PRE_MARKET"],
    "task": ["mark_portfolios", "reconcile_custodian"],
}
quick = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def known(case: Case, data: st.DataObject) -> Case:
    """The case with some of its values replaced by ones that the world knows."""
    for container in (case.path_parameters, case.query):
        for name in container or ():
            if name in KNOWN and data.draw(st.booleans(), label=f"known {name}"):
                container[name] = data.draw(st.sampled_from(KNOWN[name]), label=name)
    if isinstance(case.body, dict) and "session_date" in case.body and data.draw(st.booleans(), label="known day"):
        case.body["session_date"] = data.draw(st.sampled_from(KNOWN["session_date"]), label="session_date")
    return case


def asked(world: World, case: Case, caller: Mapping[str, Any] | None) -> tuple[int, Any, Response]:
    """What the interface answers to the call as a client would send it."""
    sent = requests.Request(**case.as_transport_kwargs(base_url="http://daymark")).prepare()
    target = urlsplit(sent.url)
    query = parse_qs(target.query, keep_blank_values=True)
    # The gateway passes bodies on as text.
    body = sent.body.decode(errors="replace") if isinstance(sent.body, bytes) else sent.body
    status, content, headers = world.ask(target.path, caller, method=sent.method, query=query, body=body, headers=dict(sent.headers))
    text = content if isinstance(content, str) else json.dumps(content)
    answer = Response(
        status_code=status, headers={name: [value] for name, value in headers.items()}, content=text.encode(), request=sent,
        elapsed=0.0, verify=False, encoding="utf-8",
    )  # fmt: skip
    return status, content, answer


def assert_described(case: Case, status: int, content: Any, answer: Response) -> None:
    assert status < 500, content
    case.validate_response(answer, checks=CHECKS)
    if status >= 400:
        assert content["status"] == status
        assert content["type"] == f"urn:daymark:problem:{content['code']}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_an_allowed_call_gets_a_described_answer(operation) -> None:
    world = make_world()

    @quick
    @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), st.sampled_from([*CALLERS, None]), st.data())
    def holds(case: Case, caller: str | None, data: st.DataObject) -> None:
        status, content, answer = asked(world, known(case, data), None if caller is None else CALLERS[caller])
        assert_described(case, status, content, answer)
        assert (status == 401) == (caller is None)

    holds()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_a_forbidden_call_is_refused_by_the_name_of_what_is_wrong(operation) -> None:
    world = make_world()

    @quick
    @given(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), st.sampled_from(["risk", "operations of shared"]))
    def holds(case: Case, caller: str) -> None:
        # The gateway's authoriser reads the header that a case may lack; without it nobody is known.
        status, content, answer = asked(world, case, CALLERS[caller] if "Authorization" in case.headers else None)
        assert_described(case, status, content, answer)
        if status == 400:
            assert content["field"].split(".")[0] in ("path", "query", "header", "body")
            assert content["field"] in {error["field"] for error in content.get("errors") or [{"field": content["field"]}]}

    holds()


def test_the_known_values_reach_the_answers() -> None:
    """The world really holds what the cases are given, or the tests above would see nothing but refusals."""
    world = make_world()
    for operation in OPERATIONS:
        if operation.method.upper() == "GET":
            path = operation.path.format(portfolio_id="NS-1", session_date="2018-02-05", phase="MARKET_CLOSE", subject="NS-1")
            query = {name: ["2018-02-05"] for name in ("session_date", "on") if any(each.name == name for each in operation.query)}
            caller = "operations of shared" if "/runs" in path else "risk"
            assert world.ask(path, caller, query=query)[0] == 200, operation.label
