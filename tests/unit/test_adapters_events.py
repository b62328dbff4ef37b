"""Telling that a run went on never stands in the run's way, and posting tells gone from busy."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from daymark.adapters.events import AnnouncedJournal, MarksEvents, RunEvents, events_client
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.adapters.websocket import GatewayPoster, management_address, management_client, public_address
from daymark.contracts.marks_moved import MarksMoved
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.monitoring.ports import Gone
from daymark.operations.models import Transition, TransitionKind
from tests.unit.push_world import CLOSE_RUN, DAY, NOW


class Client:
    """A client whose every call is recorded and answered, or fails, as planned."""

    def __init__(self, answer: Any = None, failure: Exception | None = None) -> None:
        self.answer, self.failure, self.calls = answer, failure, []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append((name, arguments))
            if self.failure is not None:
                raise self.failure
            return self.answer

        return call


def refusal(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call")


TAKEN = {"FailedEntryCount": 0, "Entries": [{"EventId": "e1"}]}
LINES = [Transition(place, TransitionKind.OPENED, NOW) for place in range(3)]
FAILURES = [
    refusal("InternalException", 500),
    refusal("ThrottlingException"),
    refusal("AccessDeniedException", 403),
    refusal("ResourceNotFoundException"),
    ReadTimeoutError(endpoint_url="x"),
    ValueError("a defect"),
]


def test_every_append_is_told_after_it_stands_and_an_empty_one_is_none(monkeypatch):
    monkeypatch.setattr("daymark.adapters.events.logger", lambda: pytest.fail("a failure was logged"))
    client = Client(TAKEN)
    journal = AnnouncedJournal(MemoryRunJournal(), RunEvents("daymark", client))
    journal.append(CLOSE_RUN, LINES[:2])
    journal.append(CLOSE_RUN, [])
    journal.append(CLOSE_RUN, LINES[2:])
    entries = [arguments["Entries"] for _, arguments in client.calls]
    assert [len(each) for each in entries] == [1, 1]
    first, second = (each[0] for each in entries)
    assert {name: first[name] for name in ("EventBusName", "Source", "DetailType")} == {
        "EventBusName": "daymark", "Source": "daymark.operations", "DetailType": "RunProgressed",
    }  # fmt: skip
    assert json.loads(first["Detail"]) == {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "sequence": 2}
    assert json.loads(second["Detail"])["sequence"] == 3


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_an_append_stands_whatever_telling_it_meets_and_the_log_says_so(failure, monkeypatch):
    inner, logged = MemoryRunJournal(), []
    told = SimpleNamespace(warning=lambda event, extra: logged.append((event, extra)))
    monkeypatch.setattr("daymark.adapters.events.logger", lambda: told)
    AnnouncedJournal(inner, RunEvents("daymark", Client(failure=failure))).append(CLOSE_RUN, LINES)
    assert list(inner.read(CLOSE_RUN)) == LINES
    ((event, extra),) = logged
    assert (event, extra["run_id"]) == ("progress_not_told", "2018-02-05/MARKET_CLOSE#1")


def test_an_append_stands_although_the_bus_refused_the_entry():
    inner, client = MemoryRunJournal(), Client({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]})
    AnnouncedJournal(inner, RunEvents("daymark", client)).append(CLOSE_RUN, LINES)
    assert list(inner.read(CLOSE_RUN)) == LINES
    with pytest.raises(Unavailable, match="ThrottlingException"):
        RunEvents("daymark", client).progressed(CLOSE_RUN, 1)


def test_what_was_not_appended_is_not_told():
    client = Client(TAKEN)
    journal = AnnouncedJournal(MemoryRunJournal(), RunEvents("daymark", client))
    with pytest.raises(Conflict):
        journal.append(CLOSE_RUN, LINES[1:])
    assert client.calls == []


def test_an_append_whose_answer_was_lost_is_told_and_still_fails():
    class Losing(MemoryRunJournal):
        def append(self, run, transitions):
            super().append(run, transitions)
            raise Unavailable("no answer")

    client = Client(TAKEN)
    with pytest.raises(Unavailable):
        AnnouncedJournal(Losing(), RunEvents("daymark", client)).append(CLOSE_RUN, LINES)
    assert len(client.calls) == 1


def test_marks_that_moved_are_told_in_the_documented_form():
    client = Client(TAKEN)
    MarksEvents("daymark", client).announce(MarksMoved(7, 1042))
    ((name, arguments),) = client.calls
    (entry,) = arguments["Entries"]
    assert (name, entry.pop("Detail")) == ("put_events", '{"bucket":7,"revision":1042,"version":1}')
    assert entry == {"EventBusName": "daymark", "Source": "daymark.monitoring", "DetailType": "MarksMoved"}


@pytest.mark.parametrize(
    "client",
    [
        Client({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}),
        Client({"FailedEntryCount": 1, "Entries": [{}]}),
        Client(failure=refusal("InternalException", 500)),
        Client(failure=ReadTimeoutError(endpoint_url="x")),
    ],
)
def test_marks_that_could_not_be_told_are_unavailable(client):
    with pytest.raises(Unavailable):
        MarksEvents("daymark", client).announce(MarksMoved(7, 1042))


def test_reading_passes_through():
    inner = MemoryRunJournal()
    inner.append(CLOSE_RUN, LINES)
    journal = AnnouncedJournal(inner, RunEvents("daymark", Client(TAKEN)))
    assert list(journal.read(CLOSE_RUN)) == LINES
    assert list(journal.runs(DAY)) == [CLOSE_RUN]
    assert journal.latest(DAY, CLOSE_RUN.phase) == CLOSE_RUN
    assert list(journal.session_dates(3)) == [DAY]


def test_a_post_and_a_farewell_go_to_the_connection():
    client = Client({})
    poster = GatewayPoster(client)
    poster.post("c1=", "é")
    poster.hang_up("c1=")
    assert client.calls == [
        ("post_to_connection", {"ConnectionId": "c1=", "Data": "é".encode()}),
        ("delete_connection", {"ConnectionId": "c1="}),
    ]


@pytest.mark.parametrize("failure", [refusal("GoneException", 410), refusal("410", 410), refusal("GoneException", 400)])
def test_a_closed_connection_is_gone_and_hanging_up_on_it_is_let_pass(failure):
    poster = GatewayPoster(Client(failure=failure))
    with pytest.raises(Gone):
        poster.post("c1", "x")
    poster.hang_up("c1")


@pytest.mark.parametrize(
    "failure",
    [refusal("LimitExceededException", 429), refusal("TooManyRequestsException", 429), refusal("InternalServerError", 500),
     ReadTimeoutError(endpoint_url="x")],
)  # fmt: skip
def test_a_busy_gateway_is_unavailable(failure):
    poster = GatewayPoster(Client(failure=failure))
    for call in (lambda: poster.post("c1", "x"), lambda: poster.hang_up("c1")):
        with pytest.raises(Unavailable):
            call()


def test_any_other_refusal_is_a_defect():
    with pytest.raises(ClientError):
        GatewayPoster(Client(failure=refusal("PayloadTooLargeException", 413))).post("c1", "x")


def test_what_the_gateway_would_not_take_is_not_sent():
    """128 KiB, counted in bytes: half as many letters of two bytes each."""
    client = Client({})
    GatewayPoster(client).post("c1", "é" * 65_536)
    with pytest.raises(InvalidInput) as refused:
        GatewayPoster(client).post("c1", "é" * 65_536 + "x")
    assert refused.value.field == "text"
    assert len(client.calls) == 1


def test_the_clients_try_as_often_as_their_news_is_worth():
    """A post once, because the courier tries again; an event twice."""
    for client, tries in (
        (management_client("us-east-1", "https://a1.execute-api.us-east-1.amazonaws.com/live"), 1),
        (events_client("us-east-1"), 2),
    ):
        assert client.meta.config.retries["total_max_attempts"] == tries


@pytest.mark.parametrize(
    ("endpoint", "environment"), [("", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}), ("/path", {}), ("http://elsewhere/x", {}), ("x", {})]
)
def test_an_endpoint_that_is_neither_address_nor_path_is_refused(endpoint, environment):
    for address in (management_address, public_address):
        with pytest.raises(InvalidInput) as refused:
            address(endpoint, environment)
        assert refused.value.field == "websocket_endpoint"


def test_a_path_is_taken_below_the_one_address_of_the_embedded_cloud():
    assert public_address("/_aws/x/live", {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/"}) == "ws://127.0.0.1:4566/_aws/x/live"


@pytest.mark.parametrize("code", ["ValidationException", "PutEventsRequestTooLarge", "ThrottlingException"])
def test_whatever_the_bus_says_of_moved_marks_is_an_untold_word_and_no_crash(code):
    with pytest.raises(Unavailable):
        MarksEvents("daymark", Client(failure=refusal(code))).announce(MarksMoved(7, 1042))
