"""One key, one effect: 2 to 50 calls at once under one Idempotency-Key, on the functions over the tables as deployed.

Each call of a service happens as a whole here, as DynamoDB's and Step Functions' do; between them the calls interleave as they like.
tests/local/test_local_security.py asks the same of the deployed stack.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from operations import api as operations
from operations.open_phase import handler as open_phase
from operations.plan_phase import handler as plan_phase
from tests.findings import Teller
from tests.handlers.conftest import CONTEXT, Services
from tests.handlers.test_operations_steps import RUN, WAKE_UP
from tests.handlers.test_rest_apis import event, executions
from tests.handlers.test_security_tokens import one_at_a_time
from tests.security_world import assert_sound

PARALLEL = (2, 3, 5, 8, 13, 21, 34, 50)
PHASES = ("PRE_MARKET", "MARKET_OPEN", "MID_DAY", "MARKET_CLOSE", "POST_MARKET")
RUNS = "/v1/operations/runs"


def call(key: str, body: Mapping[str, Any] | None, path: str = RUNS, user: str = "operations.user.shared") -> Mapping[str, Any]:
    given = event("POST", path, tenant="shared", role="operations", body=body, **{"Idempotency-Key": key})
    given["requestContext"]["authorizer"]["claims"]["cognito:username"] = user
    return operations.handler(given, CONTEXT)


def at_once(calls: list[Callable[[], Mapping[str, Any]]]) -> list[tuple[int, Any]]:
    """Status and body of each call, all begun together."""
    # A process serves one call at a time, and the first makes its routes; here they are made before many come.
    assert call("first", None)["statusCode"] == 400
    answers, gate = dict[int, tuple[int, Any]](), threading.Barrier(len(calls))

    def make(number: int) -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            gate.wait()
            response = calls[number]()
            answers[number] = (response["statusCode"], assert_sound(response))
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    threads = [threading.Thread(target=make, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(calls), "a call ended without an answer"
    return [answers[number] for number in range(len(calls))]


def calls_kept(services: Services) -> int:
    return sum(item["pk"].startswith("CALLER#") for item in services.items("operations"))


def test_as_many_as_come_at_once_have_one_effect_and_one_answer(services: Services, monkeypatch: pytest.MonkeyPatch, tell: Teller) -> None:
    one_at_a_time(monkeypatch)
    for round_, parallel in enumerate(PARALLEL, start=1):
        body = {"session_date": f"2018-02-{4 + round_:02d}" if round_ <= 5 else f"2018-02-{6 + round_:02d}", "phase": "PRE_MARKET"}
        answers = at_once([lambda body=body, parallel=parallel: call(f"key-{parallel}", body) for _ in range(parallel)])
        assert {status for status, _ in answers} == {202}, parallel
        assert all(answer == answers[0] for answer in answers), parallel
        assert (len(executions(services)), calls_kept(services)) == (round_, round_)
    tell([f"idempotency: {', '.join(map(str, PARALLEL))} calls at once under one key: one execution and one answer each"])


def test_of_two_payloads_at_once_one_wins_and_the_other_is_a_conflict(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)
    for round_, parallel in enumerate((2, 10, 50), start=1):
        bodies = [{"session_date": f"2018-02-0{4 + round_}", "phase": phase} for phase in ("MID_DAY", "MARKET_CLOSE")]
        answers = at_once([lambda body=bodies[number % 2], key=f"two-{parallel}": call(key, body) for number in range(parallel)])
        phases = {answer["phase"] for status, answer in answers if status == 202}
        assert len(phases) == 1
        assert Counter(status for status, _ in answers) == {202: parallel // 2, 409: parallel // 2}
        for number, (status, answer) in enumerate(answers):
            assert (status == 202) == (bodies[number % 2]["phase"] in phases)
            assert status == 202 or (answer["code"], answer["field"]) == ("conflict", "header.Idempotency-Key")
        assert (len(executions(services)), calls_kept(services)) == (round_, round_)


def test_everybodys_key_is_their_own_even_at_once(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    one_at_a_time(monkeypatch)
    users = [f"operations.{number}.shared" for number in range(len(PHASES))]
    bodies = [{"session_date": "2018-02-05", "phase": phase} for phase in PHASES]
    answers = at_once([lambda body=body, user=user: call("same", body, user=user) for body, user in zip(bodies, users, strict=True)])
    assert [(status, answer["phase"]) for status, answer in answers] == [(202, phase) for phase in PHASES]
    assert (len(executions(services)), calls_kept(services)) == (5, 5)


def test_a_call_that_was_refused_leaves_its_key_free(services: Services) -> None:
    refused = call("mine", {"session_date": "2018-02-04", "phase": "MID_DAY"})
    assert (refused["statusCode"], json.loads(refused["body"])["code"]) == (422, "not_a_session")
    assert call("mine", None, f"{RUNS}/2018-02-05/MID_DAY/resume")["statusCode"] == 404
    assert call("mine", None, f"{RUNS}/2018-02-05/MID_DAY/tasks/mark_portfolios/retry")["statusCode"] == 404
    assert (executions(services), calls_kept(services)) == ([], 0)
    assert call("mine", {"session_date": "2018-02-05", "phase": "MID_DAY"})["statusCode"] == 202


def test_a_key_is_of_one_call_over_all_routes(services: Services) -> None:
    plan_phase(open_phase(WAKE_UP, CONTEXT), CONTEXT)
    session_date, phase = RUN.partition("#")[0].split("/")
    resume = f"{RUNS}/{session_date}/{phase}/resume"
    first = call("mine", None, resume)
    assert first["statusCode"] == 202
    assert json.loads(call("mine", None, resume)["body"]) == json.loads(first["body"])
    for body in ({"session_date": session_date, "phase": phase}, {"session_date": session_date, "phase": phase, "dry_run": True}):
        assert call("mine", body)["statusCode"] == 409
    assert call("mine", None, f"{RUNS}/{session_date}/MID_DAY/resume")["statusCode"] == 409
    assert len(executions(services)) == 1


def test_the_same_call_is_the_same_however_it_is_written(services: Services) -> None:
    """The order of members, blanks, a default that is spelled out: the payload counts, not its text."""
    texts = (
        '{"session_date":"2018-02-05","phase":"MID_DAY"}', '{ "phase": "MID_DAY", "session_date": "2018-02-05" }',
        '{"dry_run":false,"phase":"MID_DAY","session_date":"2018-02-05"}', '{"phase":"\\u004dID_DAY","session_date":"2018-02-05"}',
    )  # fmt: skip
    answers = []
    for text in texts:
        given = event("POST", RUNS, tenant="shared", role="operations", **{"Idempotency-Key": "k"})
        given["body"] = text
        answers.append(operations.handler(given, CONTEXT))
    assert {(answer["statusCode"], answer["body"]) for answer in answers} == {(202, answers[0]["body"])}
    assert len(executions(services)) == 1
