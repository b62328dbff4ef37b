"""The reconciliation task: every portfolio's mark of the session against the custodian's statement file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from daymark.book.models import Portfolio, PortfolioMark
from daymark.book.ports import BookStore, DayRecord, DayRecords, MarkStore, RecordKind
from daymark.core.errors import NotFound
from daymark.operations.custodian_statement import Statement, parse_statement, statements_prefix
from daymark.operations.models import TaskReport
from daymark.operations.ports import Documents
from daymark.operations.reconciliation import Break, Reconciliation, reconcile
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork


class ReconciliationTasks:
    """The task of the function ``reconcile_holdings``."""

    def __init__(self, book: BookStore, marks: MarkStore, documents: Documents, records: DayRecords) -> None:
        self._book, self._marks, self._documents, self._records = book, marks, documents, records

    def reconcile_custodian(self, context: TaskContext) -> TaskReport:
        """Compare every tenant's marks with its newest statement; a tenant without one or with a bad header fails by itself.

        A record under the subject ``"-"`` names the statement and tells what belongs to no portfolio: unreadable lines and accounts
        nobody has. It is left without them too, so that a corrected statement takes back what the one before had wrong.
        """
        instruments = self._book.instruments()
        work, saved = TenantWork(), 0
        for tenant in self._book.tenants():
            with work.on(tenant):
                key = self._newest_statement(context, tenant)
                statement = parse_statement(self._documents.get(key), context.session_date)
                book: list[tuple[Portfolio, PortfolioMark]] = []
                for portfolio in self._book.portfolios(tenant):
                    with work.on(tenant, portfolio.portfolio_id):
                        book.append((portfolio, self._mark(context, portfolio)))
                result = reconcile(book, statement, instruments, context.session_date)
                rows = _records(context, tenant, result, statement, key)
                self._records.save(rows, context.fence)
                saved += len(rows)
                kinds = Counter(found.kind.value for one in result.portfolios for found in one.breaks)
                kinds.update(found.kind.value for found in result.homeless)
                work.tell(
                    tenant,
                    portfolios=len(result.portfolios),
                    matched=sum(one.matched for one in result.portfolios),
                    breaks=dict(sorted(kinds.items())),
                    quarantined_lines=len(statement.quarantined),
                )
                for _ in statement.quarantined:
                    work.notice("statement lines could not be read and are quarantined")
        return work.report(saved)

    def _newest_statement(self, context: TaskContext, tenant: str) -> str:
        delivered = self._documents.keys(statements_prefix(tenant, context.session_date))
        if not delivered:
            raise NotFound(f"the custodian has delivered no statement for {context.session_date}", field="statement")
        return delivered[-1]

    def _mark(self, context: TaskContext, portfolio: Portfolio) -> PortfolioMark:
        found = self._marks.mark(portfolio.tenant, portfolio.portfolio_id, context.session_date)
        if found is None:
            raise NotFound(f"{portfolio.portfolio_id} was not marked on {context.session_date}", field="mark")
        return found


def _records(context: TaskContext, tenant: str, result: Reconciliation, statement: Statement, key: str) -> list[DayRecord]:
    bodies: dict[str, Mapping[str, Any]] = {
        one.portfolio_id: {"matched": one.matched, "breaks": [_plain(found) for found in one.breaks]} for one in result.portfolios
    }
    bodies[WHOLE] = {
        "matched": 0,
        "breaks": [_plain(found) for found in result.homeless],
        "quarantined": [{"line": line.line, "field": line.field, "reason": line.reason} for line in statement.quarantined],
        "statement": key,
    }
    return [context.record(tenant, RecordKind.RECONCILIATION, subject, body) for subject, body in bodies.items()]


def _plain(found: Break) -> Mapping[str, Any]:
    return {
        "kind": found.kind.value,
        "instrument_id": found.instrument_id,
        "ours": found.ours,
        "custodian": found.custodian,
        "detail": found.detail,
    }
