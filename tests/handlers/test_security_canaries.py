"""Canaries: texts that look like secrets and like clients, put wherever somebody can write, and seen nowhere but in the writer's answer.

What is told on purpose: tenant, role, connection id, method, route and status in a log line; the caller's own valid id in an answer;
the name of a parameter or member that a route does not know, in the refusal and to its writer alone. Values never.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import random
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger

from book import api as book
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.telemetry import logger
from daymark.book.models import Household
from monitoring import api as monitoring
from monitoring.close_connection import handler as close_connection
from monitoring.mark_portfolios import handler as mark_portfolios
from monitoring.open_connection import handler as open_connection
from monitoring.push_progress import handler as push_progress
from monitoring.receive_message import handler as receive_message
from operations import api as operations
from operations.open_phase import handler as open_phase
from operations.plan_phase import handler as plan_phase
from tests.findings import Teller
from tests.handlers.conftest import CONTEXT, Services
from tests.handlers.test_monitoring_connections import connecting, leaving, posted, progressed, saying, ticket
from tests.handlers.test_operations_steps import RUN, WAKE_UP
from tests.handlers.test_rest_apis import event
from tests.security_world import assert_sound
from tests.unit.http_world import FENCE
from tests.unit.task_world import synthetic_records

HANDLERS = {"book": book.handler, "operations": operations.handler, "monitoring": monitoring.handler}
HEADERS = (
    *("Authorization", "Cookie", "Referer", "Origin", "User-Agent", "X-Forwarded-For", "X-Api-Key", "X-Amz-Security-Token", "X-Request-Id"),
    *("X-Amzn-Trace-Id", "Accept-Language", "Accept", "From", "Via", "Forwarded", "If-None-Match", "Proxy-Authorization", "X-Custom"),
)  # fmt: skip


class Canaries:
    """Makes distinct canaries and remembers each."""

    def __init__(self) -> None:
        self._draw = random.Random(4711)
        self.made: list[str] = []

    def _letters(self, count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(self._draw.choice(alphabet) for _ in range(count))

    def __call__(self, kind: str = "id") -> str:
        """Another one: ``token``, ``ticket``, ``name``, ``email``, ``account``, ``key``, ``password`` or ``id``."""
        part = self._letters
        canary = {
            "token": lambda: f"eyJ{part(20)}.eyJ{part(40)}.{part(43)}",
            "ticket": lambda: part(43),
            "name": lambda: f"Zz{part(8, string.ascii_lowercase)} Qq{part(9, string.ascii_lowercase)}",
            "email": lambda: f"zz{part(9, string.ascii_lowercase)}@example.org",
            "account": lambda: f"GB{part(2, string.digits)}ZZZZ{part(14, string.digits)}",
            "key": lambda: f"AKIA{part(16, string.ascii_uppercase + string.digits)}",
            "password": lambda: f"pw!{part(14)}",
            "id": lambda: f"ZZ-{part(12)}",
        }[kind]()
        assert canary not in self.made
        self.made.append(canary)
        return canary


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def logger_made() -> Logger:
    """The functions' logger, made before any stream is put in the place of the one it keeps."""
    return logger()


@pytest.fixture
def everything_told(
    services: Services, logger_made: Logger, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[], str]]:
    """All that leaves a function but its answer: log lines of every logger from INFO on, metrics, events, executions' input."""
    stream, handler = io.StringIO(), logger_made.registered_handler
    before = handler.setStream(stream)
    queues = boto3.client("sqs", region_name="us-east-1")
    url = queues.create_queue(QueueName="told")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    services.events.put_rule(Name="all", EventBusName="daymark", EventPattern='{"source": [{"prefix": "daymark"}]}')
    services.events.put_targets(Rule="all", EventBusName="daymark", Targets=[{"Id": "q", "Arn": arn}])
    caplog.set_level(logging.INFO)

    def told() -> str:
        printed = capsys.readouterr()
        parts = [stream.getvalue(), caplog.text, printed.out, printed.err]
        while batch := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            parts += [message["Body"] for message in batch]
            for message in batch:
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        for machine in services.stepfunctions.list_state_machines()["stateMachines"]:
            for found in services.stepfunctions.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                parts.append(json.dumps(services.stepfunctions.describe_execution(executionArn=found["executionArn"]), default=str))
        return "\n".join(parts)

    yield told
    if before is not None:
        handler.setStream(before)


def assert_silent(canaries: Canaries, text: str, *, but: tuple[str, ...] = ()) -> None:
    """None of them is in a text, as it is or encoded as JSON, for an address, or in base64."""
    lowered = text.lower()
    for canary in canaries.made:
        if canary in but:
            continue
        forms = (canary, json.dumps(canary)[1:-1], canary.replace("@", "%40").replace(" ", "%20"), canary.replace(" ", "+"))
        assert not [form for form in forms if form.lower() in lowered], canary
        assert base64.b64encode(canary.encode()).decode().rstrip("=") not in text, canary


def secretly(canaries: Canaries, method: str, path: str, *, body: Any = None, role: str = "risk", tenant: str = "alpha") -> dict[str, Any]:
    """A call with a canary in every place beside path, query and body."""
    given = event(method, path, body=body, role=role, tenant=tenant, **{name: canaries("token") for name in HEADERS})
    given["headers"]["Idempotency-Key"] = canaries("key")
    given["multiValueHeaders"]["Idempotency-Key"] = [given["headers"]["Idempotency-Key"]]
    context = given["requestContext"]
    context["authorizer"]["claims"] |= {
        "cognito:username": canaries("id"), "sub": canaries("id"), "email": canaries("email"), "name": canaries("name"),
        "phone_number": "+" + canaries("account"), "nonce": canaries("ticket"), "custom:household": "H-1", "exp": "4102444800",
    }  # fmt: skip
    context["identity"] |= {
        "sourceIp": canaries("id"), "userAgent": canaries("name"), "apiKey": canaries("key"), "user": canaries("id"),
        "cognitoIdentityId": canaries("id"), "caller": canaries("account"), "accessKey": canaries("key"),
    }  # fmt: skip
    context["extendedRequestId"] = canaries("id")
    given["stageVariables"] = {canaries("id"): canaries("password")}
    return given


def answered(given: Mapping[str, Any]) -> tuple[int, str]:
    response = HANDLERS[given["path"].split("/")[2]](dict(given), CONTEXT)
    assert_sound(response)
    return response["statusCode"], json.dumps(response)


def test_rest_calls_leave_no_canary_anywhere(
    loaded: Services, canaries: Canaries, everything_told: Callable[[], str], tell: Teller
) -> None:
    day, answers = "2018-02-05", []
    for path in ("", "/{id}", "/{id}/positions", "/{id}/lots", "/{id}/marks", f"/{{id}}/marks/{day}"):
        for own in (True, False):
            place = f"/v1/book/portfolios{path}".replace("{id}", "P-A1" if own else canaries("id"))
            given = secretly(canaries, "GET", place)
            status, answer = answered(given)
            assert status in ((200, 404) if own or not path else (404,)), place
            answers.append(answer)
            for name in ("on", "limit", "cursor", "open"):
                given = secretly(canaries, "GET", place)
                given["multiValueQueryStringParameters"] = {name: [canaries("password")]}
                status, answer = answered(given)
                # Where no parameter is read, none is refused.
                assert status in (400, 404) or (own and path in ("/{id}", f"/{{id}}/marks/{day}")), place
                answers.append(answer)
    for path in (
        f"days/{day}",
        f"runs/{day}/MID_DAY",
        f"runs/{day}/{canaries('id')}",
        f"reports/{day}/{canaries('id')}",
        f"days/{canaries('id')}",
    ):
        answers.append(answered(secretly(canaries, "GET", f"/v1/operations/{path}"))[1])
    good = {"session_date": day, "phase": "MID_DAY"}
    for body in (
        good, good, {**good, "phase": canaries("name")}, {**good, "session_date": canaries("account")}, {**good,
        "dry_run": canaries("email")},
        canaries("token"), [canaries("id")], {"session_date": {"x": canaries("id")}, "phase": [canaries("name")]},
    ):  # fmt: skip
        given = secretly(canaries, "POST", "/v1/operations/runs", body=body, role="operations", tenant="shared")
        status, answer = answered(given)
        assert status == (202 if body is good else 400), answer
        answers.append(answer)
    for path in (f"{day}/MID_DAY/resume", f"{day}/MID_DAY/tasks/mark_portfolios/retry", f"{day}/MID_DAY/tasks/{canaries('id')}/retry"):
        given = secretly(
            canaries, "POST", f"/v1/operations/runs/{path}", body={canaries("id"): canaries("name")}, role="operations", tenant="shared"
        )
        answers.append(answered(given)[1])
    for text in ('{"session_date": "' + canaries("name"), canaries("password"), '{"a": NaN, "b": "' + canaries("email") + '"}'):
        given = secretly(canaries, "POST", "/v1/operations/runs", role="operations", tenant="shared")
        answers.append(answered(given | {"body": text})[1])
    answers.append(answered(secretly(canaries, "POST", "/v1/monitoring/tickets", body={"x": canaries("token")}))[1])
    assert len(canaries.made) >= 200
    told = everything_told()
    assert_silent(canaries, told)
    for answer in answers:
        assert_silent(canaries, answer)
    assert told.count('"operations_api"') >= 15 and '"Duration"' in told and "_MID_DAY_1" in told
    tell([f"{len(canaries.made)} canaries in {len(answers)} calls: none in logs, metrics, events, executions or answers"])


def test_the_name_of_what_is_not_known_goes_back_to_its_writer_alone(
    loaded: Services, canaries: Canaries, everything_told: Callable[[], str]
) -> None:
    name = canaries("id")
    given = event("GET", "/v1/book/portfolios")
    given["multiValueQueryStringParameters"] = {name: [canaries("password")]}
    response = book.handler(given, CONTEXT)
    assert json.loads(response["body"])["field"] == f"query.{name}"
    assert_silent(canaries, response["body"], but=(name,))
    assert_silent(canaries, everything_told())


def test_a_tickets_text_and_what_comes_with_it_is_told_nowhere(
    services: Services, canaries: Canaries, everything_told: Callable[[], str]
) -> None:
    text = ticket()
    for shown in (text, text, canaries("ticket"), canaries("token"), canaries("password")):
        given = connecting(shown)
        given["headers"] |= {name: canaries("token") for name in HEADERS}
        given["multiValueHeaders"] |= {name: [canaries("token")] for name in HEADERS}
        given["queryStringParameters"] |= {"token": canaries("token"), canaries("id"): canaries("id")}
        given["requestContext"]["identity"] |= {"sourceIp": canaries("id"), "userAgent": canaries("name")}
        given["requestContext"]["authorizer"] = {"principalId": canaries("id")}
        answer = open_connection(given, CONTEXT)
        assert set(answer) == {"statusCode"}
    canaries.made.append(text)
    assert_silent(canaries, everything_told())
    assert text not in json.dumps(services.everything(), default=str)


def test_frames_leave_no_canary_in_a_log_or_an_answer(loaded: Services, canaries: Canaries, everything_told: Callable[[], str]) -> None:
    assert open_connection(connecting(ticket()), CONTEXT) == {"statusCode": 200}
    good = {"version": 1, "action": "subscribe", "channel": "day/2018-02-05"}
    frames: list[Any] = [
        good | {"action": canaries("password")}, good | {"version": canaries("token")}, good | {"channel": canaries("id")},
        good | {"channel": f"portfolio/{canaries('id')}"}, good | {"channel": f"symbol/{canaries('id')}"},
        good | {"channel": f"day/{canaries('id')}"},
        good | {"channel": [canaries("name")]}, good | {"id": canaries("name")}, good | {"resume": canaries("ticket")},
        good | {"action": [canaries("email")]}, good | {"version": {"x": canaries("account")}}, good | {canaries("id"): canaries("token")},
        [canaries("name")], canaries("token"), {canaries("id"): 1}, good | {"version": 2, "x": canaries("key")},
        good | {"action": "unsubscribe", "channel": f"portfolio/{canaries('id')}"},
    ]  # fmt: skip
    for text in (*map(json.dumps, frames), canaries("password"), '{"version": 1, "action": "' + canaries("name"), canaries("token") * 60):
        given = saying(text)
        given["requestContext"]["identity"]["userAgent"] = canaries("name")
        assert receive_message(given, CONTEXT) == {"statusCode": 200}
    messages = posted()
    assert len(messages) == len(frames) + 3
    assert_silent(canaries, json.dumps(messages))
    close_connection(leaving(), CONTEXT)
    assert_silent(canaries, everything_told())


def test_a_book_of_canaries_is_told_to_nobody_but_those_who_read_it(
    services: Services, canaries: Canaries, everything_told: Callable[[], str]
) -> None:
    store = DynamoBookStore("daymark-book", services.dynamodb)
    for kept in synthetic_records():
        owned = replace(kept.portfolio, name=canaries("name"), custodian_account=canaries("account"))
        store.save_household(Household(owned.tenant, owned.household_id, canaries("name"), owned.adviser_id), FENCE)
        store.save_record(replace(kept, portfolio=owned), FENCE)
    names = [row["name"] for row in json.loads(book.handler(event("GET", "/v1/book/portfolios"), CONTEXT)["body"])["items"]]
    assert len(names) == 2 and set(names) <= set(canaries.made)
    for path in ("/v1/book/portfolios/P-A1", "/v1/book/portfolios/P-A1/lots", "/v1/book/portfolios/P-B1"):
        book.handler(event("GET", path), CONTEXT)
    operations.handler(event("GET", "/v1/operations/days/2018-02-05"), CONTEXT)
    plan_phase(open_phase(WAKE_UP, CONTEXT), CONTEXT)
    push_progress(progressed(RUN), CONTEXT)
    assert_silent(canaries, everything_told())


def test_a_defect_is_told_by_its_class_and_place_and_never_by_what_it_says(
    services: Services, canaries: Canaries, everything_told: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError(canaries("name")) from ValueError(canaries("account"))

    for method in ("portfolios", "portfolio"):
        monkeypatch.setattr(DynamoBookStore, method, broken)
    for path in ("", f"/{canaries('id')}"):
        response = book.handler(event("GET", f"/v1/book/portfolios{path}"), CONTEXT)
        assert (response["statusCode"], json.loads(response["body"])["code"]) == (500, "internal")
        assert_silent(canaries, response["body"])
    told = everything_told()
    assert "unhandled KeyError" in told and "in broken" in told
    assert_silent(canaries, told)


def test_what_a_stream_brings_that_is_no_block_is_not_told(
    services: Services, canaries: Canaries, everything_told: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is kept for operations, with its payload, in the ticks bucket's quarantine."""
    services.s3.create_bucket(Bucket="daymark-ticks")
    monkeypatch.setenv("DAYMARK_TICKS_BUCKET", "daymark-ticks")
    records = [
        {
            "kinesis": {
                "partitionKey": "bucket-0001", "sequenceNumber": str(10**50 + number), "approximateArrivalTimestamp": 1517864400.0,
                "data": base64.b64encode(canaries("token").encode()).decode(), "kinesisSchemaVersion": "1.0",
            },
            "eventSource": "aws:kinesis", "eventID": f"shardId-000000000000:{10**50 + number}", "eventVersion": "1.0",
            "eventName": "aws:kinesis:record", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/quotes",
        }
        for number in range(5)
    ]  # fmt: skip
    assert mark_portfolios({"Records": records}, CONTEXT) == {"batchItemFailures": []}
    assert_silent(canaries, everything_told())
