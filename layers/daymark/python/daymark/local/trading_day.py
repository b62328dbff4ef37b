"""Drives one trading day through the deployed state machines and follows it until the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import boto3

from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client, s3_client, stepfunctions_client
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.errors import translated
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.s3.documents import S3Documents
from daymark.adapters.stepfunctions import StepFunctionsPhaseStarter
from daymark.book.ports import DayRecords, RecordKind
from daymark.core.errors import DaymarkError, NotASession, Unavailable
from daymark.core.sessions import Calendar
from daymark.core.tenancy import SHARED_TENANT
from daymark.http.operations.day import portfolio_days
from daymark.http.operations.models import PhaseBody
from daymark.local.custodian_feed import deliver_statements
from daymark.local.live_day import LiveDay, LiveStores
from daymark.local.live_result import LiveResult
from daymark.local.seeding import FIRST_SESSION, LAST_SESSION
from daymark.local.workspace import REGION, Workspace
from daymark.operations.catalogue import trading_day
from daymark.operations.journal import fold
from daymark.operations.models import OperationPhase, OperationSummary, RunId, RunStatus, TaskPriority, TaskStatus
from daymark.operations.ports import Documents
from daymark.operations.summary import summarise

DEFAULT_DATE = date(2018, 2, 5)
DATA_LABEL = (
    "Real: adjusted daily closes of 20 US stocks, S&P 500, VIX, Aaa and Baa yields. Synthetic: bonds priced from those yields, "
    "the sample book, its people and the custodian's statements."
)
POLL_SECONDS = 0.2
PHASE_SECONDS = 900.0


class DayFailed(DaymarkError):
    """A phase of the day failed; the context names phase, task and reason."""

    code = "day_failed"


class TradingDay:
    """One workspace's trading days."""

    def __init__(self, workspace: Workspace) -> None:
        outputs = workspace.outputs()
        dynamodb = dynamodb_client(REGION)
        self._workspace = workspace
        self._book = DynamoBookStore(outputs["BookTable"], dynamodb)
        self._records = DynamoDayRecords(outputs["OperationsTable"], dynamodb)
        self._journal = DynamoRunJournal(outputs["OperationsTable"], dynamodb)
        self._ledger = DynamoFenceLedger(outputs["FenceTable"], dynamodb)
        self._documents = S3Documents(outputs["DocumentsBucket"], s3_client(REGION), self._ledger)
        self._starter = StepFunctionsPhaseStarter(json.loads(outputs["PhaseMachines"]), stepfunctions_client(REGION))
        self._live: dict[date, LiveResult] = {}

    @staticmethod
    def refuse_unless_runnable(session_date: date) -> None:
        """Refuse a date that is no session, or that the data do not cover.

        Raises:
            NotASession: the message says why; the context names the nearest sessions that can be run.
        """
        calendar = Calendar.exchange()
        if FIRST_SESSION <= session_date <= LAST_SESSION:
            calendar.session(session_date)
            return
        nearest = FIRST_SESSION if session_date < FIRST_SESSION else LAST_SESSION
        raise NotASession(
            f"{session_date} has no prices with enough history: sessions from {FIRST_SESSION} to {LAST_SESSION} can be run",
            field="date",
            nearest=nearest.isoformat(),
        )

    def run(
        self,
        session_date: date,
        phases: Sequence[OperationPhase],
        progress: Callable[[OperationSummary], None],
        tell: Callable[[str], None] = lambda _line: None,
    ) -> list[OperationSummary]:
        """Run the phases in order: see :meth:`_run`; says what to do where the cloud stops answering on the way.

        Raises:
            DayFailed: a phase failed or did not end in time.
            Unavailable: the cloud stopped answering.
        """
        try:
            return self._run(session_date, phases, progress, tell)
        except Unavailable as lost:
            again = "`daymark up` brings the cloud back, and the same command then goes on where it stopped"
            raise Unavailable(f"{lost.message}: {again}", endpoint=self._workspace.endpoint) from lost

    def _run(
        self,
        session_date: date,
        phases: Sequence[OperationPhase],
        progress: Callable[[OperationSummary], None],
        tell: Callable[[str], None],
    ) -> list[OperationSummary]:
        """Run the phases in order, each as a new attempt if an earlier one has ended; an interrupted attempt is resumed.

        Where some of them, from the first on, have ended and the rest have not, the day was interrupted: it goes on there.
        Phases from the open to the close are accompanied by the session's synthetic ticks; ``tell`` takes lines about these.

        Raises:
            DayFailed: a phase failed or did not end in time.
        """
        summaries = self._done_before(session_date, phases)
        for summary in summaries:
            progress(summary)
        live = self._live_day(session_date, phases, tell)
        try:
            for phase in phases[len(summaries) :]:
                if phase is OperationPhase.POST_MARKET:
                    deliver_statements(self._book, self._workspace.outputs()["PricesBucket"], self._documents, self._ledger, session_date)
                if live is not None:
                    live.before(phase)
                summary = self._run_phase(session_date, phase, progress, tell)
                summaries.append(summary)
                if summary.status is RunStatus.FAILED:
                    raise day_failure(summary) or DayFailed(f"{phase} failed", phase=phase.value)
                if live is not None:
                    live.after(phase)
        finally:
            if live is not None:
                live.stop()
                if live.result is not None:
                    self._live[session_date] = live.result
        tenants = [*self._book.tenants(), SHARED_TENANT]
        copy_reports(tenants, self._records, self._documents, session_date, self._workspace.documents)
        return summaries

    def live(self, session_date: date) -> LiveResult | None:
        """What the live path came to beside the phases that were run here; ``None`` where no ticks accompany them."""
        return self._live.get(session_date)

    def _live_day(self, session_date: date, phases: Sequence[OperationPhase], tell: Callable[[str], None]) -> LiveDay | None:
        """The live path beside phases from the open to the close; a single phase has none, nor has an older deployment."""
        if OperationPhase.MARKET_OPEN not in phases or OperationPhase.MARKET_CLOSE not in phases:
            return None
        stores = LiveStores.deployed(self._workspace.outputs(), self._book, self._records)
        return None if stores is None else LiveDay(stores, session_date, tell)

    def _done_before(self, session_date: date, phases: Sequence[OperationPhase]) -> list[OperationSummary]:
        """What the phases from the first on came to, up to the one where an interrupted day goes on; nothing if all or none ended."""
        done: list[OperationSummary] = []
        for phase in phases:
            latest = self._journal.latest(session_date, phase)
            summary = None if latest is None else self._summary(latest)
            if summary is None or summary.status in (RunStatus.RUNNING, RunStatus.FAILED):
                return done
            done.append(summary)
        return []

    def document(self, session_date: date) -> dict[str, Any]:
        """The day as one document, across tenants: what an operator of this machine may see."""
        latest = [self._journal.latest(session_date, phase) for phase in OperationPhase]
        summaries = [self._summary(run) for run in latest if run is not None]
        portfolios = [
            {"tenant": tenant} | row.model_dump(mode="json", by_alias=True)
            for tenant in self._book.tenants()
            for row in portfolio_days(self._book.portfolios(tenant), self._records, session_date)
        ]
        return {
            "session_date": session_date.isoformat(),
            "data_label": DATA_LABEL,
            "phases": [PhaseBody.with_tasks(summary, lambda _tenant: True).model_dump(mode="json") for summary in summaries],
            "portfolios": portfolios,
            "live": None if (live := self.live(session_date)) is None else live.as_document(),
        }

    def _run_phase(
        self, session_date: date, phase: OperationPhase, progress: Callable[[OperationSummary], None], tell: Callable[[str], None]
    ) -> OperationSummary:
        run, execution = self._start(session_date, phase, tell)
        deadline = time.monotonic() + PHASE_SECONDS
        machines = boto3.client("stepfunctions")
        while True:
            with translated(f"following {phase}"):
                status = machines.describe_execution(executionArn=execution)
            if self._journal.latest(session_date, phase) == run:
                summary = self._summary(run)
                progress(summary)
                if summary.status is not RunStatus.RUNNING:
                    return summary
            if status["status"] != "RUNNING":
                cause = status.get("cause") or status.get("output") or status["status"]
                raise DayFailed(f"{phase} ended without an outcome: {cause}", phase=phase.value, execution=execution)
            if time.monotonic() > deadline:
                raise DayFailed(f"{phase} did not end within {PHASE_SECONDS:.0f} s", phase=phase.value, execution=execution)
            time.sleep(POLL_SECONDS)

    def _start(self, session_date: date, phase: OperationPhase, tell: Callable[[str], None]) -> tuple[RunId, str]:
        """The phase's first or next attempt, or the one that was interrupted; and the execution that drives it."""
        latest = self._journal.latest(session_date, phase)
        if latest is not None:
            state = fold(latest, trading_day().tasks(phase), self._journal.read(latest))
            if state.is_open:
                tell(f"Resuming {phase}, attempt {latest.attempt}, where it was interrupted")
                return latest, self._starter.resume(latest, state.driver)
        run = RunId(session_date, phase, latest.attempt + 1 if latest else 1)
        return run, self._starter.start(run)

    def _summary(self, run: RunId) -> OperationSummary:
        return summarise(run, trading_day().tasks(run.phase), self._journal.read(run))


def copy_reports(tenants: Sequence[str], records: DayRecords, documents: Documents, session_date: date, folder: Path) -> None:
    """Bring a day's latest reports to where a browser can open them: ``<folder>/<session>/<tenant>/<portfolio>.html`` and ``.pdf``."""
    for tenant in tenants:
        for record in records.find(tenant, session_date, RecordKind.REPORT):
            for kind in ("html", "pdf"):
                key = str(record.body[kind])
                target = folder / session_date.isoformat() / tenant / key.rpartition("/")[2]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(documents.get(key))


def day_failure(summary: OperationSummary) -> DayFailed | None:
    """What kept a run from being whole: the critical task that failed, else the first task that was lost or left a part out."""
    lost = [task for task in summary.tasks if task.status in (TaskStatus.FAILED, TaskStatus.SKIPPED)]
    partial = [task for task in summary.tasks if any("failed" in part for part in task.report.by_tenant.values())]
    # A skipped task names another as its cause, so failures come first; among them what was critical.
    ranked = sorted(lost, key=lambda task: (task.status is TaskStatus.SKIPPED, task.priority is not TaskPriority.CRITICAL))
    task = next(iter([*ranked, *partial]), None)
    if task is None:
        return None
    error: Mapping[str, Any] = task.error or {}
    reason = error.get("message") or task.reason or "; ".join(task.report.warnings) or "part of a tenant's work failed"
    phase = summary.run.phase.value
    return DayFailed(f"{phase}: {task.task}: {reason}", phase=phase, task=task.task, reason=reason)
