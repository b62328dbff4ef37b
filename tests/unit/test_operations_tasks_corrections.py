"""An input is corrected and the phase run again: the later attempt succeeds, every reader sees its figures, the earlier ones stay."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.book.models import CashKind
from daymark.book.ports import RecordKind
from daymark.contracts.price_files import encode_vendor_file
from daymark.core.errors import NotFound
from daymark.core.fence import Fence
from daymark.core.lots import Disposal, Lot
from daymark.core.sessions import Calendar
from daymark.http.operations.day import portfolio_days
from daymark.market_data.price_desk import PriceDesk
from daymark.operations.models import OperationPhase, RunId
from daymark.operations.reporting import HistoryChart, Report, Table
from daymark.operations.schedule import phase_instant
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.reports import ReportTasks
from tests.unit.task_world import FRIDAY, HEADER, MONDAY, STATEMENTS, TUESDAY, World, entry, synthetic_records
from tests.unit.test_operations_tasks_prices import archive_without

D = Decimal
PRE, OPEN, MID, CLOSE, POST = OperationPhase


class KeptReports:
    """Renders a report as its own text, and keeps the last one of each title."""

    def __init__(self) -> None:
        self.reports: dict[str, Report] = {}

    def render(self, report: Report) -> tuple[bytes, bytes]:
        self.reports[report.title] = report
        return repr(report).encode(), repr(report).encode()

    def tables(self, title: str, section: str) -> list[Table]:
        part = next(part for part in self.reports[title].sections if part.title == section)
        return [block for block in part.blocks if isinstance(block, Table)]

    def bridge(self, title: str) -> dict[str, str]:
        """The day's table of a client report, first cell to second, its total included."""
        (table,) = self.tables(title, "The day")
        assert table.total is not None
        return {row[0].text: row[1].text for row in (*table.rows, table.total)}


def publish(world: World, attempt: int = 1, session: date = MONDAY) -> tuple[KeptReports, tuple[str, ...]]:
    calendar, kept = Calendar.exchange(), KeptReports()
    desk = PriceDesk(world.archive, world.book.instruments(), calendar)
    tasks = ReportTasks(desk, world.book, world.marks, world.records, MemoryRunJournal(), world.documents, kept)
    run = RunId(session, POST, attempt)
    fence: Fence = world.ledger.open(run.scope, "us-east-1")
    context = TaskContext(run, calendar.session(session), calendar.previous(session), fence, phase_instant(calendar, session, POST))
    return kept, tasks.publish_client_reports(context).warnings


def deliver_closes(world: World, session: date, **closes: str) -> None:
    rows = [replace(row, close=closes.get(row.instrument_id, row.close)) for row in world.archive.vendor_file(session)]
    world.archive.deliver(session, encode_vendor_file(rows))


def deliver_statement(world: World, tenant: str, delivery: int, lines: list[str]) -> None:
    world.documents.put(f"statements/{tenant}/{MONDAY}/{delivery:04d}.csv", "\n".join([HEADER, *lines]).encode(), "text/csv", world.loading)


def body(world: World, tenant: str, kind: RecordKind, subject: str = "-", session: date = MONDAY, phase: OperationPhase | None = None):
    (found,) = world.records.find(tenant, session, kind, subject, phase and phase.value)
    return found.body


def failures(reports):
    return [(name, report.warnings) for name, report in reports.items() if any("failed" in text for text in report.warnings)]


def test_a_corrected_vendor_file_restates_closes_marks_results_and_reports():
    world = World().load()
    world.run_day()
    first_reports, _ = publish(world)
    deliver_closes(world, MONDAY, KO="38.711")
    assert failures(world.run_phase(CLOSE, attempt=2)) == []
    # 100 KO at 1.00 more: 11,140.03 + 100.00; the result by as much, -166.11 + 100.00.
    growth = world.marks.mark("alpha", "P-A1", MONDAY)
    assert (growth.value, growth.attempt) == (D("11240.03"), 2)
    assert [(one.session_date, one.value) for one in world.marks.history("alpha", "P-A1", 9)] == [(MONDAY, D("11240.03"))]
    results = world.records.history("alpha", MONDAY, RecordKind.PROFIT_AND_LOSS, "P-A1")
    assert [(one.attempt, one.body["value"], one.body["pnl"]) for one in results] == [(1, "11140.03", "-166.11"), (2, "11240.03", "-66.11")]
    assert body(world, "alpha", RecordKind.PROFIT_AND_LOSS, "P-A1") == results[1].body
    official = {row["instrument_id"]: row["price"] for row in world.archive.official_closes(MONDAY)["closes"]}
    assert official["KO"] == "38.711"
    assert body(world, "shared", RecordKind.OFFICIAL_CLOSES)["key"] == "official/2018-02-05/0002.json"
    weights = {row["instrument_id"]: row["weight"] for row in body(world, "alpha", RecordKind.DRIFT, "P-A1", phase=CLOSE)["rows"]}
    assert weights["KO"] == pytest.approx(3871.10 / 11240.03, abs=1e-9)
    for kind in (RecordKind.BENCHMARK, RecordKind.LIMITS, RecordKind.DRIFT):
        assert [one.attempt for one in world.records.history("alpha", MONDAY, kind, "P-A1") if one.phase == CLOSE] == [1, 2]

    assert failures(world.run_phase(POST, attempt=2)) == []
    reports, _ = publish(world, attempt=2)
    assert first_reports.bridge("Growth")["Value at the close"] == "11,140.03"
    assert reports.bridge("Growth")["Value at the close"] == "11,240.03"
    links = [one.body["html"] for one in world.records.history("alpha", MONDAY, RecordKind.REPORT, "P-A1")]
    assert links == [f"reports/alpha/2018-02-05/{attempt}/P-A1.html" for attempt in ("0001", "0002")]
    assert [b"11,140.03" in world.documents.get(key) for key in links] == [True, False]
    (row,) = [one for one in portfolio_days(world.book.portfolios("alpha"), world.records, MONDAY) if one.portfolio_id == "P-A1"]
    assert (row.value, row.pnl, row.restatement, row.attempt) == ("11240.03", "-66.11", "0.00", 2)


def test_the_next_morning_looks_at_the_corrected_closes():
    world = World().load()
    world.run_day()
    world.run_phase(PRE, TUESDAY)
    assert body(world, "alpha", RecordKind.OVERNIGHT_RISK, "P-A1", TUESDAY)["value"] == "11140.03"
    deliver_closes(world, MONDAY, KO="38.711")
    world.run_phase(CLOSE, attempt=2)
    assert failures(world.run_phase(PRE, TUESDAY, attempt=2)) == []
    assert body(world, "alpha", RecordKind.OVERNIGHT_RISK, "P-A1", TUESDAY)["value"] == "11240.03"
    assert len(world.records.history("alpha", TUESDAY, RecordKind.OVERNIGHT_RISK, "P-A1")) == 2


def test_a_back_dated_booking_is_a_restatement_and_no_result_of_the_day():
    world = World().load()
    world.run_day()
    records = synthetic_records()
    records[2] = replace(records[2], cash=(*records[2].cash, entry("P-B1", 9, MONDAY, CashKind.FEE, "-1.00")))
    world.load(records, {})
    reports = world.run_phase(CLOSE, TUESDAY)
    assert reports["compute_profit_and_loss"].warnings == ("prior value restated (1)",)
    first = body(world, "beta", RecordKind.PROFIT_AND_LOSS, "P-B1", TUESDAY)
    # Reported on Monday: 50 x 60.305 + 6,000.00.
    assert (first["prior_value"], first["restatement"], first["flows"]) == ("9015.25", "-1.00", "0")
    assert D(first["prior_value"]) + D(first["restatement"]) + D(first["flows"]) + D(first["pnl"]) == D(first["value"])
    # What the day earned is the shares' alone: the fee was Monday's.
    assert [row["pnl"] for row in first["by_position"]] == [first["pnl"]]
    assert first["return"] == pytest.approx(float(D(first["pnl"]) / D("9014.25")), rel=1e-12)
    assert body(world, "alpha", RecordKind.PROFIT_AND_LOSS, "P-A1", TUESDAY)["restatement"] == "0.00"
    kept, _ = publish(world, session=TUESDAY)
    assert kept.bridge("Energy")["Corrected since it was reported"] == "−1.00"
    assert "Corrected since it was reported" not in kept.bridge("Growth")

    # Monday's close is run again, then Tuesday's: nothing is left to restate, and the day earned the same.
    assert failures(world.run_phase(CLOSE, attempt=2)) == []
    assert world.marks.mark("beta", "P-B1", MONDAY).value == D("9014.25")
    assert world.run_phase(CLOSE, TUESDAY, attempt=2)["compute_profit_and_loss"].warnings == ()
    second = body(world, "beta", RecordKind.PROFIT_AND_LOSS, "P-B1", TUESDAY)
    assert (second["prior_value"], second["restatement"], second["pnl"]) == ("9014.25", "0.00", first["pnl"])


def test_closes_corrected_after_the_day_are_a_restatement_too():
    world = World().load()
    world.run_phase(CLOSE)
    deliver_closes(world, MONDAY, KO="38.711")
    world.run(CLOSE, "publish_official_closes", attempt=2)
    assert world.run_phase(CLOSE, TUESDAY)["compute_profit_and_loss"].warnings == ("prior value restated (1)",)
    result = body(world, "alpha", RecordKind.PROFIT_AND_LOSS, "P-A1", TUESDAY)
    assert (result["prior_value"], result["restatement"]) == ("11140.03", "100.00")


def test_a_corrected_statement_takes_its_breaks_back():
    wrong = ["ACC-A1,HOLDING,AAPL,12,37.094,445.13,USD,2018-02-05", *STATEMENTS["alpha"][1:4], "ACC-A2,CASH,,,,none,USD,2018-02-05"]
    world = World().load(statements={**STATEMENTS, "alpha": [*wrong, "ACC-ZZ,CASH,,,,7.00,USD,2018-02-05"]})
    world.run_phase(CLOSE)
    world.run(POST, "reconcile_custodian")
    before = [one for subject in ("-", "P-A1", "P-A2") for one in body(world, "alpha", RecordKind.RECONCILIATION, subject)["breaks"]]
    assert sorted(one["kind"] for one in before) == ["MISSING_AT_CUSTODIAN", "QUANTITY", "WRONG_ACCOUNT"]
    deliver_statement(world, "alpha", 2, STATEMENTS["alpha"])
    deliver_statement(world, "alpha", 10, STATEMENTS["alpha"])
    report = world.run(POST, "reconcile_custodian", attempt=2)
    assert report.warnings == () and report.by_tenant["alpha"]["breaks"] == {}
    for subject in ("-", "P-A1", "P-A2"):
        assert body(world, "alpha", RecordKind.RECONCILIATION, subject)["breaks"] == []
        assert [one.attempt for one in world.records.history("alpha", MONDAY, RecordKind.RECONCILIATION, subject)] == [1, 2]
    whole = body(world, "alpha", RecordKind.RECONCILIATION)
    assert (whole["quarantined"], whole["statement"]) == ([], "statements/alpha/2018-02-05/0010.csv")
    # An attempt's own records never change: what was corrected needs the next one.
    late = world.run(POST, "reconcile_custodian", try_number=2).by_tenant["alpha"]["failed"]
    assert [one["code"] for one in late] == ["conflict"]
    assert len(world.records.history("alpha", MONDAY, RecordKind.RECONCILIATION, "P-A1")) == 2


def test_each_attempt_exports_its_own_backup_and_one_kept_is_verified_where_it_stands():
    world = World().load()
    world.run(POST, "export_backup")
    # A retry of the restore alone keeps the export of the attempt before.
    world.run(POST, "verify_restore", attempt=2)
    assert body(world, "beta", RecordKind.BACKUP)["key"] == "backups/beta/2018-02-05/0001/book.json.gz"
    records = synthetic_records()
    records[2] = replace(records[2], cash=(*records[2].cash, entry("P-B1", 9, MONDAY, CashKind.FEE, "-1.00")))
    world.load(records, {})
    for task in ("export_backup", "verify_restore"):
        assert failures({task: world.run(POST, task, attempt=3)}) == []
    latest = body(world, "beta", RecordKind.BACKUP)
    assert (latest["key"], latest["cash_entries"]) == ("backups/beta/2018-02-05/0003/book.json.gz", 3)
    assert world.documents.get("backups/beta/2018-02-05/0001/book.json.gz") != world.documents.get(latest["key"])


def test_a_later_attempt_repeated_changes_nothing_either():
    world = World().load()
    world.run_day()
    deliver_closes(world, MONDAY, KO="38.711")
    world.run_day(attempt=2)
    publish(world, attempt=2)
    documents = {key: world.documents.get(key) for key in world.documents.keys("")}
    records = {tenant: world.records.find(tenant, MONDAY) for tenant in ("alpha", "beta", "shared")}
    world.run_day(attempt=2)
    publish(world, attempt=2)
    assert documents == {key: world.documents.get(key) for key in world.documents.keys("")}
    assert records == {tenant: world.records.find(tenant, MONDAY) for tenant in ("alpha", "beta", "shared")}


def drawn(kept: KeptReports, title: str) -> bool:
    return any(isinstance(block, HistoryChart) for part in kept.reports[title].sections for block in part.blocks)


def test_an_instrument_nobody_ever_held_costs_no_report_and_no_history():
    world = World(archive=archive_without("GE")).load()
    world.run_phase(CLOSE)
    kept, warnings = publish(world)
    assert set(kept.reports) == {"Growth", "IRA", "Energy"} and warnings == ()
    assert all(drawn(kept, title) for title in kept.reports)


def test_an_instrument_without_closes_costs_its_holders_the_history_and_nobody_a_report():
    records = synthetic_records()
    sold = Lot("L9", "P-A2", "GE", date(2017, 1, 3), D(1), D("20.00"), (Disposal(FRIDAY, D(1), D("16.00")),))
    records[1] = replace(records[1], lots=(sold,))
    world = World(archive=archive_without("GE")).load(records)
    world.run_phase(CLOSE)
    kept, warnings = publish(world)
    assert warnings == ("a report has no history: a close is missing, or a result was earned on no capital (1)",)
    assert {title: drawn(kept, title) for title in kept.reports} == {"Growth": True, "IRA": False, "Energy": True}


def test_a_lot_of_an_unknown_instrument_costs_its_own_portfolio_the_report_and_no_other():
    records = synthetic_records()
    records[1] = replace(records[1], lots=(Lot("L9", "P-A2", "NONE", date(2017, 1, 3), D(1), D(1)),))
    world = World().load(records)
    world.run_phase(CLOSE)
    kept, warnings = publish(world)
    assert warnings == ("1 piece of work failed: not_found",)
    assert {title: drawn(kept, title) for title in kept.reports} == {"Growth": True, "Energy": True}


def test_what_was_never_exported_cannot_be_verified():
    with pytest.raises(NotFound) as missing:
        World().load().run(POST, "verify_restore")
    assert {part["failed"][0]["field"] for part in missing.value.by_tenant.values()} == {"backup"}


def test_an_export_that_a_crash_left_without_its_manifest_is_no_backup():
    world = World().load()
    world.run(POST, "export_backup")
    world.documents.put("backups/beta/2018-02-05/0002/book.json.gz", b"half of it", "application/gzip", world.loading)
    world.run(POST, "verify_restore", attempt=2)
    assert body(world, "beta", RecordKind.BACKUP)["key"] == "backups/beta/2018-02-05/0001/book.json.gz"
