"""The task functions: a command in, the day's rows, files and audit entries out."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import Any

import pytest

from daymark.contracts.bucket_book import decode_book
from daymark.core.errors import InvalidInput
from operations import (
    assess_risk,
    back_up_book,
    check_prices,
    open_live_session,
    open_phase,
    plan_phase,
    propose_trades,
    publish_reports,
    reconcile_holdings,
    record_outcomes,
    seal_audit,
    value_portfolios,
)
from tests.handlers.conftest import CONTEXT, Services

DAY = "2018-02-05"


def perform(handler: Any, phase: str, task: str, epoch: int | None = None) -> dict[str, Any]:
    """Open the phase's run and perform one task of it under its epoch."""
    run = f"{DAY}/{phase}#1"
    ticket = open_phase.handler({"version": 1, "run_id": run, "driver": "test"}, CONTEXT)
    command = {
        "version": 1, "run_id": run, "task": task, "function": handler.__name__.rpartition(".")[2], "try_number": 1,
        "epoch": epoch or ticket["epoch"], "region": "us-east-1", "timeout_seconds": 60,
    }  # fmt: skip
    return handler.handler(command, CONTEXT)


def day_rows(services: Services, tenant: str, kind: str) -> dict[str, Any]:
    """Bodies of one kind of record by subject."""
    items = services.items("operations", f"TENANT#{tenant}#DAY#{DAY}")
    return {item["sk"].split("#")[1]: item["body"] for item in items if item["sk"].split("#")[0].lower() == kind}


def body_of(stored: dict[str, Any]) -> dict[str, Any]:
    return stored.get("body", stored)


def test_the_gate_records_its_verdict_and_leaves_an_audit_entry(loaded):
    outcome = perform(check_prices, "MARKET_CLOSE", "gate_prices")

    assert outcome["succeeded"], outcome["error"]
    # Twenty stocks from the file, two bonds from their yield series, a clean day.
    assert outcome["report"]["measures"] == {"instruments": 22, "findings": 0, "quarantined": 0}
    (verdict,) = day_rows(loaded, "shared", "price_quality").values()
    assert body_of(verdict)["as_of"] == DAY
    (entry,) = [item for item in loaded.items("audit", f"CHAIN#shared#{DAY}#MARKET_CLOSE") if item["sk"].startswith("SEQUENCE#")]
    assert entry["body"]["key"] == f"{DAY}/MARKET_CLOSE#1/gate_prices"


def test_official_closes_are_published_once_as_the_vendor_gave_them(loaded):
    perform(check_prices, "MARKET_CLOSE", "publish_official_closes")
    document = json.loads(loaded.object("prices", f"official/{DAY}/0001.json"))
    closes = {close["instrument_id"]: close["price"] for close in document["closes"]}

    # Adjusted closes of the day as the price file has them.
    assert (closes["AAPL"], closes["KO"], closes["XOM"]) == ("37.094", "37.711", "60.305")


def test_a_missing_vendor_file_is_an_outcome_and_writes_nothing(loaded):
    loaded.s3.delete_object(Bucket="daymark-prices", Key=f"vendor/{DAY}.csv")
    outcome = perform(check_prices, "MARKET_CLOSE", "load_prices")

    assert (outcome["succeeded"], outcome["retryable"]) == (False, False)
    assert outcome["error"]["code"] == "not_published"
    assert loaded.items("operations", f"TENANT#shared#DAY#{DAY}") == []
    assert loaded.items("audit") == []


def test_marks_equal_the_custodians_own_arithmetic(loaded):
    outcome = perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    stored = {item["pk"]: item["body"] for item in loaded.items("operations") if item["sk"] == f"MARK#{DAY}#0001"}

    assert outcome["succeeded"], outcome["error"]
    # 10 x 37.094 + 100 x 37.711 + 5 x 60.305 (half-even) + 6696.47 cash; cash alone; 50 x 60.305 + 6000.
    assert {key: body["value"] for key, body in stored.items()} == {
        "TENANT#alpha#PORTFOLIO#P-A1": "11140.03",
        "TENANT#alpha#PORTFOLIO#P-A2": "1000.00",
        "TENANT#beta#PORTFOLIO#P-B1": "9015.25",
    }


def test_a_stale_epoch_is_refused_before_anything_is_written(loaded):
    perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    before = loaded.everything()
    outcome = perform(value_portfolios, "MARKET_CLOSE", "compute_profit_and_loss", epoch=7)

    assert outcome["error"]["code"] == "stale_fence"
    assert loaded.everything() == before


def test_the_same_command_twice_leaves_the_same_rows(loaded):
    perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    before = loaded.everything()
    again = perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")

    assert again["succeeded"]
    assert loaded.everything() == before


def test_overnight_risk_is_recorded_for_every_portfolio(loaded):
    outcome = perform(assess_risk, "PRE_MARKET", "assess_overnight_risk")
    rows = day_rows(loaded, "alpha", "overnight_risk")

    assert outcome["succeeded"], outcome["error"]
    assert set(rows) == {"P-A1", "P-A2"}
    assert rows["P-A1"]["sessions"] == 504
    assert rows["P-A1"]["var_99"] >= rows["P-A1"]["var_95"] > 0
    # Cash alone cannot lose.
    assert rows["P-A2"]["var_99"] == 0


def test_drift_is_recorded_at_the_previous_close_before_the_open(loaded):
    outcome = perform(propose_trades, "MARKET_OPEN", "measure_drift")

    assert outcome["succeeded"], outcome["error"]
    assert day_rows(loaded, "alpha", "drift")["P-A1"]["as_of"] == "2018-02-02"


def test_the_live_session_is_opened_once_with_the_buckets_books(loaded):
    outcome = perform(open_live_session, "PRE_MARKET", "open_live_session")
    session = json.loads(loaded.object("live", f"sessions/{DAY}.json"))
    again = perform(open_live_session, "PRE_MARKET", "open_live_session")

    assert outcome["succeeded"] and again["succeeded"], (outcome["error"], again["error"])
    assert [one["report"]["measures"]["opened"] for one in (outcome, again)] == ["now", "before"]
    assert (session["groups"], session["publishers"], session["synthetic"]) == (4, [1, 2, 3], True)
    # KO closed at 39.257 on the Friday before.
    assert session["symbols"]["KO"]["reference"] == 39_257_000_000
    assert sorted(session["books"].values()) == loaded.keys("live", "books/")
    books = [decode_book(loaded.object("live", key)) for key in session["books"].values()]
    assert sorted(owner for book in books for owner in book.owners) == [("alpha", "P-A1"), ("alpha", "P-A2"), ("beta", "P-B1")]
    assert json.loads(loaded.object("live", f"sessions/{DAY}.json")) == session


def test_the_custodians_statement_agrees_with_the_book(loaded):
    perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    outcome = perform(reconcile_holdings, "POST_MARKET", "reconcile_custodian")

    assert outcome["succeeded"], outcome["error"]
    assert day_rows(loaded, "alpha", "reconciliation")["P-A1"]["breaks"] == []
    assert outcome["report"]["by_tenant"]["beta"]["breaks"] == {}


def test_a_wrong_balance_becomes_a_break(loaded):
    perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    key = "statements/beta/2018-02-05/0001.csv"
    wrong = loaded.object("documents", key).replace(b"6000.00", b"5999.00")
    loaded.s3.put_object(Bucket="daymark-documents", Key=key, Body=wrong)
    perform(reconcile_holdings, "POST_MARKET", "reconcile_custodian")

    (found,) = day_rows(loaded, "beta", "reconciliation")["P-B1"]["breaks"]
    assert (found["kind"], found["ours"], found["custodian"]) == ("CASH", "6000.00", "5999.00")


def test_the_backup_is_written_and_restores(loaded):
    exported = perform(back_up_book, "POST_MARKET", "export_backup")
    verified = perform(back_up_book, "POST_MARKET", "verify_restore")

    assert exported["succeeded"] and verified["succeeded"], (exported["error"], verified["error"])
    assert b"P-A1" in gzip.decompress(loaded.object("documents", f"backups/alpha/{DAY}/0001/book.json.gz"))
    assert day_rows(loaded, "alpha", "backup")["-"]["verified"] is True
    assert day_rows(loaded, "shared", "backup")["-"]["instruments"] == 22


def test_reports_are_kept_as_page_and_print(loaded):
    perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    outcome = perform(publish_reports, "POST_MARKET", "publish_operations_report")

    assert outcome["succeeded"], outcome["error"]
    html, pdf = loaded.keys("documents", f"reports/shared/{DAY}/")
    assert loaded.object("documents", html).lower().startswith(b"<!doctype html")
    assert loaded.object("documents", pdf).startswith(b"%PDF-")


def drive(phase: str, functions: dict[str, Any]) -> None:
    """Drive a phase to its end by the three steps and the task functions, as the phase machine does."""
    ticket = open_phase.handler({"version": 1, "run_id": f"{DAY}/{phase}#1", "driver": "test"}, CONTEXT)
    while (reply := plan_phase.handler(ticket, CONTEXT))["kind"] != "end":
        outcomes = [functions[command["function"]].handler(command, CONTEXT) for command in reply["commands"]]
        assert all(outcome["succeeded"] for outcome in outcomes), outcomes
        record_outcomes.handler({**reply, "outcomes": outcomes}, CONTEXT)


def test_the_seal_covers_every_chain_of_the_day_and_stands_in_its_own_bucket(loaded):
    drive("MARKET_OPEN", {"check_prices": check_prices, "propose_trades": propose_trades})
    outcome = perform(seal_audit, "POST_MARKET", "seal_audit")
    (seal,) = day_rows(loaded, "alpha", "audit_seal").values()

    assert outcome["succeeded"], outcome["error"]
    assert (seal["chains"], seal["entries"]) == (1, 1)
    content = loaded.object("seals", f"seals/alpha/{DAY}/0001.json")
    assert seal == {**json.loads(content), "key": f"seals/alpha/{DAY}/0001.json", "sha256": hashlib.sha256(content).hexdigest()}
    assert loaded.keys("documents", "seals/") == []


def test_a_chain_that_is_gone_although_the_journal_tells_of_it_is_not_sealed(loaded):
    drive("MARKET_OPEN", {"check_prices": check_prices, "propose_trades": propose_trades})
    for item in loaded.items("audit", f"CHAIN#alpha#{DAY}#MARKET_OPEN"):
        loaded.dynamodb.delete_item(TableName="daymark-audit", Key={name: {"S": item[name]} for name in ("pk", "sk")})
    outcome = perform(seal_audit, "POST_MARKET", "seal_audit")

    (failed,) = outcome["report"]["by_tenant"]["alpha"]["failed"]
    assert failed["message"] == f"the audit chain of {DAY}/MARKET_OPEN lacks the entry of measure_drift: attempt 1, try 1"
    assert day_rows(loaded, "alpha", "audit_seal") == {} and loaded.keys("seals", "seals/alpha/") == []
    assert len(day_rows(loaded, "beta", "audit_seal")) == 1


def test_a_function_refuses_a_task_that_is_not_its_own(loaded):
    outcome = perform(assess_risk, "MARKET_CLOSE", "mark_portfolios")

    assert outcome["error"]["code"] == "not_found"


def test_the_log_line_names_the_task_and_no_client(loaded, log_lines, capsys):
    perform(value_portfolios, "MARKET_CLOSE", "mark_portfolios")
    opened, told = log_lines()
    text = json.dumps([opened, told]) + capsys.readouterr().out

    assert (told["message"], told["task"], told["failed"]) == ("value_portfolios", "mark_portfolios", False)
    for private in ("P-A1", "alpha", "11140.03", "adviser.a"):
        assert private not in text


@pytest.mark.parametrize("event", [{}, {"version": 1, "run_id": "2018-02-05/MARKET_CLOSE#1", "task": "mark_portfolios"}])
def test_a_malformed_command_is_raised_for_the_machine_to_catch(loaded, event):
    with pytest.raises(InvalidInput):
        value_portfolios.handler(event, CONTEXT)
