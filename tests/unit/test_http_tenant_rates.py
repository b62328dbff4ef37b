"""Tenants' rates over REST: who is refused and how, what every answer tells, and what happens when calls cannot be counted."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daymark.adapters.memory.rate_counter import MemoryRateCounter
from daymark.adapters.telemetry import admitted_uncounted
from daymark.core.clock import FixedClock
from daymark.core.errors import InvalidInput, Unavailable
from daymark.http.app import checked_in_openapi
from daymark.http.tenant_rates import CallKind, RateCounter, Rates, TenantRates
from tests.unit.http_world import DAY, World, make_world

PORTFOLIOS, RUNS, TICKETS = "/v1/book/portfolios", "/v1/operations/runs", "/v1/monitoring/tickets"


def nobody(*_: object) -> None:
    """Is told and does nothing."""


def world_of(
    limits: Mapping[str, int], counter: RateCounter | None = None, tell: Callable[[str, Exception | None], None] = nobody
) -> World:
    """The small world with these limits, ten seconds into a window of a minute."""
    world = make_world()
    world.clock = FixedClock(datetime(2018, 2, 5, 23, 0, 10, tzinfo=UTC))
    rates = TenantRates(Rates(60, limits), counter or MemoryRateCounter(), world.clock, tell)
    object.__setattr__(world.app.state.services, "rates", rates)
    return world


def test_a_tenant_over_its_limit_is_told_when_to_come_back_and_then_let_in():
    world = world_of({"read": 2, "effect": 1})
    asked = [world.ask(PORTFOLIOS, "risk") for _ in range(3)]
    _, body, headers = asked[-1]

    assert [answer[0] for answer in asked] == [200, 200, 429]
    assert headers["content-type"] == "application/problem+json"
    assert headers["retry-after"] == "50"
    assert (body["type"], body["title"], body["status"]) == ("urn:daymark:problem:rate_limited", "Too many requests", 429)
    assert body["context"] == {"retry_after_seconds": 50}
    world.clock.advance(timedelta(seconds=49))
    assert world.ask(PORTFOLIOS, "risk")[0] == 429
    world.clock.advance(timedelta(seconds=1))
    assert world.ask(PORTFOLIOS, "risk")[0] == 200


def test_every_answer_tells_what_is_left():
    world = world_of({"read": 3, "effect": 1})
    told = []
    for path, query in ((PORTFOLIOS, {}), (f"{PORTFOLIOS}/NO-SUCH-1", {}), (PORTFOLIOS, {"limit": ["0"]}), (PORTFOLIOS, {})):
        status, _, headers = world.ask(path, "risk", query=query)
        told.append((status, headers["ratelimit-policy"], headers["ratelimit"]))

    policy = '"read";q=3;w=60'
    assert told == [
        (200, policy, '"read";r=2;t=50'),
        (404, policy, '"read";r=1;t=50'),
        (400, policy, '"read";r=0;t=50'),
        (429, policy, '"read";r=0;t=50'),
    ]


def test_neither_another_tenant_nor_another_system_nor_an_effect_takes_room():
    world = world_of({"read": 1, "effect": 1})
    assert [world.ask(PORTFOLIOS, "risk")[0] for _ in range(2)] == [200, 429]

    assert world.ask(PORTFOLIOS, "client H-1 of harbor")[0] == 200
    assert world.ask(RUNS, "risk", query={"session_date": [DAY.isoformat()]})[0] == 200
    assert world.ask(TICKETS, "risk", method="POST")[0] == 201
    assert world.ask(TICKETS, "risk", method="POST")[0] == 429


def test_users_of_one_tenant_share_its_room():
    world = world_of({"read": 1, "effect": 1})
    assert [world.ask(PORTFOLIOS, caller)[0] for caller in ("risk", "adviser ben", "client H-1")] == [200, 429, 429]


def test_a_tenant_may_have_limits_of_its_own():
    world = world_of({"read": 1, "effect": 1, "harbor/read": 2})
    assert [world.ask(PORTFOLIOS, "risk")[0] for _ in range(2)] == [200, 429]
    assert [world.ask(PORTFOLIOS, "client H-1 of harbor")[0] for _ in range(3)] == [200, 200, 429]


def test_nobody_counts_for_anybody():
    world = world_of({"read": 1, "effect": 1})
    refused = [world.ask(PORTFOLIOS, None) for _ in range(3)]

    assert {status for status, _, _ in refused} == {401}
    assert not [headers for _, _, headers in refused if "ratelimit" in headers]
    assert world.ask(PORTFOLIOS, "risk")[0] == 200


def test_a_refused_start_has_no_effect():
    world = world_of({"read": 9, "effect": 1})
    body = {"session_date": DAY.isoformat(), "phase": "PRE_MARKET"}
    answers = [world.ask(RUNS, "operations of shared", method="POST", body=body, headers={"Idempotency-Key": key}) for key in "ab"]

    assert [status for status, _, _ in answers] == [202, 429]
    assert len(world.starter.started) == 1


def test_documents_for_everybody_count_for_nobody():
    world = world_of({"read": 1, "effect": 1})
    assert [world.ask("/openapi.json", None)[0] for _ in range(3)] == [200, 200, 200]


class Silent:
    """A counter that does not answer, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def count(self, subject: str, starts_at: datetime, ends_at: datetime, limit: int) -> int | None:
        self.asked += 1
        raise Unavailable("counting in table rates: timed out")


def test_calls_are_admitted_when_the_counter_is_away_and_it_is_told():
    told: list[tuple[str, Any]] = []
    counter = Silent()
    world = world_of({"read": 1, "effect": 1}, counter, lambda tenant, failure: told.append((tenant, type(failure).__name__)))
    answers = [world.ask(PORTFOLIOS, "risk") for _ in range(3)]

    assert [status for status, _, _ in answers] == [200, 200, 200]
    assert not [headers for _, _, headers in answers if "ratelimit" in headers]
    # The first failure is told as one; for two seconds the counter is left alone, and that is told too.
    assert told == [("northstar", "Unavailable"), ("northstar", "NoneType"), ("northstar", "NoneType")]
    assert counter.asked == 1
    world.clock.advance(timedelta(seconds=2))
    world.ask(PORTFOLIOS, "risk")
    assert counter.asked == 2


def test_what_is_told_is_a_metric_and_a_line_without_client_data(capsys, log_lines):
    admitted_uncounted("northstar", Unavailable("client.ada's call"))
    admitted_uncounted("northstar", None)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [line["AdmittedUncounted"] for line in metrics] == [[1.0], [1.0]]
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in metrics} == {"Daymark"}
    (warning,) = log_lines()
    assert (warning["message"], warning["level"]) == ("admitted_uncounted", "WARNING")
    assert (warning["tenant"], warning["error"]) == ("northstar", "Unavailable")


class Full:
    """A counter of which every window is full; remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def count(self, subject: str, starts_at: datetime, ends_at: datetime, limit: int) -> int | None:
        self.asked.append(subject)


def test_every_operation_of_the_interface_asks_for_room_under_its_systems_name():
    counter = Full()
    world = world_of({"read": 1, "effect": 1}, counter)
    document = json.loads(checked_in_openapi())
    operations = [(verb.upper(), path) for path, verbs in document["paths"].items() for verb in verbs]

    assert len(operations) >= 16
    for verb, path in operations:
        system = path.split("/")[2]
        filled = path.replace("{session_date}", "2018-02-05").replace("{phase}", "PRE_MARKET").replace("{", "").replace("}", "")
        assert world.ask(filled, "risk", method=verb, headers={"Idempotency-Key": "k"})[0] == 429, path
        assert counter.asked.pop() == f"northstar/{system}/{'read' if verb == 'GET' else 'effect'}"
    assert counter.asked == []


@pytest.mark.parametrize(
    ("window", "limits", "field"),
    [
        (0, {"read": 1, "effect": 1}, "window_seconds"),
        (60, {"read": 1}, "limits.effect"),
        (60, {"effect": 1}, "limits.read"),
        (60, {"read": 0, "effect": 1}, "limits.read"),
        (60, {"read": 1, "effect": 1, "harbor/effect": 0}, "limits.harbor/effect"),
    ],
)
def test_limits_that_make_no_sense_are_refused(window, limits, field):
    with pytest.raises(InvalidInput) as refused:
        Rates(window, limits)
    assert refused.value.field == field


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
def test_whatever_is_not_a_read_is_an_effect(method):
    assert CallKind.of(method) is CallKind.EFFECT


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reads_are_reads(method):
    assert CallKind.of(method) is CallKind.READ
