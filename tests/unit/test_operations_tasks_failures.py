"""What tasks do with repeats, bad data, lost fences and tampered files: other work goes on, nothing is passed over."""

import hashlib
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from daymark.book.models import CashKind
from daymark.book.ports import RecordKind
from daymark.core.errors import Conflict, InvalidInput, NotASession, NotFound, NotPublished, QualityBlocked, StaleFence, Unavailable
from daymark.core.lots import Lot
from daymark.core.sessions import Calendar
from daymark.operations import catalogue
from daymark.operations.models import OperationPhase
from daymark.operations.tasks.registry import TaskRegistry
from tests.unit.task_world import FRIDAY, MONDAY, STATEMENTS, TUESDAY, World, entry, synthetic_records

D = Decimal
PRE, OPEN, MID, CLOSE, POST = OperationPhase


def body(world, tenant, kind, subject="-", session=MONDAY):
    found = world.records.find(tenant, session, kind, subject)
    assert len(found) == 1, found
    return found[0].body


def test_doing_every_task_again_changes_nothing():
    world = World().load()
    world.run_day()
    before = {(t, p): world.trail.chain(t, MONDAY, p.value) for t in ("alpha", "beta", "shared") for p in OperationPhase}
    documents = {key: world.documents.get(key) for key in world.documents.keys("")}
    world.run_day()
    assert before == {(t, p): world.trail.chain(t, MONDAY, p.value) for t in ("alpha", "beta", "shared") for p in OperationPhase}
    assert documents == {key: world.documents.get(key) for key in world.documents.keys("")}


def test_the_next_day_starts_from_the_stored_mark_and_seals_the_rest():
    world = World().load()
    world.run_day()
    for phase in (PRE, OPEN, MID, CLOSE):
        world.run_phase(phase, TUESDAY)
    result = body(world, "alpha", RecordKind.PROFIT_AND_LOSS, "P-A1", session=TUESDAY)
    assert result["prior_value"] == "11140.03" and result["flows"] == "0"
    world.run(POST, "check_session", TUESDAY)
    world.run(POST, "seal_audit", TUESDAY)
    sealed = body(world, "alpha", RecordKind.AUDIT_SEAL, session=TUESDAY)["sealed"]
    assert (sealed[0]["session_date"], sealed[0]["phase"]) == ("2018-02-05", "POST_MARKET")


def test_units_that_no_cash_explains_are_warned_of():
    records = synthetic_records()
    records[0] = replace(records[0], cash=tuple(e for e in records[0].cash if e.instrument_id != "XOM"))
    world = World().load(records)
    for name in ("mark_portfolios", "compute_profit_and_loss"):
        report = world.run(CLOSE, name)
    assert report.warnings == ("units changed that no purchase or sale in cash explains (1)",)


@pytest.mark.parametrize(
    ("phase", "task"),
    [
        (PRE, "assess_overnight_risk"),
        (PRE, "check_limits"),
        (OPEN, "measure_drift"),
        (MID, "propose_rebalancing"),
        (CLOSE, "mark_portfolios"),
    ],
)
def test_one_bad_portfolio_stops_neither_its_tenant_nor_the_other(phase, task):
    records = synthetic_records()
    records[1] = replace(records[1], lots=(Lot("L9", "P-A2", "NONE", date(2017, 1, 3), D(1), D(1)),))
    world = World().load(records)
    report = world.run(phase, task)
    assert report.measures["saved"] == 2 and report.warnings == ("1 piece of work failed: invalid_input",)
    failure = report.by_tenant["alpha"]["failed"][0]
    assert (failure["subject"], failure["field"]) == ("P-A2", "lots[L9].instrument_id")
    assert "failed" not in report.by_tenant["beta"]


def test_when_nothing_at_all_succeeds_the_task_fails():
    lot = replace(synthetic_records()[2].lots[0], instrument_id="NONE")
    records = [replace(one, lots=(replace(lot, portfolio_id=one.portfolio.portfolio_id),)) for one in synthetic_records()]
    world = World().load(records)
    with pytest.raises(InvalidInput) as caught:
        world.run(CLOSE, "mark_portfolios")
    assert caught.value.context["failures"] == 3
    assert caught.value.message == "3 pieces of work failed: invalid_input (3)"
    assert (caught.value.field, set(caught.value.context)) == (None, {"failures"})
    assert [failed["subject"] for failed in caught.value.by_tenant["alpha"]["failed"]] == ["P-A1", "P-A2"]
    assert [e.event for e in world.trail.chain("alpha", MONDAY, "MARKET_CLOSE")] == ["task_failed"]


def test_a_portfolio_that_owes_more_than_it_holds_has_no_risk_figure():
    records = synthetic_records()
    records[1] = replace(records[1], cash=(entry("P-A2", 1, FRIDAY, CashKind.FEE, "-5.00"),))
    report = World().load(records).run(PRE, "assess_overnight_risk")
    assert report.measures["saved"] == 2 and report.by_tenant["alpha"]["failed"][0]["field"] == "value"


def test_a_lost_fence_stops_the_task_before_anything_is_saved():
    world = World().load()
    command = world.command(CLOSE, "mark_portfolios")
    world.ledger.open(command.run.scope, "us-west-2")
    with pytest.raises(StaleFence):
        world.registry(command)
    assert world.marks.mark("alpha", "P-A1", MONDAY) is None


def test_a_fence_lost_half_way_fails_the_task_although_one_tenant_is_done():
    world = World().load()
    command, save = world.command(CLOSE, "mark_portfolios"), world.marks.save

    def lose_the_fence_after(marks, fence):
        save(marks, fence)
        world.ledger.open(command.run.scope, "us-west-2")

    world.marks.save = lose_the_fence_after
    with pytest.raises(StaleFence):
        world.registry(command)
    assert world.marks.mark("alpha", "P-A1", MONDAY) is not None and world.marks.mark("beta", "P-B1", MONDAY) is None
    # Whoever lost the fence appends nothing either; the driver that took it over audits what it finds.
    assert world.trail.chain("alpha", MONDAY, "MARKET_CLOSE") == world.trail.chain("beta", MONDAY, "MARKET_CLOSE") == []


def test_what_another_try_may_mend_fails_the_task_after_the_others_work():
    world = World().load()
    honest = world.book.records

    def throttled(tenant):
        if tenant == "alpha":
            raise Unavailable("throttled")
        return honest(tenant)

    world.book.records = throttled
    with pytest.raises(Unavailable):
        world.run(OPEN, "measure_drift")
    assert len(world.records.find("beta", MONDAY, RecordKind.DRIFT)) == 1
    (entry_left,) = world.trail.chain("beta", MONDAY, "MARKET_OPEN")
    saved = [["P-B1", body(world, "beta", RecordKind.DRIFT, "P-B1")]]
    text = json.dumps([saved, {"portfolios": 1}], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert entry_left.event == "task_failed"
    assert entry_left.body == {"task": "measure_drift", "records": 1, "sha256": digest, "code": "unavailable"}
    world.book.records = honest
    assert world.run(OPEN, "measure_drift", try_number=2).measures["saved"] == 3
    assert [e.event for e in world.trail.chain("beta", MONDAY, "MARKET_OPEN")] == ["task_failed", "task_succeeded"]


def test_a_trail_that_does_not_answer_hides_no_tasks_error(caplog):
    def down(*_):
        raise Unavailable("the trail is away")

    world = World().load(statements={})
    world.trail.append = down
    with pytest.raises(NotFound):
        world.run(POST, "reconcile_custodian")
    assert "could not be audited" in caplog.text


def test_a_try_that_left_something_else_is_audited_beside_the_first():
    records = synthetic_records()
    world = World().load(records[:2])
    world.run(OPEN, "measure_drift")
    bad = replace(records[1].portfolio, portfolio_id="P-A3", custodian_account="ACC-A3")
    world.load([replace(records[1], portfolio=bad, cash=())], {})
    world.run(OPEN, "measure_drift", try_number=2)
    keys = [e.key for e in world.trail.chain("alpha", MONDAY, "MARKET_OPEN")]
    assert keys == ["2018-02-05/MARKET_OPEN#1/measure_drift", "2018-02-05/MARKET_OPEN#1/measure_drift/2"]


def close_and_mark(world):
    for name in ("check_session", "load_prices", "gate_prices", "publish_official_closes", "mark_portfolios"):
        world.run(CLOSE, name)


def test_planted_breaks_and_unreadable_lines_are_recorded():
    lines = [*STATEMENTS["alpha"]]
    lines[0] = "ACC-A1,HOLDING,AAPL,12,37.094,445.13,USD,2018-02-05"
    lines[4] = "ACC-A2,CASH,,,,lots,USD,2018-02-05"
    world = World().load(statements={"alpha": [*lines, "ACC-ZZ,CASH,,,,7.00,USD,2018-02-05"], "beta": STATEMENTS["beta"]})
    close_and_mark(world)
    report = world.run(POST, "reconcile_custodian")
    growth = body(world, "alpha", RecordKind.RECONCILIATION, "P-A1")
    assert (growth["matched"], [(b["kind"], b["ours"], b["custodian"]) for b in growth["breaks"]]) == (3, [("QUANTITY", "10", "12.0000")])
    assert [b["kind"] for b in body(world, "alpha", RecordKind.RECONCILIATION, "P-A2")["breaks"]] == ["MISSING_AT_CUSTODIAN"]
    whole = body(world, "alpha", RecordKind.RECONCILIATION)
    assert [b["kind"] for b in whole["breaks"]] == ["WRONG_ACCOUNT"]
    assert [(row["line"], row["field"]) for row in whole["quarantined"]] == [(6, "amount")]
    assert report.by_tenant["alpha"]["breaks"] == {"MISSING_AT_CUSTODIAN": 1, "QUANTITY": 1, "WRONG_ACCOUNT": 1}
    assert report.warnings == ("statement lines could not be read and are quarantined (1)",)


def test_a_tenant_without_a_statement_fails_by_itself():
    world = World().load(statements={"alpha": STATEMENTS["alpha"]})
    close_and_mark(world)
    report = world.run(POST, "reconcile_custodian")
    assert report.by_tenant["beta"]["failed"][0]["code"] == "not_found"
    assert [row.subject for row in world.records.find("alpha", MONDAY, RecordKind.RECONCILIATION)] == ["-", "P-A1", "P-A2"]
    with pytest.raises(NotFound):
        World().load(statements={}).run(POST, "reconcile_custodian")


def test_tasks_say_what_they_miss():
    world = World().load()
    missing = ((CLOSE, "compute_profit_and_loss", "mark"), (CLOSE, "compare_benchmark", "profit_and_loss"))
    for phase, task, field in (*missing, (MID, "find_tax_losses", "rebalancing")):
        with pytest.raises(NotFound) as caught:
            world.run(phase, task)
        assert caught.value.by_tenant["beta"]["failed"][0]["field"] == field
    world.archive.deliver(MONDAY, b"instrument_id,session_date,close,currency\n")
    with pytest.raises(NotPublished):
        world.run(CLOSE, "load_prices")
    with pytest.raises(QualityBlocked):
        world.run(CLOSE, "gate_prices")
    assert world.records.find("shared", MONDAY, RecordKind.PRICE_QUALITY) == []


def test_what_all_staff_may_read_of_a_task_names_no_tenant_no_portfolio_and_no_amount():
    """One portfolio cannot be priced and a statement line cannot be read, so that warnings are given too."""
    records = synthetic_records()
    records[1] = replace(records[1], lots=(Lot("L9", "P-A2", "NONE", date(2017, 1, 3), D(1), D(1)),))
    statements = {**STATEMENTS, "beta": [*STATEMENTS["beta"], "ACC-B1,CASH,,,,none,USD,2018-02-05"]}
    reports = [report for phase in World().load(records, statements).run_day().values() for report in phase.values()]
    public = json.dumps([[report.measures, report.warnings] for report in reports])
    assert "failed: invalid_input" in public and "quarantined (1)" in public
    for private in ("alpha", "beta", "P-A", "P-B", "H-A", "H-B", "ACC-", "adviser", "L9", "11140.03", "-166.11", "9015.25"):
        assert private not in public, private


def test_a_quarantined_price_is_warned_of_and_marks_carry_its_label():
    world = World().load()
    rows = list(world.archive.vendor_file(MONDAY))
    text = "\n".join(f"{r.instrument_id},{r.session_date},{'NaN' if r.instrument_id == 'KO' else r.close},{r.currency}" for r in rows)
    world.archive.deliver(MONDAY, f"instrument_id,session_date,close,currency\n{text}\n".encode())
    report = world.run(CLOSE, "gate_prices")
    assert report.measures["quarantined"] == 1 and "KO" in report.warnings[0]
    world.run(CLOSE, "mark_portfolios")
    position = next(row for row in world.marks.mark("alpha", "P-A1", MONDAY).positions if row.instrument_id == "KO")
    assert (position.price, position.price_as_of, position.label.name) == (D("39.257"), FRIDAY, "LAST_GOOD")


def test_the_registry_refuses_what_it_cannot_perform():
    world = World().load()
    command = world.command(CLOSE, "mark_portfolios")
    for bad in (replace(command, task="publish_magic"), replace(command, function=catalogue.ASSESS_RISK)):
        with pytest.raises(NotFound):
            world.registry(bad)
    with pytest.raises(NotFound):
        world.run(POST, "publish_client_reports")
    with pytest.raises(NotASession) as caught:
        world.registry(replace(command, run=replace(command.run, session_date=date(2018, 2, 4))))
    assert (caught.value.context["previous"], caught.value.context["next"]) == ("2018-02-02", "2018-02-05")
    for groups, field in (({"brew_coffee": object()}, "groups"), ({catalogue.SEAL_AUDIT: object()}, "seal_audit")):
        with pytest.raises(InvalidInput) as refused:
            TaskRegistry(Calendar.exchange(), groups, world.book, world.records, world.trail)
        assert refused.value.field == field


def test_official_closes_once_published_stand_until_a_later_attempt():
    world = World().load()
    world.run(CLOSE, "publish_official_closes")
    rows = [f"{r.instrument_id},{r.session_date},{r.close}1,{r.currency}" for r in world.archive.vendor_file(MONDAY)]
    world.archive.deliver(MONDAY, "\n".join(["instrument_id,session_date,close,currency", *rows]).encode())
    with pytest.raises(Conflict):
        world.run(CLOSE, "publish_official_closes", try_number=2)
    assert world.run(CLOSE, "publish_official_closes", attempt=2).measures["instruments"] == 22
