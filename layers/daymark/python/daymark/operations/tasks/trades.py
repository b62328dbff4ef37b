"""Trade tasks: drift from target, rebalancing proposals, and tax losses that would not wash. Nothing here places an order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from daymark.book.models import PortfolioRecord
from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.core.errors import NotFound
from daymark.market_data.price_desk import PriceDesk
from daymark.operations import drift, rebalancing, tax_losses
from daymark.operations.models import TaskReport
from daymark.operations.proposed_wash_sales import proposed_wash_sales, washed_lots
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.tenant_work import TenantWork
from daymark.operations.tasks.universe import PricedUniverse


class TradeTasks:
    """The tasks of the function ``propose_trades``."""

    def __init__(self, desk: PriceDesk, book: BookStore, records: DayRecords) -> None:
        self._desk, self._book, self._records = desk, book, records

    def measure_drift(self, context: TaskContext) -> TaskReport:
        """Every portfolio's distance from target at the latest closes."""
        universe = PricedUniverse(self._book, self._desk, context.price_session)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                rows = []
                for record in universe.records(tenant):
                    with work.on(tenant, record.portfolio.portfolio_id):
                        marked = universe.mark(record)
                        body = drift.as_body(drift.measure_drift(record.portfolio, marked))
                        rows.append(context.record(tenant, RecordKind.DRIFT, marked.portfolio_id, body))
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows))
        return work.report(saved, as_of=context.price_session.isoformat())

    def propose_rebalancing(self, context: TaskContext) -> TaskReport:
        """Trades that bring every portfolio back to target, priced at the latest closes, dated today, household by household.

        A sale at a loss that a recent purchase of the household would wash, or one proposed today, says so.
        """
        universe = PricedUniverse(self._book, self._desk, context.price_session)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                rows = []
                for household_id, household in _households(universe.records(tenant)):
                    with work.on(tenant, household_id):
                        proposals = self._proposals(context, work, universe, household)
                        washes = proposed_wash_sales(proposals, household, context.price_session, context.session_date)
                        for proposal in proposals:
                            body = rebalancing.as_body(proposal, washes.get(proposal.portfolio_id, ()))
                            rows.append(context.record(tenant, RecordKind.REBALANCING, proposal.portfolio_id, body))
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows))
        return work.report(saved, as_of=context.price_session.isoformat())

    def find_tax_losses(self, context: TaskContext) -> TaskReport:
        """Losses that every taxable portfolio could take today, next to today's proposals of its whole household.

        Raises:
            DaymarkError: no household could be looked at, the first reason why.
        """
        universe = PricedUniverse(self._book, self._desk, context.price_session)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                proposals = {
                    proposal.subject: proposal.body
                    for proposal in self._records.find(tenant, context.session_date, RecordKind.REBALANCING, phase=context.run.phase.value)
                }
                rows, candidates = [], 0
                for household_id, household in _households(universe.records(tenant)):
                    with work.on(tenant, household_id):
                        found = tax_losses.find_tax_losses(
                            household,
                            universe.closes,
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

    @staticmethod
    def _proposals(
        context: TaskContext, work: TenantWork, universe: PricedUniverse, household: Sequence[PortfolioRecord]
    ) -> list[rebalancing.RebalancingProposal]:
        washed = washed_lots(household, context.price_session, context.session_date)
        proposals = []
        for record in household:
            with work.on(record.portfolio.tenant, record.portfolio.portfolio_id):
                marked = universe.mark(record)
                proposals.append(
                    rebalancing.propose_rebalancing(
                        record.portfolio, marked, record.lots, universe.closes, context.session_date, washed=washed
                    )
                )
        return proposals


def _households(records: Sequence[PortfolioRecord]) -> list[tuple[str, list[PortfolioRecord]]]:
    """Records by household, sorted by its id."""
    households: dict[str, list[PortfolioRecord]] = defaultdict(list)
    for record in records:
        households[record.portfolio.household_id].append(record)
    return sorted(households.items())


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
