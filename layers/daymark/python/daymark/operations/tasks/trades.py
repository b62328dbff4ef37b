"""Trade tasks: drift from target, rebalancing proposals, and tax losses that would not wash. Nothing here places an order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from daymark.book.models import PortfolioMark, PortfolioRecord
from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.book.valuation import mark
from daymark.core.errors import NotFound
from daymark.market_data.models import ClosingPrice
from daymark.market_data.price_desk import PriceDesk
from daymark.operations import drift, rebalancing, tax_losses
from daymark.operations.models import TaskReport
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.tenant_work import TenantWork
from daymark.operations.tasks.universe import Universe

_Closes = Mapping[str, ClosingPrice]


class TradeTasks:
    """The tasks of the function ``propose_trades``."""

    def __init__(self, desk: PriceDesk, book: BookStore, records: DayRecords) -> None:
        self._desk, self._book, self._records = desk, book, records

    def measure_drift(self, context: TaskContext) -> TaskReport:
        """Every portfolio's distance from target at the latest closes."""

        def body(record: PortfolioRecord, marked: PortfolioMark, _: _Closes) -> Mapping[str, Any]:
            return drift.as_body(drift.measure_drift(record.portfolio, marked))

        return self._per_portfolio(context, RecordKind.DRIFT, body)

    def propose_rebalancing(self, context: TaskContext) -> TaskReport:
        """Trades that bring every portfolio back to target, priced at the latest closes, dated today."""

        def body(record: PortfolioRecord, marked: PortfolioMark, closes: _Closes) -> Mapping[str, Any]:
            return rebalancing.as_body(rebalancing.propose_rebalancing(record.portfolio, marked, record.lots, closes, context.session_date))

        return self._per_portfolio(context, RecordKind.REBALANCING, body)

    def find_tax_losses(self, context: TaskContext) -> TaskReport:
        """Losses that every taxable portfolio could take today, next to today's proposals of its whole household.

        Raises:
            DaymarkError: no household could be looked at, the first reason why.
        """
        universe = Universe(self._book)
        closes = self._desk.marking_closes(context.price_session, universe.priced(context.price_session))
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                proposals = {
                    proposal.subject: proposal.body
                    for proposal in self._records.find(tenant, context.session_date, RecordKind.REBALANCING, phase=context.run.phase.value)
                }
                households: dict[str, list[PortfolioRecord]] = defaultdict(list)
                for record in universe.records(tenant):
                    households[record.portfolio.household_id].append(record)
                rows, candidates = [], 0
                for household_id, household in sorted(households.items()):
                    with work.on(tenant, household_id):
                        found = tax_losses.find_tax_losses(
                            household,
                            closes,
                            context.session_date,
                            context.price_session,
                            planned=_planned_purchases(household, proposals, context.session_date),
                            being_sold=_being_sold(household, proposals),
                        )
                        candidates += sum(len(losses.candidates) for losses in found.values())
                        rows += [
                            context.record(tenant, RecordKind.TAX_LOSSES, portfolio_id, tax_losses.as_body(losses))
                            for portfolio_id, losses in found.items()
                        ]
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows), candidates=candidates)
        return work.report(saved, as_of=context.price_session.isoformat())

    def _per_portfolio(
        self,
        context: TaskContext,
        kind: RecordKind,
        body: Callable[[PortfolioRecord, PortfolioMark, _Closes], Mapping[str, Any]],
    ) -> TaskReport:
        instruments = self._book.instruments()
        universe = Universe(self._book)
        closes = self._desk.marking_closes(context.price_session, universe.priced(context.price_session))
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                rows = []
                for record in universe.records(tenant):
                    with work.on(tenant, record.portfolio.portfolio_id):
                        marked = mark(record, closes, instruments, context.price_session)
                        rows.append(context.record(tenant, kind, marked.portfolio_id, body(record, marked, closes)))
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows))
        return work.report(saved, as_of=context.price_session.isoformat())


def _proposal(record: PortfolioRecord, proposals: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    portfolio_id = record.portfolio.portfolio_id
    if portfolio_id not in proposals:
        raise NotFound(f"{portfolio_id} has no rebalancing proposal of today, so its purchases are not known", field="rebalancing")
    return proposals[portfolio_id]


def _planned_purchases(
    household: Sequence[PortfolioRecord], proposals: Mapping[str, Mapping[str, Any]], on: date
) -> list[tax_losses.PlannedPurchase]:
    return [
        tax_losses.PlannedPurchase(record.portfolio.portfolio_id, trade["instrument_id"], on, "today's rebalancing")
        for record in household
        for trade in _proposal(record, proposals)["trades"]
        if trade["side"] == rebalancing.Side.BUY
    ]


def _being_sold(household: Sequence[PortfolioRecord], proposals: Mapping[str, Mapping[str, Any]]) -> set[tuple[str, str]]:
    return {
        (record.portfolio.portfolio_id, part["lot_id"])
        for record in household
        for trade in _proposal(record, proposals)["trades"]
        for part in trade["lots"]
    }
