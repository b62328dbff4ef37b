"""The WebSocket of the deployed stack, spoken to by a real client: tickets, channels, progress while a phase runs, the end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import boto3
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from daymark.local.trading_day import TradingDay
from daymark.operations.models import OperationPhase
from tests.local.conftest import SESSION, Installation

pytestmark = pytest.mark.emulator

# A day of this file's own: its phases are run here alone.
OTHER_DAY = date(2018, 2, 8)
SECONDS = 120.0


def ticket(installation: Installation, user: str | None = None, token: str | None = None) -> dict[str, str]:
    given = installation.client(user or "", token).monitoring.issue_ticket()
    return {"url": given.url, "ticket": given.ticket}


@contextmanager
def connected(installation: Installation, user: str) -> Iterator[ClientConnection]:
    given = ticket(installation, user)
    with connect(f"{given['url']}?ticket={given['ticket']}") as socket:
        yield socket


def say(socket: ClientConnection, **message: Any) -> dict[str, Any]:
    socket.send(json.dumps({"version": 1, **message}))
    return hear(socket)


def hear(socket: ClientConnection) -> dict[str, Any]:
    return dict(json.loads(socket.recv(timeout=SECONDS)))


def refused(url: str) -> int:
    with pytest.raises(InvalidStatus) as status, connect(url):
        pass
    return int(status.value.response.status_code)


def rows(installation: Installation) -> set[str]:
    client = boto3.client("dynamodb", endpoint_url=installation.workspace.endpoint)
    items = client.scan(TableName=installation.workspace.outputs()["ConnectionsTable"], ConsistentRead=True)["Items"]
    return {f"{item['pk']['S']} {item['sk']['S']}" for item in items}


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_address_is_told_with_the_others(installation: Installation) -> None:
    user = installation.user("risk", "northstar")
    address = installation.cloud.websocket_for(user)
    assert address.partition("?ticket=")[0] == installation.cloud.websocket() == ticket(installation, user)["url"]
    with connect(address) as socket:
        assert say(socket, action="ping")["type"] == "pong"


def test_a_ticket_opens_one_connection_and_nothing_else_opens_any(installation: Installation) -> None:
    given = ticket(installation, installation.user("risk", "northstar"))
    url = f"{given['url']}?ticket={given['ticket']}"
    with connect(url) as socket:
        assert say(socket, action="ping", id="1") == {"version": 1, "type": "pong", "id": "1"}
        assert refused(url) == 403
        assert say(socket, action="ping") == {"version": 1, "type": "pong"}
    fresh = ticket(installation, installation.user("risk", "northstar"))
    forged = fresh["ticket"][:-1] + ("A" if fresh["ticket"][-1] != "A" else "B")
    for query in ("", "?ticket=", "?ticket=junk", f"?ticket={forged}", f"?token={fresh['ticket']}", f"?ticket={fresh['ticket']}x"):
        assert refused(given["url"] + query) == 403, query


def test_of_many_who_show_one_ticket_one_gets_in(installation: Installation) -> None:
    given = ticket(installation, installation.user("risk", "northstar"))
    outcomes: list[str] = []

    def race() -> None:
        try:
            with connect(f"{given['url']}?ticket={given['ticket']}") as socket:
                outcomes.append(say(socket, action="ping")["type"])
        except InvalidStatus as status:
            outcomes.append(str(status.response.status_code))

    racers = [threading.Thread(target=race) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(outcomes) == ["403", "403", "403", "pong"]


def test_a_client_is_told_that_no_such_channel_exists_as_for_one_that_does_not(installation: Installation) -> None:
    with connected(installation, installation.user("client", "northstar")) as socket:
        theirs = say(socket, action="subscribe", channel=f"day/{SESSION}")
        nobodys = say(socket, action="subscribe", channel="day/2018-02-04")
        assert theirs == nobodys
        assert theirs["error"]["code"] == "not_found"
        assert say(socket, action="shout")["error"]["field"] == "message.action"
        assert say(socket, action="ping")["type"] == "pong"


def test_the_day_that_was_run_is_shown_as_the_journal_has_it(installation: Installation) -> None:
    with connected(installation, installation.user("adviser", "harbor")) as socket:
        snapshot = say(socket, action="subscribe", channel=f"day/{SESSION}")
    day = installation.client(installation.user("operations", "harbor")).operations.read_day(SESSION)
    assert [phase["run_id"] for phase in snapshot["phases"]] == [phase.run_id for phase in day.phases]
    for shown, phase in zip(snapshot["phases"], day.phases, strict=True):
        assert shown["status"] == phase.status
        assert shown["tasks"] == [{"task": each.task, "status": each.status, "try": each.tries} for each in phase.tasks]


def test_two_watchers_see_a_phase_to_its_end_while_it_runs(installation: Installation) -> None:
    users = [installation.user("risk", "northstar"), installation.user("operations", "summit")]
    with connected(installation, users[0]) as first, connected(installation, users[1]) as second:
        for socket in (first, second):
            assert say(socket, action="subscribe", channel=f"day/{OTHER_DAY}")["phases"] == []
        day = TradingDay(installation.workspace)
        runner = threading.Thread(target=day.run, args=(OTHER_DAY, (OperationPhase.PRE_MARKET,), lambda _summary: None))
        runner.start()
        seen = [watch(socket) for socket in (first, second)]
        runner.join()
    for messages in seen:
        # The client's own rule: what comes late or twice is dropped.
        rising = [
            message for place, message in enumerate(messages) if message["sequence"] > max([0, *(m["sequence"] for m in messages[:place])])
        ]
        assert {message["type"] for message in messages} == {"progress"}
        assert len(rising) >= 3
        assert any(task["status"] == "RUNNING" for message in rising for task in message["phases"][0]["tasks"])
        (last,) = rising[-1]["phases"]
        assert (last["run_id"], last["status"]) == (f"{OTHER_DAY}/PRE_MARKET#1", "SUCCEEDED")
        assert {task["status"] for task in last["tasks"]} == {"SUCCEEDED"}
        # Nothing that belongs to a tenant is among what is pushed.
        assert {name for task in last["tasks"] for name in task} == {"task", "status", "try"}


def watch(socket: ClientConnection) -> list[dict[str, Any]]:
    messages = [hear(socket)]
    while not (messages[-1]["phases"] and messages[-1]["phases"][0]["status"] != "RUNNING"):
        messages.append(hear(socket))
    return messages


def test_leaving_clears_what_was_kept_of_the_connection(installation: Installation) -> None:
    until(lambda: not any(row.startswith(("CONNECTION", "ROOM")) for row in rows(installation)))
    with connected(installation, installation.user("risk", "northstar")) as socket:
        say(socket, action="subscribe", channel=f"day/{SESSION}")
        assert sorted(row.partition("#")[0] for row in rows(installation) if not row.startswith("TICKET")) == ["CONNECTION", "ROOM"]
    until(lambda: not any(row.startswith(("CONNECTION", "ROOM")) for row in rows(installation)))


def test_rights_end_with_the_token(installation: Installation) -> None:
    """AWS grants at least five minutes; the embedded cloud grants the seconds that this test can wait for."""
    cognito = boto3.client("cognito-idp", endpoint_url=installation.workspace.endpoint)
    outputs = installation.workspace.outputs()
    client = {"UserPoolId": outputs["UserPoolId"], "ClientId": outputs["UserPoolClientId"]}
    described = cognito.describe_user_pool_client(**client)["UserPoolClient"]
    kept = {name: described[name] for name in ("ExplicitAuthFlows", "IdTokenValidity", "TokenValidityUnits")}
    cognito.update_user_pool_client(**client, **kept | {"IdTokenValidity": 8, "TokenValidityUnits": {"IdToken": "seconds"}})
    try:
        token = installation.identity.token(installation.user("risk", "northstar"))
    finally:
        cognito.update_user_pool_client(**client, **kept)
    issued = time.monotonic()
    used, unused = ticket(installation, token=token), ticket(installation, token=token)
    with connect(f"{used['url']}?ticket={used['ticket']}") as socket:
        assert say(socket, action="subscribe", channel=f"day/{SESSION}")["type"] == "snapshot"
        time.sleep(max(0.0, issued + 9 - time.monotonic()))
        assert refused(f"{unused['url']}?ticket={unused['ticket']}") == 403
        assert say(socket, action="ping") == {"version": 1, "type": "expired"}
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=SECONDS)
    until(lambda: not any(row.startswith(("CONNECTION", "ROOM")) for row in rows(installation)))
