"""Live marks over the WebSocket's functions: subscriptions and events in, rows, boards' changes and posted messages out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from daymark.adapters.websocket import GatewayPoster
from daymark.contracts.live_board import LiveBoard, encode_board
from daymark.contracts.live_session import bucket_of
from daymark.core.errors import InvalidInput, Unavailable
from monitoring.close_connection import handler as close_connection
from monitoring.push_marks import handler as push_marks
from monitoring.receive_message import handler as receive_message
from tests.handlers.conftest import CONTEXT, Services
from tests.handlers.test_monitoring_connections import CONNECTION, connect, leaving, posted, saying
from tests.unit.live_world import moved, portfolios, symbols

# SHA-256 of "alpha/P-A1" begins with b7, of "alpha/P-A2" with 3e: of eight eighths the sixth and the second.
BUCKETS = {"P-A1": 6, "P-A2": 2}
ROW = (11_139_91, 669_647, 11_000_00, 12_000_00, 444_344, 0, 800_000_000, 0)


def show(services: Services, board: LiveBoard) -> LiveBoard:
    services.s3.put_object(Bucket="daymark-live", Key=f"boards/bucket-{board.bucket:04d}", Body=encode_board(board))
    return board


def marks_moved(bucket: int, revision: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "version": "0", "id": "7bf73129-1428-4cd3-a780-95db273d1603", "detail-type": "MarksMoved", "source": "daymark.monitoring",
        "account": "123456789012", "time": "2018-02-05T15:30:01Z", "region": "us-east-1", "resources": [],
        "detail": {"version": 1, "bucket": bucket, "revision": revision},
    } | changes  # fmt: skip


def subscribe(channel: str, connection: str = CONNECTION, **members: Any) -> dict[str, Any]:
    text = json.dumps({"version": 1, "action": "subscribe", "channel": channel, **members})
    assert receive_message(saying(text, connection), CONTEXT) == {"statusCode": 200}
    return posted(connection)[-1]


def subscriptions(services: Services) -> list[tuple[str, str, str]]:
    return [(row["pk"], row["sk"], row["sent"]) for row in services.items("connections") if row["pk"].startswith("ROOM#")]


def test_a_subscriber_is_sent_the_portfolio_and_then_what_changed(loaded):
    assert bucket_of("alpha", "P-A1", 8) == BUCKETS["P-A1"]
    first = show(loaded, portfolios(BUCKETS["P-A1"], {"alpha/P-A1": ROW}, 3))
    connect()
    snapshot = subscribe("portfolio/P-A1", id="1")
    assert [snapshot[name] for name in ("type", "sequence", "resume", "value", "id")] == ["snapshot", 3, "6-3", "11139.91", "1"]
    row = ("ROOM#live/bucket-0006", f"CONNECTION#{CONNECTION}#TOPIC#portfolio/alpha/P-A1")
    assert subscriptions(loaded) == [(*row, "3")]

    show(loaded, moved(first, {("value", "alpha/P-A1"): 11_140_00}))
    assert push_marks(marks_moved(BUCKETS["P-A1"], 4), CONTEXT) == {"sent": 1}
    message = posted()[-1]
    assert (message["type"], len(message["updates"])) == ("updates", 1)
    (update,) = message["updates"]
    assert [update[name] for name in ("type", "since", "sequence", "resume", "value")] == ["delta", 3, 4, "6-4", "11140.00"]
    assert "cash" not in update
    assert subscriptions(loaded) == [(*row, "4")]
    # The same event again finds everybody up to date.
    assert push_marks(marks_moved(BUCKETS["P-A1"], 4), CONTEXT) == {}


def test_symbols_are_of_the_markets_bucket(loaded):
    first = show(loaded, symbols({"AAPL": (37_090_000_000, 37_100_000_000, 37_094_000_000, 10**18, 3, 38_020_000_000)}))
    connect()
    assert subscribe("symbol/AAPL")["price"] == "37.094"
    assert subscribe("symbol/NONE")["error"]["code"] == "not_found"
    show(loaded, moved(first, {("price", "AAPL"): 37_095_000_000}))
    assert push_marks(marks_moved(0, 2), CONTEXT) == {"sent": 1}
    assert posted()[-1]["updates"][0]["price"] == "37.095"


def test_before_the_session_nothing_is_live(loaded):
    connect()
    assert subscribe("portfolio/P-A1") == {
        "version": 1, "type": "snapshot", "channel": "portfolio/P-A1", "sequence": 0, "live": False,
    }  # fmt: skip
    assert push_marks(marks_moved(BUCKETS["P-A1"]), CONTEXT) == {}
    show(loaded, portfolios(BUCKETS["P-A1"], {"alpha/P-A1": ROW}))
    assert push_marks(marks_moved(BUCKETS["P-A1"]), CONTEXT) == {"sent": 1}
    assert posted()[-1]["updates"][0]["value"] == "11139.91"


def test_a_resumed_subscription_brings_what_changed_and_a_bad_token_is_refused_by_name(loaded):
    first = show(loaded, portfolios(BUCKETS["P-A1"], {"alpha/P-A1": ROW}, 3))
    show(loaded, moved(first, {("cash", "alpha/P-A1"): 1}))
    connect()
    answer = subscribe("portfolio/P-A1", resume="6-3")
    assert (answer["type"], answer["since"], answer["cash"], "value" in answer) == ("delta", 3, "0.01", False)
    for resume in ("2-3", "junk", 7):
        assert subscribe("portfolio/P-A1", resume=resume)["error"]["field"] == "message.resume"


@pytest.mark.parametrize("channel", ["portfolio/P-B1", "portfolio/P-X", "symbol/AAPL"])
def test_a_client_gets_one_answer_for_what_is_not_theirs_and_what_does_not_exist(loaded, channel):
    connect("client", **{"custom:household": "H-Z"})
    theirs, nobodys = subscribe("portfolio/P-A1"), subscribe(channel)
    assert theirs == nobodys
    assert theirs["error"]["code"] == "not_found"
    assert subscriptions(loaded) == []


def test_leaving_clears_every_room(loaded):
    connect()
    for name in BUCKETS:
        subscribe(f"portfolio/{name}")
    subscribe("symbol/AAPL")
    assert [pk for pk, _, _ in subscriptions(loaded)] == [f"ROOM#live/bucket-{bucket:04d}" for bucket in (0, 2, 6)]
    close_connection(leaving(), CONTEXT)
    assert loaded.items("connections") == []


def test_connections_that_take_nothing_make_the_event_come_again(loaded, monkeypatch, log_lines):
    first = show(loaded, portfolios(BUCKETS["P-A1"], {"alpha/P-A1": ROW}, 3))
    connect()
    subscribe("portfolio/P-A1")
    show(loaded, moved(first, {("cash", "alpha/P-A1"): 1}))

    def throttled(self, connection_id, text):
        raise Unavailable("429")

    with monkeypatch.context() as patched:
        patched.setattr(GatewayPoster, "post", throttled)
        patched.setattr("time.sleep", lambda _seconds: None)
        with pytest.raises(Unavailable):
            push_marks(marks_moved(BUCKETS["P-A1"], 4), CONTEXT)
    (line,) = [line for line in log_lines() if line["message"] == "push_marks"]
    assert (line["bucket"], line["revision"], line["deliveries"], line["failed"]) == (6, 4, {"dropped": 1}, True)
    assert push_marks(marks_moved(BUCKETS["P-A1"], 4), CONTEXT) == {"sent": 1}


def test_a_connection_that_the_gateway_has_closed_is_forgotten(loaded, monkeypatch):
    first = show(loaded, portfolios(BUCKETS["P-A1"], {"alpha/P-A1": ROW}, 3))
    connect()
    subscribe("portfolio/P-A1")
    show(loaded, moved(first, {("cash", "alpha/P-A1"): 1}))
    make = type(loaded.s3)._make_api_call

    def gone(self, operation, arguments):
        if operation == "PostToConnection":
            raise ClientError({"Error": {"Code": "GoneException"}, "ResponseMetadata": {"HTTPStatusCode": 410}}, operation)
        return make(self, operation, arguments)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", gone)
    assert push_marks(marks_moved(BUCKETS["P-A1"], 4), CONTEXT) == {"gone": 1}
    assert loaded.items("connections") == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"source": "daymark.operations"}, "detail-type"),
        ({"detail-type": "RunProgressed"}, "detail-type"),
        ({"detail": {"version": 1, "bucket": -1, "revision": 1}}, "detail.bucket"),
        ({"detail": {"version": 1, "revision": 1}}, "detail.bucket"),
        ({"detail": {"version": 1, "bucket": 5, "revision": 0}}, "detail.revision"),
        ({"detail": {"version": 2, "bucket": 5, "revision": 1}}, "detail.version"),
    ],
)
def test_another_event_is_refused_by_name(services, changes, field):
    with pytest.raises(InvalidInput) as refused:
        push_marks(marks_moved(5, **changes), CONTEXT)
    assert refused.value.field == field
