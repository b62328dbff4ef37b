"""Report tasks over memory stores: what is filed and recorded, that repeats are repeats, and what one bad portfolio does."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from daymark.adapters.memory.day_records import MemoryDayRecords
from daymark.adapters.memory.documents import MemoryDocuments
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.book.models import CashEntry, CashKind, PortfolioMark, PortfolioRecord
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.errors import QualityBlocked, StaleFence
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.core.sessions import Calendar
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import PricePanel
from daymark.operations.models import OperationPhase, RunId
from daymark.operations.reporting import HistoryChart, Paragraph, Report, Table, TimelineChart
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.reports import HISTORY_SESSIONS, ReportTasks
from tests.unit.http_world import DAY, FENCE, SECRET, World, drive, harbors_failure, make_world, portfolio, record

SESSIONS = tuple(Calendar.exchange().between(date(2016, 1, 4), DAY)[-HISTORY_SESSIONS:])


class RecordingRenderer:
    """Renders a report as its own text, and remembers it."""

    def __init__(self) -> None:
        self.seen: dict[str, Report] = {}

    def render(self, report: Report) -> tuple[bytes, bytes]:
        self.seen[report.title] = report
        text = repr(report).encode()
        return b"html " + text, b"pdf " + text


class FlatDesk:
    """Every price is 100 on every session, except that the last close is 90."""

    def panel(self, instrument_ids: list[str], through: date, sessions: int) -> PricePanel:
        assert (through, sessions) == (DAY, HISTORY_SESSIONS)
        closes = np.full((len(SESSIONS), len(instrument_ids)), 100.0)
        closes[-1] = 90.0
        return PricePanel(SESSIONS, tuple(instrument_ids), closes, dict.fromkeys(instrument_ids, PriceLabel.ADJUSTED_CLOSE))


@pytest.fixture
def world() -> World:
    """The REST world with nothing recorded or filed yet."""
    made = make_world()
    made.records, made.documents = MemoryDayRecords(), MemoryDocuments()
    return made


@pytest.fixture
def renderer() -> RecordingRenderer:
    return RecordingRenderer()


@pytest.fixture
def tasks(world: World, renderer: RecordingRenderer) -> ReportTasks:
    return ReportTasks(FlatDesk(), world.book, world.marks, world.records, world.journal, world.documents, renderer)


def context(attempt: int = 1) -> TaskContext:
    run = RunId(DAY, OperationPhase.POST_MARKET, attempt)
    return TaskContext(run, Calendar.exchange().session(DAY), date(2018, 2, 2), FENCE, datetime(2018, 2, 5, 23, tzinfo=UTC))


def test_every_portfolio_has_its_two_files_and_a_record_with_their_digests(world: World, tasks: ReportTasks) -> None:
    report = tasks.publish_client_reports(context())
    assert report.measures == {"saved": 5}
    assert report.by_tenant == {"harbor": {"reports": 2}, "northstar": {"reports": 3}}
    assert world.documents.keys("reports/northstar/") == [
        f"reports/northstar/2018-02-05/0001/NS-{n}.{form}" for n in (1, 2, 3) for form in ("html", "pdf")
    ]  # fmt: skip
    (record,) = world.records.find("northstar", DAY, RecordKind.REPORT, "NS-2")
    for form in ("html", "pdf"):
        content = world.documents.get(record.body[form])
        assert content.startswith(form.encode())
        assert record.body[f"sha256_{form}"] == hashlib.sha256(content).hexdigest()


def test_a_second_try_repeats_the_first(world: World, tasks: ReportTasks) -> None:
    first = tasks.publish_client_reports(context()), tasks.publish_operations_report(context())
    assert (tasks.publish_client_reports(context()), tasks.publish_operations_report(context())) == first


def test_a_stale_run_files_nothing(world: World, renderer: RecordingRenderer) -> None:
    fences = MemoryFenceLedger()
    fences.open("test", "us-east-1")
    fences.open("test", "us-west-2")
    documents = MemoryDocuments(fences)
    stale = ReportTasks(FlatDesk(), world.book, world.marks, world.records, world.journal, documents, renderer)
    with pytest.raises(StaleFence):
        stale.publish_client_reports(context())
    assert documents.keys("") == [] and world.records.find("northstar", DAY) == []


def test_a_portfolio_that_was_not_marked_is_told_and_stops_nobody_else(world: World, tasks: ReportTasks) -> None:
    world.book.save_record(record(portfolio("harbor", "HB-2", "H-1", "adviser.ben")), FENCE)
    report = tasks.publish_client_reports(context())
    assert report.by_tenant["harbor"]["reports"] == 2
    assert [failed["subject"] for failed in report.by_tenant["harbor"]["failed"]] == ["HB-2"]


def test_the_report_takes_the_later_phases_record(world: World, tasks: ReportTasks, renderer: RecordingRenderer) -> None:
    for phase, weight in (("MARKET_OPEN", 0.5), ("MARKET_CLOSE", 0.7)):
        row = {"instrument_id": "AAPL", "target": 0.6, "weight": weight, "drift": weight - 0.6, "outside_band": True}
        body = {"as_of": "2018-02-05", "rows": [row], "cash_weight": 1 - weight, "largest_drift": 0.1}
        world.records.save([DayRecord("northstar", DAY, phase, RecordKind.DRIFT, "NS-1", body)], FENCE)
    tasks.publish_client_reports(context())
    part = next(each for each in renderer.seen["NS-1 account"].sections if each.title == "Drift from target")
    assert next(block for block in part.blocks if isinstance(block, Table)).rows[0][2].text == "70.0%"


def test_history_begins_with_the_first_booking_and_shows_the_fall(world: World, tasks: ReportTasks, renderer: RecordingRenderer) -> None:
    """10,000.00 on 3 January 2017; 50 shares given later at 100, 10 and 5 of them gone: 35 held lose 10 each on the last day."""
    tasks.publish_client_reports(context())
    chart = next(block for part in renderer.seen["NS-1 account"].sections for block in part.blocks if isinstance(block, HistoryChart))
    assert chart.sessions[0] == date(2017, 1, 3) and chart.sessions[-1] == DAY
    assert chart.values[0] == 10_000.0
    assert chart.values[-1] == 10_000.0 + 35 * 90.0
    assert chart.drawdowns[0] == 0.0 and chart.drawdowns[-1] < 0


def test_a_portfolio_without_a_booking_has_a_report_without_a_history(
    world: World, tasks: ReportTasks, renderer: RecordingRenderer
) -> None:
    empty = portfolio("harbor", "HB-3", "H-1", "adviser.ben")
    world.book.save_record(PortfolioRecord(empty, (), ()), FENCE)
    world.marks.save([PortfolioMark("harbor", "HB-3", DAY, Decimal("0.00"), (), Decimal("0.00"))], FENCE)
    assert tasks.publish_client_reports(context()).by_tenant["harbor"] == {"reports": 3}
    blocks = [block for part in renderer.seen["HB-3 account"].sections for block in part.blocks]
    assert not any(isinstance(block, HistoryChart) for block in blocks)


def test_a_history_that_cannot_be_drawn_is_warned_of_and_the_report_says_why(
    world: World, tasks: ReportTasks, renderer: RecordingRenderer
) -> None:
    """A share of GE, of which the desk has no close; and a coupon of 90 earned by a portfolio that only ever owed a fee."""
    deposit = CashEntry("C1", "HB-4", date(2017, 1, 3), CashKind.DEPOSIT, Decimal("500.00"))
    unpriced = Lot("L1", "HB-4", "GE", date(2017, 6, 1), Decimal(1), Decimal("20.00"))
    windfall = CashEntry("C1", "HB-5", date(2017, 6, 1), CashKind.COUPON, Decimal("90.00"), "AAPL")
    for portfolio_id, lots, entry in (("HB-4", (unpriced,), deposit), ("HB-5", (), windfall)):
        owned = portfolio("harbor", portfolio_id, "H-1", "adviser.ben")
        start = CashEntry("C0", portfolio_id, date(2017, 1, 3), CashKind.FEE, Decimal("-1.00"))
        world.book.save_record(PortfolioRecord(owned, lots, (entry,) if lots else (start, entry)), FENCE)
        world.marks.save([PortfolioMark("harbor", portfolio_id, DAY, Decimal("500.00"), (), Decimal("500.00"))], FENCE)
    report = tasks.publish_client_reports(context())
    assert report.warnings == ("a report has no history: a close is missing, or a result was earned on no capital (2)",)
    for name, why in (("HB-4", "no closes of GE"), ("HB-5", "no return exists on a capital of zero or less")):
        section = next(part for part in renderer.seen[f"{name} account"].sections if part.title == "Value and drawdown")
        assert [block.text for block in section.blocks if isinstance(block, Paragraph)] == [f"No history can be drawn: {why}."]


def test_only_closes_of_what_a_tenant_ever_held_are_asked_for(
    world: World, tasks: ReportTasks, renderer: RecordingRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def panel(desk: FlatDesk, instrument_ids: list[str], through: date, sessions: int) -> PricePanel:
        asked.append(instrument_ids)
        return flat(desk, instrument_ids, through, sessions)

    flat = FlatDesk.panel
    monkeypatch.setattr(FlatDesk, "panel", panel)
    ko = Instrument("KO", InstrumentKind.EQUITY, "Coca-Cola", AssetClass.EQUITY)
    world.book.save_instruments([ko, replace(ko, instrument_id="GE")], FENCE)
    sold = Lot("L1", "HB-6", "KO", date(2017, 2, 1), Decimal(1), Decimal("40.00"), (Disposal(DAY, Decimal(1), Decimal("41.00")),))
    later = Lot("L2", "HB-6", "GE", date(2018, 2, 6), Decimal(1), Decimal("20.00"))
    world.book.save_record(PortfolioRecord(portfolio("harbor", "HB-6", "H-1", "adviser.ben"), (sold, later), ()), FENCE)
    tasks.publish_client_reports(context())
    assert asked == [["AAPL", "KO"], ["AAPL"]]  # harbor, northstar


def test_a_vendor_file_that_may_not_be_used_fails_the_task_by_name(
    world: World, tasks: ReportTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocked(*_: object) -> PricePanel:
        raise QualityBlocked("the file is not to be used", field="vendor_file")

    monkeypatch.setattr(FlatDesk, "panel", blocked)
    with pytest.raises(QualityBlocked):
        tasks.publish_client_reports(context())
    assert world.records.find("harbor", DAY, RecordKind.REPORT) == []


def test_the_operations_report_tells_of_the_phases_and_of_what_it_waited_for(
    world: World, tasks: ReportTasks, renderer: RecordingRenderer
) -> None:
    tasks.publish_operations_report(context())
    report = renderer.seen["The trading day"]
    assert report.facts == (("Mid day", "Running"), ("Market close", "Succeeded"), ("Post market", "Degraded"))
    charts = {part.title: block for part in report.sections for block in part.blocks if isinstance(block, TimelineChart)}
    assert [span.task for span in charts["Post market"].spans] == ["check_session", "reconcile_custodian"]
    assert len(charts["Market close"].spans) == 9


def test_the_operations_report_shows_no_clients_data(world: World, tasks: ReportTasks, renderer: RecordingRenderer) -> None:
    drive(world, RunId(DAY, OperationPhase.MARKET_CLOSE, 2), work=harbors_failure)
    tasks.publish_operations_report(context())
    text = repr(renderer.seen["The trading day"])
    assert "1 piece of work failed: invalid_input (1)" in text
    assert not any(word in text for word in ("northstar", "harbor", "NS-1", "H-1", SECRET))


def test_each_attempt_files_its_own_operations_report_and_the_interface_shows_the_latest(world: World, tasks: ReportTasks) -> None:
    tasks.publish_operations_report(context())
    drive(world, RunId(DAY, OperationPhase.POST_MARKET, 2), redo="reconcile_custodian")
    tasks.publish_operations_report(context(attempt=2))
    assert [row.attempt for row in world.records.history("shared", DAY, RecordKind.REPORT, "-")] == [1, 2]
    operations = replace(world.app.state.services.operations, documents=world.documents)
    world.app.state.services = replace(world.app.state.services, records=world.records, operations=operations)
    _, body, _ = world.ask(f"/v1/operations/reports/{DAY}/operations", "risk")
    assert body["html"].startswith("memory://reports/shared/2018-02-05/0002/operations.html")
    _, listed, _ = world.ask("/v1/operations/reports", "risk", query={"session_date": [str(DAY)]})
    assert [(item["subject"], item["attempt"]) for item in listed["items"]] == [("operations", 2)]
