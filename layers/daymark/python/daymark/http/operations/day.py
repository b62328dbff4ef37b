"""The day as one document: each figure from the record that the day's own task left behind, none computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from daymark.book.models import Portfolio
from daymark.book.ports import DayRecords, RecordKind
from daymark.http.operations.models import PortfolioDayBody
from daymark.operations.day_results import Results, latest_results

DATA_LABEL = (
    "Stocks: real adjusted daily closes. Bonds: synthetic, priced from published monthly yields. "
    "Holders, holdings and custodian statements: synthetic sample."
)


def portfolio_days(portfolios: Sequence[Portfolio], records: DayRecords, session_date: date) -> list[PortfolioDayBody]:
    """One row per portfolio, in the order given; each tenant's records are read once."""
    tenants = dict.fromkeys(portfolio.tenant for portfolio in portfolios)
    results = {tenant: latest_results(records.find(tenant, session_date)) for tenant in tenants}
    return [_row(portfolio, results[portfolio.tenant]) for portfolio in portfolios]


def _row(portfolio: Portfolio, results: Results) -> PortfolioDayBody:
    def body(kind: RecordKind) -> Mapping[str, Any]:
        found = results.get((portfolio.portfolio_id, kind))
        return {} if found is None else found.body

    def count(kind: RecordKind, member: str) -> int | None:
        rows = body(kind).get(member)
        return None if rows is None else len(rows)

    result, risk = body(RecordKind.PROFIT_AND_LOSS), body(RecordKind.OVERNIGHT_RISK)
    valued = results.get((portfolio.portfolio_id, RecordKind.PROFIT_AND_LOSS))
    return PortfolioDayBody(
        tenant=portfolio.tenant,
        portfolio_id=portfolio.portfolio_id,
        name=portfolio.name,
        value=result.get("value", risk.get("value")),
        pnl=result.get("pnl"),
        restatement=result.get("restatement"),
        attempt=None if valued is None else valued.attempt,
        day_return=result.get("return"),
        benchmark_return=body(RecordKind.BENCHMARK).get("benchmark_return"),
        var_95=risk.get("var_95"),
        var_99=risk.get("var_99"),
        var_99_amount=risk.get("var_99_amount"),
        es_99_amount=risk.get("es_99_amount"),
        largest_drift=body(RecordKind.DRIFT).get("largest_drift"),
        proposed_trades=count(RecordKind.REBALANCING, "trades"),
        tax_loss_candidates=count(RecordKind.TAX_LOSSES, "candidates"),
        limit_breaches=count(RecordKind.LIMITS, "breaches"),
        breaks=count(RecordKind.RECONCILIATION, "breaks"),
        has_report=(portfolio.portfolio_id, RecordKind.REPORT) in results,
    )
