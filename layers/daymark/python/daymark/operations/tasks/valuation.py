"""Valuation tasks: mark every portfolio at the official close, account for the day to the cent, hold it against its benchmark."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from daymark.book.attribution import attribute
from daymark.book.benchmark import compare
from daymark.book.holdings import ZERO
from daymark.book.models import PortfolioMark, PortfolioRecord
from daymark.book.ports import BookStore, DayRecords, MarkStore, RecordKind
from daymark.book.profit_and_loss import ProfitAndLoss, profit_and_loss, unpaid_changes
from daymark.core.audit import canonical_json
from daymark.core.errors import NotFound
from daymark.core.money import to_cents
from daymark.market_data.price_desk import PriceDesk
from daymark.operations.models import TaskReport
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.tenant_work import TenantWork
from daymark.operations.tasks.universe import PricedUniverse


class ValuationTasks:
    """The tasks of the function ``value_portfolios``."""

    def __init__(self, desk: PriceDesk, book: BookStore, marks: MarkStore, records: DayRecords) -> None:
        self._desk, self._book, self._marks, self._records = desk, book, marks, records

    def mark_portfolios(self, context: TaskContext) -> TaskReport:
        """Mark every portfolio at the session's closes."""
        universe = PricedUniverse(self._book, self._desk, context.session_date)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                marks = []
                for record in universe.records(tenant):
                    with work.on(tenant, record.portfolio.portfolio_id):
                        marks.append(replace(universe.mark(record), attempt=context.run.attempt))
                self._marks.save(marks, context.fence)
                saved += len(marks)
                # The digest brings every single mark under the audit entry, at a size that does not grow with the book.
                values = hashlib.sha256(canonical_json({one.portfolio_id: str(one.value) for one in marks}).encode()).hexdigest()
                work.tell(tenant, portfolios=len(marks), value=str(sum((one.value for one in marks), ZERO)), values_sha256=values)
        return work.report(saved)

    def compute_profit_and_loss(self, context: TaskContext) -> TaskReport:
        """Every portfolio's result since the previous session, by position, to the cent.

        It is measured from the previous session as books and official closes now give it; what that changes in the value that was
        reported then is no result of today but stated by itself, as a restatement.
        """
        universe = PricedUniverse(self._book, self._desk, context.previous_session)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                rows, total = [], ZERO
                for record in universe.records(tenant):
                    with work.on(tenant, record.portfolio.portfolio_id):
                        reported = self._marks.mark(tenant, record.portfolio.portfolio_id, context.previous_session)
                        result = profit_and_loss(record, universe.mark(record), self._current(context, record), reported)
                        body = _profit_and_loss_body(result)
                        rows.append(context.record(tenant, RecordKind.PROFIT_AND_LOSS, result.portfolio_id, body))
                        total += result.pnl
                        for _ in unpaid_changes(record, context.previous_session, context.session_date):
                            work.notice("units changed that no purchase or sale in cash explains")
                        if result.restatement:
                            work.notice("prior value restated")
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows), pnl=str(total))
        return work.report(saved, previous_session=context.previous_session.isoformat())

    def compare_benchmark(self, context: TaskContext) -> TaskReport:
        """Every portfolio's day return against its own mix of equity index and bonds."""
        returns = self._desk.benchmark_returns(context.session_date)
        work, saved = TenantWork(), 0
        for tenant in self._book.tenants():
            with work.on(tenant):
                results = self._records.find(tenant, context.session_date, RecordKind.PROFIT_AND_LOSS, phase=context.run.phase.value)
                day_returns = {result.subject: float(result.body["return"]) for result in results}
                rows = []
                for portfolio in self._book.portfolios(tenant):
                    with work.on(tenant, portfolio.portfolio_id):
                        if portfolio.portfolio_id not in day_returns:
                            raise NotFound(f"{portfolio.portfolio_id} has no result of today to compare", field="profit_and_loss")
                        comparison = compare(day_returns[portfolio.portfolio_id], returns, portfolio.benchmark_equity)
                        body = {
                            "portfolio_return": comparison.portfolio_return,
                            "benchmark_return": comparison.benchmark_return,
                            "excess": comparison.excess,
                            "benchmark": comparison.benchmark,
                        }
                        rows.append(context.record(tenant, RecordKind.BENCHMARK, portfolio.portfolio_id, body))
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows), ahead=sum(row.body["excess"] > 0 for row in rows))
        return work.report(saved, equity_return=returns.equity, bond_return=returns.bond)

    def _current(self, context: TaskContext, record: PortfolioRecord) -> PortfolioMark:
        current = self._marks.mark(record.portfolio.tenant, record.portfolio.portfolio_id, context.session_date)
        if current is None:
            raise NotFound(f"{record.portfolio.portfolio_id} was not marked on {context.session_date}", field="mark")
        return current


def _profit_and_loss_body(result: ProfitAndLoss) -> Mapping[str, Any]:
    attribution = attribute(result)

    def row(instrument_id: str, pnl: Decimal) -> Mapping[str, Any]:
        return {"instrument_id": instrument_id, "pnl": str(pnl), "contribution": attribution.contributions[instrument_id]}

    return {
        "value": str(result.value),
        "prior_value": str(result.reported_prior_value),
        "restatement": str(to_cents(result.restatement)),
        "flows": str(result.flows),
        "pnl": str(result.pnl),
        "return": attribution.day_return,
        "by_position": [row(instrument_id, pnl) for instrument_id, pnl in result.by_position.items()],
        "other_pnl": str(result.other),
    }
