"""The whole day on the sample book: every portfolio gets every record, planted breaks are found, and other ways to the same value agree."""

import math
from decimal import Decimal

import pytest

from daymark.book.models import AccountKind
from daymark.book.performance import performance_history
from daymark.book.ports import RecordKind
from daymark.core.sessions import Calendar
from daymark.local.custodian_feed import custodian_statement
from daymark.local.sample_book import sample_book
from daymark.market_data.price_desk import PriceDesk
from tests.unit.task_world import MONDAY, World, history

PER_PORTFOLIO = set(RecordKind) - {
    RecordKind.PRICE_QUALITY, RecordKind.REGIME, RecordKind.OFFICIAL_CLOSES, RecordKind.BACKUP, RecordKind.AUDIT_SEAL,
    RecordKind.REPORT, RecordKind.TAX_LOSSES,
}  # fmt: skip


@pytest.fixture(scope="module")
def day():
    sample = sample_book(history())
    world = World()
    world.book.save_instruments(sample.instruments, world.loading)
    desk = PriceDesk(world.archive, world.book.instruments(), Calendar.exchange())
    world.load(list(sample.records), {})
    planted = {}
    for tenant in world.book.tenants():
        statement = custodian_statement(world.book.records(tenant), desk.closing_prices(MONDAY).closes, world.book.instruments(), MONDAY)
        world.documents.put(f"statements/{tenant}/{MONDAY}/0001.csv", statement.content, "text/csv", world.loading)
        planted[tenant] = statement.planted
    return sample, world, desk, planted, world.run_day()


def test_every_portfolio_has_every_record_and_nothing_failed(day):
    sample, world, _, _, reports = day
    assert [(name, report.warnings) for tasks in reports.values() for name, report in tasks.items() if report.warnings] == []
    for record in sample.records:
        portfolio = record.portfolio
        kinds = {found.kind for found in world.records.find(portfolio.tenant, MONDAY, subject=portfolio.portfolio_id)}
        taxable = {RecordKind.TAX_LOSSES} if portfolio.account is AccountKind.TAXABLE else set()
        assert kinds == PER_PORTFOLIO | taxable, portfolio.portfolio_id


def test_the_planted_breaks_and_no_others_are_found(day):
    _, world, _, planted, _ = day
    for tenant, expected in planted.items():
        found = {
            (one["kind"], record.subject, one["instrument_id"])
            for record in world.records.find(tenant, MONDAY, RecordKind.RECONCILIATION)
            for one in record.body["breaks"]
        }
        assert found == {(one.kind.value, one.portfolio_id, one.instrument_id) for one in expected}
        assert expected


def test_the_vectorised_history_ends_at_the_same_values_and_returns(day):
    sample, world, desk, _, _ = day
    panel = desk.panel(list(world.book.instruments()), MONDAY, 2)
    for record in sample.records:
        portfolio = record.portfolio
        body = world.records.find(portfolio.tenant, MONDAY, RecordKind.PROFIT_AND_LOSS, portfolio.portfolio_id)[0].body
        result = performance_history(record, panel)
        # A cent per position may be lost or won by rounding each to the cent.
        assert abs(result.values[1] - float(body["value"])) < 0.2 and abs(result.values[0] - float(body["prior_value"])) < 0.2
        assert math.isclose(result.returns[1], body["return"], abs_tol=0.4 / float(body["prior_value"]))
        parts = sum((Decimal(row["pnl"]) for row in body["by_position"]), Decimal(body["other_pnl"]))
        assert parts == Decimal(body["pnl"]) == Decimal(body["value"]) - Decimal(body["prior_value"]) - Decimal(body["flows"])
