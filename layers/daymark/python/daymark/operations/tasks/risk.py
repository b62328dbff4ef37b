"""Risk tasks: overnight value at risk and expected shortfall, limits, and the market's volatility regime."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from daymark.book.models import PortfolioMark
from daymark.book.ports import BookStore, DayRecord, DayRecords, RecordKind
from daymark.core.errors import InvalidInput
from daymark.core.money import EXACT, to_cents
from daymark.core.tenancy import SHARED_TENANT
from daymark.market_data.models import FloatArray
from daymark.market_data.price_desk import PriceDesk
from daymark.operations import limits
from daymark.operations.models import TaskReport
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork
from daymark.operations.tasks.universe import PricedUniverse
from daymark.quant.tail_risk import historical_tail, scenario_pnl

SCENARIOS = 504
LEVELS = (0.95, 0.99)
# Beyond the tenth decimal processors differ in the last bit of a sum, and a repeated try must save the same content.
_DECIMALS = 10


class RiskTasks:
    """The tasks of the function ``assess_risk``."""

    def __init__(self, desk: PriceDesk, book: BookStore, records: DayRecords) -> None:
        self._desk, self._book, self._records = desk, book, records

    def assess_overnight_risk(self, context: TaskContext) -> TaskReport:
        """Historical VaR and expected shortfall of every portfolio over the last 504 daily total returns, cash unmoved.

        All portfolios of a tenant go through one matrix product. What they hold now is held against the past moves.
        """
        universe = PricedUniverse(self._book, self._desk, context.price_session)
        needed = universe.priced(context.price_session)
        names = [name for name in universe.instruments if name in needed and name in universe.closes]
        returns = self._desk.returns(names, context.price_session, SCENARIOS)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                marks = []
                for record in universe.records(tenant):
                    with work.on(tenant, record.portfolio.portfolio_id):
                        marked = universe.mark(record)
                        _refuse_without_value(marked)
                        marks.append(marked)
                rows = self._overnight_records(context, marks, names, returns)
                self._records.save(rows, context.fence)
                saved += len(rows)
                worst = max((row.body["var_99"] for row in rows), default=0.0)
                work.tell(tenant, portfolios=len(rows), highest_var_99=worst)
        return work.report(saved, scenarios=len(returns), as_of=context.price_session.isoformat())

    @staticmethod
    def _overnight_records(
        context: TaskContext, marks: Sequence[PortfolioMark], instrument_ids: Sequence[str], returns: FloatArray
    ) -> list[DayRecord]:
        exposures = np.zeros((len(marks), len(instrument_ids)))
        column = {name: place for place, name in enumerate(instrument_ids)}
        for row, marked in enumerate(marks):
            for position in marked.positions:
                # As a fraction of the portfolio; an empty one has no positions and no risk.
                exposures[row, column[position.instrument_id]] = float(position.value / marked.value)
        tail = historical_tail(scenario_pnl(exposures, returns), LEVELS)
        records = []
        for place, marked in enumerate(marks):
            body: dict[str, Any] = {
                "value": str(marked.value),
                "sessions": len(returns),
                "as_of": context.price_session.isoformat(),
            }
            for level, (var, shortfall) in enumerate(zip(tail.var[:, place], tail.shortfall[:, place], strict=True)):
                for name, loss in ((f"var_{LEVELS[level]:.0%}", var), (f"es_{LEVELS[level]:.0%}", shortfall)):
                    fraction = round(float(loss), _DECIMALS) + 0.0
                    body[name.rstrip("%")] = fraction
                    body[f"{name.rstrip('%')}_amount"] = str(to_cents(EXACT.multiply(Decimal(repr(fraction)), marked.value)))
            records.append(context.record(marked.tenant, RecordKind.OVERNIGHT_RISK, marked.portfolio_id, body))
        return records

    def check_limits(self, context: TaskContext) -> TaskReport:
        """Position and sector limits of every portfolio at the latest closes."""
        universe = PricedUniverse(self._book, self._desk, context.price_session)
        work, saved = TenantWork(), 0
        for tenant in universe.tenants:
            with work.on(tenant):
                rows, breaches = [], 0
                for record in universe.records(tenant):
                    with work.on(tenant, record.portfolio.portfolio_id):
                        marked = universe.mark(record)
                        check = limits.check_limits(record.portfolio, marked, universe.instruments)
                        breaches += len(check.breaches)
                        rows.append(context.record(tenant, RecordKind.LIMITS, marked.portfolio_id, limits.as_body(check)))
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, portfolios=len(rows), breaches=breaches)
        return work.report(saved, as_of=context.price_session.isoformat())

    def classify_regime(self, context: TaskContext) -> TaskReport:
        """The volatility regime at the latest close."""
        document = self._desk.regime(context.price_session).as_document()
        self._records.save([context.record(SHARED_TENANT, RecordKind.REGIME, WHOLE, document)], context.fence)
        return TaskReport(document)


def _refuse_without_value(marked: PortfolioMark) -> None:
    if marked.value < 0 or (marked.value == 0 and marked.positions):
        raise InvalidInput(f"a portfolio worth {marked.value} has no risk as a fraction of its value", field="value")
