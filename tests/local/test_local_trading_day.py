"""The real trading day 2018-02-05, run by the deployed state machines on the embedded cloud."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from daymark.adapters.dynamodb.client import s3_client
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
    user = installation.user("operations", "northstar")
    day = installation.get(f"/v1/operations/days/{SESSION}", user).json()
    for row in day["portfolios"]:
        mark = installation.get(f"/v1/book/portfolios/{row['portfolio_id']}/marks/{SESSION}", user).json()
        total = Decimal(mark["cash"]) + sum((Decimal(position["value"]) for position in mark["positions"]), Decimal(0))
        assert total == Decimal(mark["value"]) == Decimal(row["value"])


def test_reports_can_be_opened_through_their_links(installation: Installation) -> None:
    user = installation.user("operations", "summit")
    reports = installation.get(f"/v1/operations/reports?session_date={SESSION}", user).json()
    assert reports["items"]
    subject = reports["items"][0]["subject"]
    links = installation.get(f"/v1/operations/reports/{SESSION}/{subject}", user).json()
    pdf = httpx.get(links["pdf"], timeout=30)
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
        user = installation.user("operations", row["tenant"])
        mark = installation.get(f"/v1/book/portfolios/{row['portfolio_id']}/marks/{SESSION}", user).json()
        shares = sum(Decimal(position["quantity"]) for position in mark["positions"] if position["instrument_id"] == "KO")
        first = before[row["portfolio_id"]]
        assert mark["attempt"] == row["attempt"] == first["attempt"] + 1
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
