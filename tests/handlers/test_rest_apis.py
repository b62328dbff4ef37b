"""The API functions: API Gateway's proxy events in, answers, started phases and stored calls out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from book import api as book
from operations import api as operations
from tests.handlers.conftest import APP, CONTEXT, ISSUER, Services


def event(method: str, path: str, *, tenant: str = "alpha", role: str = "risk", body: Any = None, **headers: str) -> dict[str, Any]:
    """A REST proxy event (payload format 1.0) as the Cognito authoriser passes it on."""
    sent = {"Accept": "application/json", "Content-Type": "application/json", "Host": "x1.execute-api.us-east-1.amazonaws.com"} | headers
    system = path.split("/")[2] if path.startswith("/v1/") else ""
    claims = {
        "sub": "2f6d", "iss": ISSUER, "aud": APP, "token_use": "id", "cognito:username": f"{role}.user.{tenant}",
        "cognito:groups": role, "custom:tenant": tenant, "exp": "Mon Feb 05 22:00:00 UTC 2018",
    }  # fmt: skip
    return {
        "resource": f"/v1/{system}/{{proxy+}}" if system else path, "path": path, "httpMethod": method, "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()}, "queryStringParameters": None,
        "multiValueQueryStringParameters": None, "pathParameters": {"proxy": path.partition(f"/v1/{system}/")[2]},
        "stageVariables": None, "body": None if body is None else json.dumps(body), "isBase64Encoded": False,
        "requestContext": {
            "accountId": "123456789012", "apiId": "x1", "stage": "live", "httpMethod": method, "path": f"/live{path}",
            "resourcePath": f"/v1/{system}/{{proxy+}}", "requestId": "c6af9ac6", "protocol": "HTTP/1.1",
            "identity": {"sourceIp": "192.0.2.7", "userAgent": "curl/8"}, "authorizer": {"claims": claims},
        },
    }  # fmt: skip


def answer(response: Any) -> tuple[int, Any]:
    return response["statusCode"], json.loads(response["body"])


def test_the_book_lists_the_callers_tenant_and_no_other(loaded):
    status, page = answer(book.handler(event("GET", "/v1/book/portfolios"), CONTEXT))

    assert status == 200
    assert [row["portfolio_id"] for row in page["items"]] == ["P-A1", "P-A2"]


def test_another_tenants_portfolio_does_not_exist(loaded):
    theirs = answer(book.handler(event("GET", "/v1/book/portfolios/P-B1"), CONTEXT))
    nobodys = answer(book.handler(event("GET", "/v1/book/portfolios/P-B9"), CONTEXT))

    assert theirs[0] == nobodys[0] == 404


def test_a_request_without_verified_claims_is_refused(loaded):
    bare = event("GET", "/v1/book/portfolios")
    del bare["requestContext"]["authorizer"]

    assert book.handler(bare, CONTEXT)["statusCode"] == 401


def test_each_function_serves_its_own_system_only(loaded):
    assert book.handler(event("GET", "/v1/operations/runs?session_date=2018-02-05"), CONTEXT)["statusCode"] == 404
    assert operations.handler(event("GET", "/v1/book/portfolios"), CONTEXT)["statusCode"] == 404


def executions(services: Services) -> list[str]:
    machines = services.stepfunctions.list_state_machines()["stateMachines"]
    return sorted(
        found["name"]
        for machine in machines
        for found in services.stepfunctions.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    )


def start(key: str, phase: str = "PRE_MARKET") -> tuple[int, Any]:
    body = {"session_date": "2018-02-05", "phase": phase}
    given = event("POST", "/v1/operations/runs", tenant="shared", role="operations", body=body, **{"Idempotency-Key": key})
    return answer(operations.handler(given, CONTEXT))


def test_starting_a_phase_starts_its_machine_once_and_keeps_the_call(loaded):
    first, again = start("monday-pre-market"), start("monday-pre-market")

    assert first[0] == 202
    assert again == first
    assert first[1]["run_id"] == "2018-02-05/PRE_MARKET#1"
    assert executions(loaded) == ["2018-02-05_PRE_MARKET_1"]
    (call,) = [item for item in loaded.items("operations") if item["pk"].startswith("CALLER#")]
    assert call["body"]["answer"]["run_id"] == "2018-02-05/PRE_MARKET#1"


def test_the_same_key_for_another_call_starts_nothing(loaded):
    start("monday", "PRE_MARKET")
    status, problem = start("monday", "MID_DAY")

    assert status == 409
    assert problem["field"] == "header.Idempotency-Key"
    assert executions(loaded) == ["2018-02-05_PRE_MARKET_1"]


@pytest.mark.parametrize("role", ["client", "adviser", "risk"])
def test_only_those_who_run_the_day_start_it(loaded, role):
    body = {"session_date": "2018-02-05", "phase": "PRE_MARKET"}
    given = event("POST", "/v1/operations/runs", role=role, body=body, **{"Idempotency-Key": "mine"})

    assert operations.handler(given, CONTEXT)["statusCode"] in (401, 403, 404)
    assert executions(loaded) == []


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
def test_the_documentation_needs_no_token(loaded, path):
    given = event("GET", path)
    del given["requestContext"]["authorizer"]

    assert operations.handler(given, CONTEXT)["statusCode"] == 200


def test_a_request_is_logged_by_route_and_never_by_path(loaded, log_lines):
    book.handler(event("GET", "/v1/book/portfolios/P-A1"), CONTEXT)
    (told,) = log_lines()

    assert (told["httpMethod"], told["resource"], told["status"]) == ("GET", "/v1/book/{proxy+}", 200)
    assert "P-A1" not in json.dumps(told)
    assert "192.0.2.7" not in json.dumps(told)
