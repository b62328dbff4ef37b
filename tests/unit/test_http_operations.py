"""Runs, tasks, the day and reports over the real phase cycle and its journal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from daymark.operations.messages import ReplyKind, WakeUp
from daymark.operations.models import OperationPhase, RunId, TaskReport
from tests.unit.http_world import CALLERS, DAY, SECRET, World, drive, harbors_failure, make_world

RUNS = "/v1/operations/runs"
BOSS = "operations of shared"


@pytest.fixture
def world() -> World:
    return make_world()


def start(world: World, key: str = "k-1", caller: str = BOSS, **body: Any) -> tuple[int, Any, Any]:
    sent = {"session_date": "2018-02-05", "phase": "PRE_MARKET", **body}
    return world.ask(RUNS, caller, method="POST", body=sent, headers={"Idempotency-Key": key})


def retry(world: World, task: str, phase: str = "POST_MARKET", key: str = "k-1") -> tuple[int, Any, Any]:
    return world.ask(f"{RUNS}/{DAY}/{phase}/tasks/{task}/retry", BOSS, method="POST", headers={"Idempotency-Key": key})


def test_a_days_runs_in_phase_order(world: World) -> None:
    _, body, _ = world.ask(RUNS, "risk", query={"session_date": [str(DAY)]})
    assert [(run["run_id"], run["status"]) for run in body["items"]] == [
        ("2018-02-05/MID_DAY#1", "RUNNING"),
        ("2018-02-05/MARKET_CLOSE#1", "SUCCEEDED"),
        ("2018-02-05/POST_MARKET#1", "DEGRADED"),
    ]
    assert [run["success_rate"] for run in body["items"]] == [0.0, 1.0, 4 / 7]  # two client tasks and the failed one are lost
    assert world.ask(RUNS, "risk", query={"session_date": ["2018-02-03"]})[1] == {"items": []}


def test_a_run_names_what_failed_and_what_was_skipped_for_it(world: World) -> None:
    _, body, _ = world.ask(f"{RUNS}/{DAY}/POST_MARKET", "risk")
    tasks = {task["task"]: task for task in body["tasks"]}
    assert tasks["reconcile_custodian"]["status"] == "FAILED"
    assert tasks["reconcile_custodian"]["error"]["field"] == "rows"
    assert tasks["publish_client_reports"]["reason"] == "reconcile_custodian failed"
    assert tasks["export_backup"]["measures"] == {"done": True}


def test_what_failed_a_task_is_told_to_its_own_tenant_alone(world: World) -> None:
    drive(world, RunId(DAY, OperationPhase.MARKET_CLOSE, 2), work=harbors_failure)
    run = f"{RUNS}/{DAY}/MARKET_CLOSE"
    others = [name for name, claims in CALLERS.items() if claims["custom:tenant"] != "harbor"]
    assert len(others) == 9
    for caller in others:
        for path, query in ((RUNS, {"session_date": [str(DAY)]}), (run, {}), (f"{run}/tasks", {}), (f"/v1/operations/days/{DAY}", {})):
            assert SECRET not in str(world.ask(path, caller, query=query)[1]), (caller, path)
    for caller, sees in (("risk", set()), (BOSS, set()), ("operations of harbor", {"harbor"})):
        task = next(task for task in world.ask(run, caller)[1]["tasks"] if task["task"] == "mark_portfolios")
        error = {"code": "invalid_input", "message": "1 piece of work failed: invalid_input (1)", "field": None, "context": {"failures": 1}}
        assert (task["status"], task["error"], set(task["by_tenant"])) == ("FAILED", error, sees)
    assert task["by_tenant"]["harbor"]["failed"][0]["message"] == SECRET


def resume(world: World, phase: str, key: str = "k-1") -> tuple[int, Any, Any]:
    return world.ask(f"{RUNS}/{DAY}/{phase}/resume", BOSS, method="POST", headers={"Idempotency-Key": key})


def test_an_interrupted_run_is_driven_on_as_the_same_attempt(world: World) -> None:
    run = RunId(DAY, OperationPhase.MID_DAY)
    world.cycle.open(WakeUp(run=run, take_over=True, driver="arn:died"))
    status, body, headers = resume(world, "MID_DAY")
    assert status == 202
    assert (body["job_id"], body["run_id"], body["attempt"]) == ("2018-02-05_MID_DAY_1", "2018-02-05/MID_DAY#1", 1)
    assert headers["location"] == body["status_url"] == "/v1/operations/runs/2018-02-05/MID_DAY?attempt=1"
    assert (world.starter.started, world.starter.resumed) == ([], [(run, "arn:died")])


def test_a_repeated_resume_asks_again_until_the_run_has_ended(world: World) -> None:
    run = RunId(DAY, OperationPhase.MID_DAY)
    first = resume(world, "MID_DAY")
    assert resume(world, "MID_DAY")[:2] == first[:2]
    assert world.starter.resumed == [(run, None), (run, None)]
    reply = world.cycle.open(WakeUp(run=run, take_over=True))
    while reply.kind is not ReplyKind.END:
        reply = world.cycle.plan(reply.ticket)
        if reply.kind is ReplyKind.DISPATCH:
            reply = world.cycle.record(
                reply.ticket, [world.cycle.perform(command, lambda _: TaskReport()) for command, _ in reply.commands]
            )
        elif reply.kind is ReplyKind.WAIT:
            world.clock.advance(timedelta(seconds=reply.seconds))
    assert resume(world, "MID_DAY")[:2] == first[:2]
    assert len(world.starter.resumed) == 2


def test_only_a_run_that_is_open_can_be_resumed(world: World) -> None:
    assert [resume(world, phase)[0] for phase in ("MARKET_CLOSE", "POST_MARKET")] == [409, 409]
    assert resume(world, "PRE_MARKET")[0] == 404
    assert world.ask(f"{RUNS}/{DAY}/MID_DAY/resume", BOSS, method="POST")[0] == 400
    assert not world.starter.resumed


@pytest.mark.parametrize("attempt", ["2", "9999"])
def test_an_attempt_that_never_was_is_not_found(world: World, attempt: str) -> None:
    assert world.ask(f"{RUNS}/{DAY}/POST_MARKET", "risk", query={"attempt": [attempt]})[0] == 404


def test_a_phase_is_started_by_hand(world: World) -> None:
    status, body, headers = start(world)
    assert status == 202
    assert (body["job_id"], body["run_id"], body["dry_run"]) == ("2018-02-05_PRE_MARKET_1", "2018-02-05/PRE_MARKET#1", False)
    assert headers["location"] == body["status_url"] == "/v1/operations/runs/2018-02-05/PRE_MARKET?attempt=1"
    assert world.starter.started == [(RunId(DAY, OperationPhase.PRE_MARKET), None)]


def test_a_phase_that_ended_is_started_under_its_next_attempt(world: World) -> None:
    assert start(world, phase="POST_MARKET")[1]["run_id"] == "2018-02-05/POST_MARKET#2"


def test_a_phase_that_runs_is_not_started_again(world: World) -> None:
    status, body, _ = start(world, phase="MID_DAY")
    assert (status, body["code"]) == (409, "conflict")
    assert not world.starter.started


def test_a_dry_run_says_the_order_and_starts_nothing(world: World) -> None:
    status, body, headers = start(world, dry_run=True)
    assert status == 202
    # Read off the catalogue by hand: each wave waits for the one before; the most urgent first.
    assert body["waves"] == [
        ["check_session"], ["load_prices"], ["gate_prices"],
        ["assess_overnight_risk", "check_limits", "open_live_session", "classify_regime"],
    ]  # fmt: skip
    assert not world.starter.started
    assert "location" not in headers


@pytest.mark.parametrize(("day", "nearest"), [("2018-01-01", "2017-12-29"), ("2018-02-03", "2018-02-02")])
@pytest.mark.parametrize("dry_run", [True, False])
def test_a_day_without_a_session_is_refused_with_the_nearest(world: World, day: str, nearest: str, dry_run: bool) -> None:
    status, body, _ = start(world, session_date=day, dry_run=dry_run)
    assert (status, body["code"], body["context"]["previous"]) == (422, "not_a_session", nearest)
    assert not world.starter.started


def test_the_same_call_has_one_answer_although_the_world_moved_on(world: World) -> None:
    first = start(world)
    drive(world, RunId(DAY, OperationPhase.PRE_MARKET), until_ended=False)
    assert start(world)[:2] == first[:2]
    assert {run for run, _ in world.starter.started} == {RunId(DAY, OperationPhase.PRE_MARKET)}


def test_the_same_key_with_another_payload_is_a_conflict(world: World) -> None:
    start(world)
    status, body, _ = start(world, phase="POST_MARKET")
    assert (status, body["field"]) == (409, "header.Idempotency-Key")
    assert retry(world, "reconcile_custodian")[0] == 409
    assert len(world.starter.started) == 1


def test_a_crash_between_claim_and_start_is_mended_by_the_callers_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(run: RunId, redo: str | None = None) -> str:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(world.starter, "start", down)
        assert start(world)[0] == 500
    assert not world.starter.started
    assert start(world)[0] == 202
    assert world.starter.started == [(RunId(DAY, OperationPhase.PRE_MARKET), None)]


def test_a_task_is_done_again_in_the_next_attempt(world: World) -> None:
    status, body, _ = retry(world, "reconcile_custodian")
    run = RunId(DAY, OperationPhase.POST_MARKET, 2)
    assert (status, body["run_id"], body["redo"]) == (202, str(run), "reconcile_custodian")
    assert world.starter.started == [(run, "reconcile_custodian")]
    drive(world, run, redo="reconcile_custodian")
    _, after, _ = world.ask(f"{RUNS}/{DAY}/POST_MARKET", "risk")
    assert (after["attempt"], after["status"]) == (2, "SUCCEEDED")


@pytest.mark.parametrize(
    ("task", "phase", "status"),
    [("no_such_task", "POST_MARKET", 404), ("load_prices", "POST_MARKET", 404), ("load_prices", "PRE_MARKET", 404),
     ("propose_rebalancing", "MID_DAY", 409)],
)  # fmt: skip
def test_what_cannot_be_retried(world: World, task: str, phase: str, status: int) -> None:
    assert retry(world, task, phase)[0] == status
    assert not world.starter.started


def test_the_day_takes_each_figure_from_its_record(world: World) -> None:
    _, body, _ = world.ask(f"/v1/operations/days/{DAY}", "client H-1")
    assert body["phases"] == []
    assert body["portfolios"] == [
        {
            "tenant": "northstar", "portfolio_id": "NS-1", "name": "NS-1 account", "value": "13504.38", "pnl": "-95.62",
            "restatement": "0.00", "attempt": 1, "return": -0.00703,
            "benchmark_return": -0.041, "var_95": 0.01, "var_99": 0.02, "var_99_amount": "272.00",
            "es_99_amount": "300.00", "largest_drift": 0.34, "proposed_trades": None, "tax_loss_candidates": None,
            "limit_breaches": None, "breaks": 1, "has_report": True,
        }
    ]  # fmt: skip
    assert "synthetic" in body["data_label"]


def test_a_day_nothing_happened_on_is_empty_not_an_error(world: World) -> None:
    _, body, _ = world.ask("/v1/operations/days/2018-02-07", "risk")
    assert body["phases"] == []
    assert {row["value"] for row in body["portfolios"]} == {None}


def test_a_day_without_trading_is_refused_with_the_nearest_sessions(world: World) -> None:
    for caller in ("risk", "client H-1", "operations of shared"):
        status, body, _ = world.ask("/v1/operations/days/2018-02-04", caller)
        assert (status, body["code"], body["context"]) == (422, "not_a_session", {"previous": "2018-02-02", "next": "2018-02-05"})


def test_report_links_are_for_the_documents_that_were_stored(world: World) -> None:
    _, body, _ = world.ask(f"/v1/operations/reports/{DAY}/NS-1", "client H-1")
    assert body["html"].startswith("memory://reports/northstar/2018-02-05/0001/NS-1.html")
    assert body["pdf"].startswith("memory://reports/northstar/2018-02-05/0001/NS-1.pdf")
    assert (body["sha256_html"], body["expires_in_seconds"]) == ("aa", 300)
    _, shared, _ = world.ask(f"/v1/operations/reports/{DAY}/operations", "risk")
    assert shared["pdf"].startswith("memory://reports/shared/2018-02-05/0001/operations.pdf")
    assert world.ask("/v1/operations/reports/2018-02-06/NS-1", "client H-1")[0] == 404


def test_reports_page_on(world: World) -> None:
    query = {"session_date": [str(DAY)], "limit": ["3"]}
    _, first, _ = world.ask("/v1/operations/reports", "risk", query=query)
    _, rest, _ = world.ask("/v1/operations/reports", "risk", query={**query, "cursor": [first["next_cursor"]]})
    assert [item["subject"] for item in first["items"] + rest["items"]] == ["NS-1", "NS-2", "NS-3", "operations"]
