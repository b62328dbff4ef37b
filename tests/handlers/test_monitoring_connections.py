"""The WebSocket's functions: API Gateway's and EventBridge's events in, rows and posted messages out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.apigatewaymanagementapi.models import apigatewaymanagementapi_backends
from moto.core import DEFAULT_ACCOUNT_ID

from daymark.core.errors import InvalidInput
from monitoring import api
from monitoring.close_connection import handler as close_connection
from monitoring.open_connection import handler as open_connection
from monitoring.push_progress import handler as push_progress
from monitoring.receive_message import handler as receive_message
from operations.open_phase import handler as open_phase
from operations.plan_phase import handler as plan_phase
from tests.handlers.conftest import CONTEXT
from tests.handlers.test_operations_steps import RUN, WAKE_UP
from tests.handlers.test_rest_apis import answer, event

CONNECTION = "L0SM9cOFvHcCIhw="
LATER = datetime.now(UTC) + timedelta(hours=1)


def context(route: str, kind: str, connection: str = CONNECTION) -> dict[str, Any]:
    return {
        "routeKey": route, "eventType": kind, "extendedRequestId": "F5LwBF1ZPHcFmVA=", "requestTime": "05/Feb/2018:21:00:00 +0000",
        "messageDirection": "IN", "stage": "live", "connectedAt": 1517864400000, "requestTimeEpoch": 1517864400123,
        "identity": {"sourceIp": "192.0.2.7", "userAgent": "Python/3.11 websockets"}, "requestId": "F5LwBF1ZPHcFmVA=",
        "domainName": "p1.execute-api.us-east-1.amazonaws.com", "connectionId": connection, "apiId": "p1",
    }  # fmt: skip


def connecting(ticket: str | None, connection: str = CONNECTION) -> dict[str, Any]:
    headers = {"Host": "p1.execute-api.us-east-1.amazonaws.com", "Sec-WebSocket-Version": "13", "X-Forwarded-Proto": "https"}
    query = {} if ticket is None else {
        "queryStringParameters": {"ticket": ticket}, "multiValueQueryStringParameters": {"ticket": [ticket]},
    }  # fmt: skip
    return {
        "headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()}, **query,
        "requestContext": context("$connect", "CONNECT", connection), "isBase64Encoded": False,
    }  # fmt: skip


def saying(text: str, connection: str = CONNECTION) -> dict[str, Any]:
    told = context("$default", "MESSAGE", connection) | {"messageId": "F5LwBdGaPHcCIhw="}
    return {"requestContext": told, "body": text, "isBase64Encoded": False}


def leaving(connection: str = CONNECTION) -> dict[str, Any]:
    told = context("$disconnect", "DISCONNECT", connection) | {"disconnectStatusCode": 1005, "disconnectReason": "Client-side close"}
    headers = {"Host": "p1.execute-api.us-east-1.amazonaws.com", "x-api-key": "", "x-restapi": ""}
    return {"headers": headers, "requestContext": told, "isBase64Encoded": False}


def progressed(run: str = RUN, **changes: Any) -> dict[str, Any]:
    return {
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1602", "detail-type": "RunProgressed", "source": "daymark.operations",
        "account": "123456789012", "time": "2018-02-05T21:00:01Z", "region": "us-east-1", "resources": [],
        "detail": {"version": 1, "run_id": run, "sequence": 1},
    } | changes  # fmt: skip


def ticket(role: str = "risk", **claims: Any) -> str:
    asking = event("POST", "/v1/monitoring/tickets", tenant="alpha", role=role)
    asking["requestContext"]["authorizer"]["claims"] |= {
        "exp": LATER.strftime("%a %b %d %H:%M:%S UTC %Y"),
        "custom:household": "H-1",
    } | claims
    status, body = answer(api.handler(asking, CONTEXT))
    assert status == 201, body
    return body["ticket"]


def posted(connection: str = CONNECTION) -> list[dict[str, Any]]:
    """What the gateway was asked to send, message by message."""
    backend = apigatewaymanagementapi_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    # moto keeps the id as it stands in the address.
    text, reader, messages = backend.connections[quote(connection)].data.decode(), json.JSONDecoder(), []
    while text:
        message, end = reader.raw_decode(text)
        messages.append(message)
        text = text[end:]
    return messages


def connect(role: str = "risk", connection: str = CONNECTION, **claims: Any) -> None:
    assert open_connection(connecting(ticket(role, **claims), connection), CONTEXT) == {"statusCode": 200}


SUBSCRIBE = json.dumps({"version": 1, "action": "subscribe", "channel": "day/2018-02-05", "id": "1"})


def test_a_ticket_is_stored_as_its_digest_and_opens_one_connection(services):
    text = ticket()
    (row,) = services.items("connections")
    assert row["pk"].startswith("TICKET#")
    assert text not in json.dumps(row)

    assert open_connection(connecting(text), CONTEXT) == {"statusCode": 200}
    (row,) = services.items("connections")
    assert (row["pk"], row["sk"]) == (f"CONNECTION#{CONNECTION}", "CONNECTION")
    assert row["body"]["principal"] == {"user_id": "risk.user.alpha", "tenant": "alpha", "role": "risk", "household_id": None}
    assert datetime.fromisoformat(row["body"]["token_expires_at"]) == LATER.replace(microsecond=0)

    assert open_connection(connecting(text, "another"), CONTEXT) == {"statusCode": 403}
    assert len(services.items("connections")) == 1


@pytest.mark.parametrize("given", [None, "", "junk", "a" * 43, "é" * 43])
def test_without_a_ticket_of_ours_nobody_gets_in_and_nothing_is_written(services, given):
    assert open_connection(connecting(given), CONTEXT) == {"statusCode": 403}
    assert services.items("connections") == []


def test_when_the_table_does_not_answer_nobody_gets_in(services, monkeypatch):
    text = ticket()

    class Throttling:
        def __getattr__(self, name):
            def call(**_arguments):
                raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)

            return call

    monkeypatch.setattr("monitoring.bootstrap.dynamodb_client", lambda _region: Throttling())
    assert open_connection(connecting(text), CONTEXT) == {"statusCode": 503}


def test_a_ticket_is_never_logged(services, log_lines, capsys):
    text = ticket()
    open_connection(connecting(text), CONTEXT)
    open_connection(connecting(text), CONTEXT)
    receive_message(saying(SUBSCRIBE), CONTEXT)
    close_connection(leaving(), CONTEXT)
    lines = log_lines()
    told = json.dumps(lines) + capsys.readouterr().out

    assert [line["message"] for line in lines] == [
        "monitoring_api", "open_connection", "open_connection", "receive_message", "close_connection",
    ]  # fmt: skip
    assert [line.get("status") for line in lines[:3]] == [201, 200, 403]
    assert {line["connection_id"] for line in lines[1:]} == {CONNECTION}
    for personal in (text, "192.0.2.7", "risk.user.alpha"):
        assert personal not in told


def test_a_subscriber_is_sent_the_snapshot_and_then_the_progress_of_the_real_steps(services):
    connect()
    assert receive_message(saying(SUBSCRIBE), CONTEXT) == {"statusCode": 200}
    assert posted() == [{"version": 1, "type": "snapshot", "channel": "day/2018-02-05", "sequence": 0, "phases": [], "id": "1"}]

    reply = open_phase(WAKE_UP, CONTEXT)
    assert push_progress(progressed(), CONTEXT) == {"sent": 1}
    plan_phase(reply, CONTEXT)
    assert push_progress(progressed(), CONTEXT) == {"sent": 1}
    first, second = posted()[1:]
    assert (first["type"], first["sequence"], second["sequence"]) == ("progress", 1, 2)
    assert [(phase["run_id"], phase["status"]) for phase in second["phases"]] == [(RUN, "RUNNING")]
    assert second["phases"][0]["tasks"][0] == {"task": "check_session", "status": "RUNNING", "try": 1}


def test_a_client_is_told_that_there_is_no_such_channel(services):
    connect("client")
    receive_message(saying(SUBSCRIBE), CONTEXT)
    receive_message(saying(SUBSCRIBE.replace("2018-02-05", "2018-02-04")), CONTEXT)
    theirs, nobodys = posted()
    assert theirs == nobodys
    assert theirs["error"]["code"] == "not_found"
    assert push_progress(progressed(), CONTEXT) == {}


def test_an_empty_message_is_answered(services):
    connect()
    receive_message(saying(""), CONTEXT)
    bodiless = saying("")
    del bodiless["body"]
    receive_message(bodiless, CONTEXT)
    assert [message["error"]["field"] for message in posted()] == ["message", "message"]


def test_leaving_clears_both_rows_and_twice_does_no_harm(services):
    connect()
    receive_message(saying(SUBSCRIBE), CONTEXT)
    assert [row["pk"] for row in services.items("connections")] == [f"CONNECTION#{CONNECTION}", "ROOM#day/shared/2018-02-05"]
    for _ in range(2):
        assert close_connection(leaving(), CONTEXT) == {"statusCode": 200}
    assert services.items("connections") == []
    assert push_progress(progressed(), CONTEXT) == {}


def test_a_connection_whose_token_has_expired_is_told_closed_and_forgotten(services):
    soon = datetime.now(UTC) + timedelta(minutes=5)
    connect(exp=soon.strftime("%a %b %d %H:%M:%S UTC %Y"))
    receive_message(saying(SUBSCRIBE), CONTEXT)
    # The row as it is once those five minutes are over.
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for row in services.dynamodb.scan(TableName="daymark-connections")["Items"]:
        body = json.loads(row["body"]["S"]) | {"token_expires_at": past}
        services.dynamodb.put_item(TableName="daymark-connections", Item=row | {"body": {"S": json.dumps(body)}})
    assert push_progress(progressed(), CONTEXT) == {"expired": 1}
    assert services.items("connections") == []
    # Closing a connection drops what moto kept of it.
    backend = apigatewaymanagementapi_backends[DEFAULT_ACCOUNT_ID]["us-east-1"]
    assert quote(CONNECTION) not in backend.connections


@pytest.mark.parametrize(
    "changes", [{"source": "aws.events"}, {"detail": {"version": 1}}, {"detail": {"version": 1, "run_id": "x", "sequence": 1}}]
)
def test_another_event_is_refused(services, changes):
    with pytest.raises(InvalidInput):
        push_progress(progressed(**changes), CONTEXT)


@pytest.fixture
def told(services, monkeypatch):
    """The bus's events, as a rule delivers them to a queue."""
    queues = boto3.client("sqs", region_name="us-east-1")
    url = queues.create_queue(QueueName="told")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    services.events.put_rule(Name="all", EventBusName="daymark", EventPattern='{"source": ["daymark.operations"]}')
    services.events.put_targets(Rule="all", EventBusName="daymark", Targets=[{"Id": "q", "Arn": arn}])

    def events() -> list[dict[str, Any]]:
        found = []
        while batch := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in batch]
            for message in batch:
                queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    return events


def test_each_step_that_writes_the_journal_tells_it_on_the_bus(services, told):
    plan_phase(open_phase(WAKE_UP, CONTEXT), CONTEXT)
    events = told()
    assert [(each["source"], each["detail-type"]) for each in events] == [("daymark.operations", "RunProgressed")] * 2
    assert [each["detail"] for each in events] == [{"version": 1, "run_id": RUN, "sequence": sequence} for sequence in (1, 2)]
    assert push_progress(events[-1], CONTEXT) == {}


def test_a_step_does_its_work_although_telling_it_fails(services, monkeypatch, log_lines):
    class Broken:
        def put_events(self, **_arguments):
            raise RuntimeError("a defect of the client")

    monkeypatch.setattr("operations.phase_bootstrap.events_client", lambda _region: Broken())
    reply = open_phase(WAKE_UP, CONTEXT)
    assert reply["kind"] == "plan"
    assert [line["message"] for line in log_lines()] == ["progress_not_told", "open_phase"]
    assert len(services.items("operations", f"RUN#{RUN}")) == 1
