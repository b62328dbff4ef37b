"""Report tasks: every client's report and the day's operations report, drawn, filed and recorded with their digests.

A file stands under a key of its own for good, and each attempt of the phase files its own. The same records draw the same bytes,
so a repeated try is a repeat and not a conflict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from daymark.book.models import PortfolioRecord
from daymark.book.performance import PerformanceHistory, performance_history
from daymark.book.ports import BookStore, DayRecords, MarkStore, RecordKind
from daymark.core.errors import InvalidInput, NotFound, NotPublished, QualityBlocked
from daymark.core.instruments import Instrument
from daymark.core.numbering import key_number
from daymark.core.tenancy import SHARED_TENANT
from daymark.market_data.models import PricePanel
from daymark.market_data.price_desk import PriceDesk
from daymark.operations.catalogue import Catalogue, trading_day
from daymark.operations.client_report import ClientDay, client_report
from daymark.operations.day_results import Results, latest_results
from daymark.operations.models import OperationSummary, RunId, TaskReport
from daymark.operations.operations_report import operations_report
from daymark.operations.ports import Documents, ReportRenderer, RunJournal
from daymark.operations.reporting import Report
from daymark.operations.summary import summarise
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork
from daymark.operations.tasks.universe import ever_held

# Two years of sessions, as many as the overnight risk looks back on.
HISTORY_SESSIONS = 505
OPERATIONS_REPORT = "publish_operations_report"


class ReportTasks:
    """The tasks of the function ``publish_reports``."""

    def __init__(
        self,
        desk: PriceDesk,
        book: BookStore,
        marks: MarkStore,
        records: DayRecords,
        journal: RunJournal,
        documents: Documents,
        renderer: ReportRenderer,
        catalogue: Catalogue | None = None,
    ) -> None:
        self._desk, self._book, self._marks, self._records = desk, book, marks, records
        self._journal, self._documents, self._renderer = journal, documents, renderer
        self._catalogue = catalogue or trading_day()

    def publish_client_reports(self, context: TaskContext) -> TaskReport:
        """Draw and file the report of every portfolio that was marked today; a record follows its two files."""
        instruments = self._book.instruments()
        work, saved = TenantWork(), 0
        for tenant in self._book.tenants():
            with work.on(tenant):
                records = self._book.records(tenant)
                panel = self._panel(context, ever_held(records, context.session_date) & instruments.keys())
                results = latest_results(self._records.find(tenant, context.session_date))
                households = {household.household_id: household.name for household in self._book.households(tenant)}
                rows = []
                for record in records:
                    portfolio_id = record.portfolio.portfolio_id
                    with work.on(tenant, portfolio_id):
                        day = self._client_day(context, record, instruments, households, results, panel)
                        if day.no_history is not None:
                            work.notice("a report has no history: a close is missing, or a result was earned on no capital")
                        body = self._file(context, client_report(day), tenant, portfolio_id)
                        rows.append(context.record(tenant, RecordKind.REPORT, portfolio_id, body))
                self._records.save(rows, context.fence)
                saved += len(rows)
                work.tell(tenant, reports=len(rows))
        return work.report(saved)

    def publish_operations_report(self, context: TaskContext) -> TaskReport:
        """Draw and file what the day's phases did, up to what this task waits for: the rest is still going on."""
        results = latest_results(self._records.find(SHARED_TENANT, context.session_date))
        runs = [self._summary(run) for run in self._latest_runs(context)]
        report = operations_report(
            context.session_date,
            [*runs, self._own_phase(context)],
            *(results[WHOLE, kind].body if (WHOLE, kind) in results else None for kind in (RecordKind.PRICE_QUALITY, RecordKind.REGIME)),
        )
        body = self._file(context, report, SHARED_TENANT, "operations")
        self._records.save([context.record(SHARED_TENANT, RecordKind.REPORT, WHOLE, body)], context.fence)
        return TaskReport({"saved": 1, "phases": len(runs) + 1})

    def _panel(self, context: TaskContext, instrument_ids: Collection[str]) -> PricePanel:
        """The closes that histories are drawn from; an instrument that lacks them costs its holders the history, nobody a report.

        Raises:
            QualityBlocked: the session's closes as a whole may not be used.
        """
        wanted = set(instrument_ids)
        while True:
            try:
                return self._desk.panel(sorted(wanted), context.session_date, HISTORY_SESSIONS)
            except QualityBlocked as blocked:
                if blocked.field not in wanted:
                    raise
                wanted.remove(blocked.field)

    def _client_day(
        self,
        context: TaskContext,
        record: PortfolioRecord,
        instruments: Mapping[str, Instrument],
        households: Mapping[str, str],
        results: Results,
        panel: PricePanel,
    ) -> ClientDay:
        portfolio = record.portfolio
        mark = self._marks.mark(portfolio.tenant, portfolio.portfolio_id, context.session_date)
        if mark is None:
            raise NotFound(f"{portfolio.portfolio_id} was not marked on {context.session_date}", field="mark")
        history, no_history = _history(record, panel)
        return ClientDay(
            portfolio=portfolio,
            household_name=households.get(portfolio.household_id, portfolio.household_id),
            session_date=context.session_date,
            mark=mark,
            instruments=instruments,
            bodies={kind: found.body for (subject, kind), found in results.items() if subject == portfolio.portfolio_id},
            sessions=history.sessions if history else (),
            values=tuple(history.values.tolist()) if history else (),
            drawdowns=tuple(history.drawdowns.tolist()) if history else (),
            no_history=no_history,
        )

    def _file(self, context: TaskContext, report: Report, tenant: str, name: str) -> Mapping[str, Any]:
        html, pdf = self._renderer.render(report)
        stem = f"reports/{tenant}/{context.session_date.isoformat()}/{key_number(context.run.attempt, 'attempt')}/{name}"
        self._documents.put(f"{stem}.html", html, "text/html; charset=utf-8", context.fence)
        self._documents.put(f"{stem}.pdf", pdf, "application/pdf", context.fence)
        digests = {"sha256_html": hashlib.sha256(html).hexdigest(), "sha256_pdf": hashlib.sha256(pdf).hexdigest()}
        return {"html": f"{stem}.html", "pdf": f"{stem}.pdf", **digests}

    def _latest_runs(self, context: TaskContext) -> Sequence[RunId]:
        """The latest attempt of every other phase of the day, in phase order."""
        latest = {run.phase: run for run in self._journal.runs(context.session_date)}
        return [run for phase, run in latest.items() if phase is not context.run.phase]

    def _summary(self, run: RunId) -> OperationSummary:
        return summarise(run, self._catalogue.tasks(run.phase), self._journal.read(run))

    def _own_phase(self, context: TaskContext) -> OperationSummary:
        """This very run, cut down to the tasks that this one waits for: they are final, so a second try tells the same."""
        summary = self._summary(context.run)
        definitions = self._catalogue.tasks(context.run.phase)
        final, waiting = set[str](), [OPERATIONS_REPORT]
        while waiting:
            before = set(definitions[waiting.pop()].after) - final
            final |= before
            waiting += before
        return replace(summary, ended_at=None, tasks=tuple(task for task in summary.tasks if task.task in final))


def _history(record: PortfolioRecord, panel: PricePanel) -> tuple[PerformanceHistory | None, str | None]:
    """The portfolio's history since it was first funded, or why its books or prices allow none."""
    booked = [entry.booked for entry in record.cash] + [lot.acquired for lot in record.lots]
    start = next((place for place, day in enumerate(panel.sessions) if booked and day >= min(booked)), len(panel.sessions))
    since = PricePanel(panel.sessions[start:], panel.instrument_ids, panel.closes[start:], panel.labels)
    try:
        return performance_history(record, since), None
    except (InvalidInput, NotPublished) as reason:
        return None, reason.message
