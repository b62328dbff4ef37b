"""The real trading day 2018-02-05, run by the deployed state machines on the embedded cloud."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from daymark.adapters.dynamodb.client import s3_client
from daymark.client import ProblemError, new_key
from daymark.contracts.price_files import decode_vendor_file, encode_vendor_file, vendor_key
from daymark.local.trading_day import TradingDay
from daymark.local.workspace import REGION
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase, RunStatus, TaskStatus
from tests.local.conftest import SESSION, Installation

pytestmark = pytest.mark.emulator


def test_all_five_phases_end_with_every_task_of_the_catalogue_done(installation: Installation) -> None:
    assert [summary.run.phase for summary in installation.summaries] == list(OperationPhase)
    for summary in installation.summaries:
        assert summary.status is RunStatus.SUCCEEDED, [task for task in summary.tasks if task.status is not TaskStatus.SUCCEEDED]
        assert {task.task for task in summary.tasks} == set(trading_day().tasks(summary.run.phase))


def test_progress_was_seen_while_the_day_ran(installation: Installation) -> None:
    assert any(summary.status is RunStatus.RUNNING for summary in installation.seen)


def test_every_portfolio_has_value_result_risk_drift_and_reconciliation(installation: Installation) -> None:
    portfolios = installation.document["portfolios"]
    assert len(portfolios) >= 25
    assert {row["tenant"] for row in portfolios} == {"northstar", "harbor", "summit"}
    for row in portfolios:
        assert all(row[name] is not None for name in ("value", "pnl", "var_99_amount", "largest_drift", "breaks")), row
        assert Decimal(row["value"]) > 0


def test_the_books_fell_on_the_day_the_index_lost_four_percent(installation: Installation) -> None:
    """S&P 500, 2018-02-05: -4.10%. Books of its large members, part in bonds and cash, lost something and less than 6%."""
    returns = {row["portfolio_id"]: row["return"] for row in installation.document["portfolios"]}
    assert all(-0.06 < value < 0 for value in returns.values()), returns


def test_profit_and_loss_is_value_change_less_flows_by_the_rest_interface(installation: Installation) -> None:
    """Independent route: values and flows read over REST, the difference taken here."""
    client = installation.client(installation.user("operations", "northstar"))
    rows = client.operations.read_day(SESSION).portfolios
    assert {row.portfolio_id for row in rows} == {each.portfolio_id for each in client.book.iterate_portfolios(limit=3)}
    for row in rows:
        mark = client.book.read_mark(row.portfolio_id, SESSION)
        total = mark.cash + sum((position.value for position in mark.positions), Decimal(0))
        assert total == mark.value == row.value


def test_the_interface_tells_the_same_of_runs_lots_and_holdings_whichever_way_it_is_asked(installation: Installation) -> None:
    client = installation.client(installation.user("operations", "northstar"))
    for run in client.operations.list_runs(session_date=SESSION).items:
        phase = client.operations.read_run(SESSION, run.phase, attempt=run.attempt)
        assert phase.run_id == run.run_id
        assert phase.tasks == client.operations.list_tasks(SESSION, run.phase, attempt=run.attempt).items
    portfolio = client.book.list_portfolios(limit=1).items[0]
    assert client.book.read_portfolio(portfolio.portfolio_id) == portfolio
    held = {position.instrument_id: position.quantity for position in client.book.list_positions(portfolio.portfolio_id, on=SESSION).items}
    lots: dict[str, Decimal] = {}
    for lot in client.book.iterate_lots(portfolio.portfolio_id, limit=7, on=SESSION, open_=True):
        lots[lot.instrument_id] = lots.get(lot.instrument_id, Decimal(0)) + lot.open_quantity
    assert lots == held
    newest = client.book.list_marks(portfolio.portfolio_id, limit=1).items[0]
    assert newest.value == client.book.read_mark(portfolio.portfolio_id, newest.session_date).value


def test_a_call_repeated_under_its_key_is_one_call_and_another_call_under_it_is_refused(installation: Installation) -> None:
    client, key = installation.client("operations.daymark"), new_key()
    first = client.operations.start_run(session_date=SESSION, phase="MID_DAY", dry_run=True, idempotency_key=key)
    assert first.dry_run and first.waves
    assert client.operations.start_run(session_date=SESSION, phase="MID_DAY", dry_run=True, idempotency_key=key) == first
    with pytest.raises(ProblemError) as refused:
        client.operations.start_run(session_date=SESSION, phase="MARKET_OPEN", dry_run=True, idempotency_key=key)
    assert (refused.value.status, refused.value.code) == (409, "conflict")
    with pytest.raises(ProblemError) as weekend:
        client.operations.start_run(session_date=date(2018, 2, 4), phase="MID_DAY", dry_run=True)
    assert (weekend.value.status, weekend.value.code) == (422, "not_a_session")
    assert weekend.value.context


def test_reports_can_be_opened_through_their_links(installation: Installation) -> None:
    client = installation.client(installation.user("operations", "summit"))
    report = next(client.operations.iterate_reports(session_date=SESSION))
    pdf = httpx.get(client.operations.read_report(SESSION, report.subject).pdf, timeout=30)
    assert hashlib.sha256(pdf.content).hexdigest() == report.sha256_pdf
    assert pdf.status_code == 200
    assert pdf.content.startswith(b"%PDF-")


def test_running_the_day_again_changes_no_result(installation: Installation) -> None:
    again = rerun_the_close(installation)
    before = installation.document["portfolios"]
    assert [row | {"attempt": 1} for row in again] == [row | {"attempt": 1} for row in before]
    assert all(row["attempt"] > first["attempt"] for row, first in zip(again, before, strict=True))


def test_a_corrected_vendor_file_is_taken_up_by_running_the_close_again(installation: Installation) -> None:
    """Coca-Cola a dollar dearer: each portfolio is worth a dollar a share more, and so is its result; put right, all is as before."""
    prices, bucket = s3_client(REGION), installation.workspace.outputs()["PricesBucket"]
    delivered = prices.get_object(Bucket=bucket, Key=vendor_key(SESSION))["Body"].read()
    rows = decode_vendor_file(delivered, SESSION)
    dearer = [replace(row, close=str(Decimal(row.close) + 1)) if row.instrument_id == "KO" else row for row in rows]
    before = {row["portfolio_id"]: row for row in rerun_the_close(installation)}
    prices.put_object(Bucket=bucket, Key=vendor_key(SESSION), Body=encode_vendor_file(dearer))
    try:
        corrected = rerun_the_close(installation)
    finally:
        prices.put_object(Bucket=bucket, Key=vendor_key(SESSION), Body=delivered)
    gained = 0
    for row in corrected:
        client = installation.client(installation.user("operations", row["tenant"]))
        mark = client.book.read_mark(row["portfolio_id"], SESSION)
        shares = sum(position.quantity for position in mark.positions if position.instrument_id == "KO")
        first = before[row["portfolio_id"]]
        assert mark.attempt == row["attempt"] == first["attempt"] + 1
        # Half a cent of rounding on either side.
        assert abs(Decimal(row["value"]) - Decimal(first["value"]) - shares) <= Decimal("0.01"), row
        assert Decimal(row["value"]) - Decimal(first["value"]) == Decimal(row["pnl"]) - Decimal(first["pnl"])
        assert Decimal(row["restatement"]) == 0
        gained += shares > 0
    assert gained
    restored = rerun_the_close(installation)
    assert [row | {"attempt": 0} for row in restored] == [row | {"attempt": 0} for row in before.values()]


def rerun_the_close(installation: Installation) -> list[dict[str, Any]]:
    """The portfolios' rows after the close was run once more."""
    day = TradingDay(installation.workspace)
    day.run(SESSION, (OperationPhase.MARKET_CLOSE,), lambda _summary: None)
    rows: list[dict[str, Any]] = day.document(SESSION)["portfolios"]
    return rows
