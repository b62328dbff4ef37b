"""The client against the real application: what it sends is understood, and what comes back is typed to the cent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from daymark.client import DaymarkClient, ProblemError, Transport, UnexpectedAnswer
from daymark.client.decoding import decode
from daymark.client.operations_models import PortfolioDay
from tests.unit.http_world import CALLERS, DAY, World, make_world

BASE = "https://api.example/live"


def over(world: World, caller: str, seen: list[httpx.Request] | None = None) -> DaymarkClient:
    """A client whose calls reach the world's application as the gateway would pass them on."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        status, content, headers = world.ask(
            request.url.path.removeprefix("/live"),
            CALLERS[caller],
            method=request.method,
            query=parse_qs(request.url.query.decode(), keep_blank_values=True),
            body=request.content.decode() or None,
            headers={name.title(): value for name, value in request.headers.items()},
        )
        text = content if isinstance(content, str) else json.dumps(content)
        return httpx.Response(status, headers={"content-type": headers["content-type"]}, text=text)

    return DaymarkClient(Transport(BASE, lambda: "token", httpx.Client(transport=httpx.MockTransport(answer))))


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_every_call_that_only_reads_is_answered_and_typed(world: World) -> None:
    client = over(world, "risk")
    (first, *_) = client.book.list_portfolios().items
    portfolio = client.book.read_portfolio("NS-1")
    assert (first.portfolio_id, portfolio.portfolio_id) == ("NS-1", "NS-1")
    assert isinstance(portfolio.minimum_trade, Decimal) and isinstance(portfolio.inception, date)
    holdings = client.book.list_positions("NS-1", on=DAY)
    assert isinstance(holdings.cash, Decimal) and holdings.on == DAY
    for lot in client.book.list_lots("NS-1", on=DAY, open_=True).items:
        assert lot.open_quantity > 0
    (mark, *_) = client.book.list_marks("NS-1").items
    whole = client.book.read_mark("NS-1", mark.session_date)
    assert whole.cash + sum((position.value for position in whole.positions), Decimal(0)) == whole.value == mark.value
    day = client.operations.read_day(DAY)
    assert {row.portfolio_id for row in day.portfolios} >= {"NS-1"}
    staff = over(world, "operations of shared")
    (run, *_) = staff.operations.list_runs(session_date=DAY).items
    assert run.opened_at.tzinfo is not None
    assert staff.operations.read_run(DAY, run.phase).tasks == staff.operations.list_tasks(DAY, run.phase).items
    report = client.operations.list_reports(session_date=DAY).items[0]
    assert client.operations.read_report(DAY, report.subject).html


def test_the_token_goes_with_every_call_and_the_key_with_those_that_act(world: World) -> None:
    seen: list[httpx.Request] = []
    client = over(world, "operations of shared", seen)
    job = client.operations.start_run(session_date=DAY, phase="MID_DAY", dry_run=True)
    assert job.dry_run and job.waves
    again = client.operations.start_run(session_date=DAY, phase="MID_DAY", dry_run=True, idempotency_key="mine")
    assert again == client.operations.start_run(session_date=DAY, phase="MID_DAY", dry_run=True, idempotency_key="mine")
    keys = [request.headers["Idempotency-Key"] for request in seen]
    assert keys[1:] == ["mine", "mine"] and len(keys[0]) == 36
    assert {request.headers["Authorization"] for request in seen} == {"token"}
    # What was not said is not sent: the service's own default holds.
    assert client.operations.start_run(session_date=DAY, phase="MARKET_CLOSE").dry_run is False


def test_what_is_asked_is_spelt_as_the_description_says(world: World) -> None:
    seen: list[httpx.Request] = []
    over(world, "risk", seen).book.list_lots("NS-1", on=DAY, open_=True)
    assert dict(seen[0].url.params) == {"on": "2018-02-05", "open": "true"}
    # A throttled call had no effect, so even one without a key is sent again.
    ticket = {"ticket": "t", "expires_at": "2018-02-05T22:00:00Z", "url": "wss://x"}
    script = Script(httpx.Response(429, json={}), httpx.Response(201, json=ticket))
    assert script.client().monitoring.issue_ticket().expires_at == datetime(2018, 2, 5, 22, tzinfo=UTC)


def test_a_ticket_is_got_without_a_key(world: World) -> None:
    seen: list[httpx.Request] = []
    ticket = over(world, "risk", seen).monitoring.issue_ticket()
    assert ticket.ticket and ticket.expires_at > datetime(2018, 1, 1, tzinfo=UTC)
    assert "Idempotency-Key" not in seen[0].headers


def test_a_list_is_read_to_its_end_page_by_page(world: World) -> None:
    seen: list[httpx.Request] = []
    client = over(world, "risk", seen)
    ids = [each.portfolio_id for each in client.book.iterate_portfolios(limit=1)]
    assert ids == [each.portfolio_id for each in client.book.list_portfolios().items] == sorted(ids)
    assert len(ids) > 1
    assert len(seen) == len(ids) + 1
    assert [("cursor" in request.url.params) for request in seen[: len(ids)]] == [False] + [True] * (len(ids) - 1)


def test_a_refusal_says_what_was_wrong_and_where(world: World) -> None:
    client = over(world, "client H-1")
    with pytest.raises(ProblemError) as refused:
        client.book.list_portfolios(limit=500)
    assert (refused.value.status, refused.value.code, refused.value.field) == (400, "invalid_input", "query.limit")
    assert refused.value.errors[0].field == "query.limit"
    with pytest.raises(ProblemError) as absent:
        client.book.read_portfolio("HB/../1")
    assert absent.value.status in (400, 404)
    with pytest.raises(ProblemError) as forbidden:
        over(world, "risk").operations.start_run(session_date=DAY, phase="MID_DAY")
    assert forbidden.value.code == "forbidden"
    with pytest.raises(ProblemError) as closed:
        over(world, "operations of shared").operations.start_run(session_date=date(2018, 2, 4), phase="MID_DAY")
    assert closed.value.code == "not_a_session" and closed.value.context


class Script:
    """Answers one after the other, and what was waited for between them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers: Iterator[httpx.Response | Exception] = iter(answers)
        self.sent: list[httpx.Request] = []
        self.waited: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        given = next(self.answers)
        if isinstance(given, Exception):
            raise given
        return given

    def client(self) -> DaymarkClient:
        return DaymarkClient(
            Transport(BASE, lambda: "t", httpx.Client(transport=httpx.MockTransport(self.answer)), wait=self.waited.append)
        )


EMPTY = httpx.Response(200, json={"items": []})
JOB = {
    "job_id": "j", "run_id": "r", "session_date": "2018-02-05", "phase": "MID_DAY", "attempt": 1, "dry_run": False, "status_url": "/x",
    "redo": None, "waves": None,
}  # fmt: skip


def test_a_client_gives_its_connections_up() -> None:
    script = Script(EMPTY)
    with script.client() as client:
        client.book.list_portfolios()
    with pytest.raises(RuntimeError, match="closed"):
        client.book.list_portfolios()


def test_a_throttled_call_waits_as_long_as_it_is_told() -> None:
    script = Script(httpx.Response(429, json={"message": "Too Many Requests"}, headers={"Retry-After": "3"}), EMPTY)
    assert script.client().book.list_portfolios().items == ()
    assert script.waited == [3.0]


def test_a_call_that_got_no_answer_is_sent_again_under_its_own_key_or_if_it_only_reads() -> None:
    lost = httpx.ReadTimeout("silence")
    script = Script(lost, httpx.Response(503, json={}), httpx.Response(202, json=JOB))
    assert script.client().operations.start_run(session_date=DAY, phase="MID_DAY").job_id == "j"
    assert len({request.headers["Idempotency-Key"] for request in script.sent}) == 1
    assert len(script.waited) == 2 and 0 <= script.waited[0] < 0.2 and 0 <= script.waited[1] < 0.4
    ticket = Script(lost, EMPTY)
    with pytest.raises(ProblemError) as unanswered:
        ticket.client().monitoring.issue_ticket()
    assert (unanswered.value.status, unanswered.value.code, len(ticket.sent)) == (0, "no_answer", 1)


@pytest.mark.parametrize(
    ("answer", "code", "sent"),
    [
        (lambda: httpx.Response(500, json={"code": "internal", "detail": "x"}), "internal", 1),
        (lambda: httpx.Response(401, json={"message": "Unauthorized"}), "gateway", 1),
        (lambda: httpx.Response(403, text="<html>"), "gateway", 1),
        (lambda: httpx.Response(503, json=[]), "gateway", 4),
        (lambda: httpx.Response(429, json={}, headers={"Retry-After": "3600"}), "gateway", 1),
    ],
)
def test_what_another_try_will_not_mend_is_told_at_once_and_the_rest_after_four(
    answer: Callable[[], httpx.Response], code: str, sent: int
) -> None:
    script = Script(*(answer() for _ in range(4)))
    with pytest.raises(ProblemError) as refused:
        script.client().book.list_portfolios()
    assert (refused.value.code, len(script.sent)) == (code, sent)
    assert refused.value.detail


@pytest.mark.parametrize(
    "content",
    [b"<html>", b'{"items": [{"portfolio_id": "NS-1"}]}', b'{"items": {}}', b"[]", b'{"items": [], "next_cursor": 5}'],
)
def test_an_answer_that_is_not_as_described_is_no_result(content: bytes) -> None:
    with pytest.raises(UnexpectedAnswer):
        Script(httpx.Response(200, content=content)).client().book.list_portfolios()


def row(**changes: Any) -> dict[str, Any]:
    names = (
        "value", "pnl", "restatement", "attempt", "return", "benchmark_return", "var_95", "var_99", "var_99_amount", "es_99_amount",
        "largest_drift", "proposed_trades", "tax_loss_candidates", "limit_breaches", "breaks",
    )  # fmt: skip
    return {"tenant": "northstar", "portfolio_id": "NS-1", "name": "One", "has_report": True} | dict.fromkeys(names) | changes


def test_amounts_stay_exact_and_words_of_python_get_an_underscore() -> None:
    day = decode(PortfolioDay, row(value="90071992547409.93", **{"return": -0.041}, new_member=1))
    assert day.value == Decimal("90071992547409.93")
    assert day.return_ == -0.041


@pytest.mark.parametrize(
    "changes", [{"value": 12.5}, {"value": "twelve"}, {"attempt": True}, {"has_report": 1}, {"var_95": "0.1"}, {"name": None}]
)
def test_a_member_of_another_kind_is_named(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(UnexpectedAnswer, match=f"answer.{name}"):
        decode(PortfolioDay, row(**changes))
