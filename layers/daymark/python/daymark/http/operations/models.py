"""What the operations routes answer with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from daymark.http.parameters import CalendarDate
from daymark.http.values import AmountText
from daymark.operations.models import OperationPhase, OperationSummary, RunId, RunStatus, TaskPriority, TaskResult, TaskStatus

MaySee = Callable[[str], bool]


class TaskBody(BaseModel):
    """Where a task stands."""

    task: str
    title: str
    priority: TaskPriority
    status: TaskStatus
    tries: int
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: float | None
    measures: dict[str, Any] = Field(description="What the task says of itself.")
    by_tenant: dict[str, dict[str, Any]] = Field(description="What it says of the tenants whose operations you may see.")
    warnings: list[str]
    error: dict[str, Any] | None = Field(description="Why it failed: code, message, field and context.")
    reason: str | None = Field(description="Why it was skipped.")

    @classmethod
    def of(cls, result: TaskResult, may_see: MaySee) -> Self:
        """From a task's result, keeping only the tenants that ``may_see`` lets through."""
        return cls(
            task=result.task,
            title=result.title,
            priority=result.priority,
            status=result.status,
            tries=result.tries,
            started_at=result.started_at,
            ended_at=result.ended_at,
            duration_ms=result.duration_ms,
            measures=dict(result.report.measures),
            by_tenant={tenant: dict(part) for tenant, part in result.report.by_tenant.items() if may_see(tenant)},
            warnings=list(result.report.warnings),
            error=None if result.error is None else dict(result.error),
            reason=result.reason,
        )


class RunBody(BaseModel):
    """A run of one phase."""

    run_id: str = Field(examples=["2018-02-05/MARKET_CLOSE#1"])
    session_date: date
    phase: OperationPhase
    attempt: int
    status: RunStatus
    opened_at: datetime
    ended_at: datetime | None
    duration_ms: float | None
    success_rate: float = Field(description="Succeeded tasks over all tasks.")
    transitions: int = Field(description="Lines of the run's journal.")

    @classmethod
    def of(cls, summary: OperationSummary) -> Self:
        """From a run's summary, without its tasks."""
        return cls(
            run_id=str(summary.run),
            session_date=summary.run.session_date,
            phase=summary.run.phase,
            attempt=summary.run.attempt,
            status=summary.status,
            opened_at=summary.opened_at,
            ended_at=summary.ended_at,
            duration_ms=summary.duration_ms,
            success_rate=summary.success_rate,
            transitions=summary.transitions,
        )


class PhaseBody(RunBody):
    """A run with its tasks."""

    tasks: list[TaskBody]

    @classmethod
    def with_tasks(cls, summary: OperationSummary, may_see: MaySee) -> Self:
        """From a run's summary."""
        run = RunBody.of(summary).model_dump()
        return cls(**run, tasks=[TaskBody.of(result, may_see) for result in summary.tasks])


class RunList(BaseModel):
    """Every run of a day."""

    items: list[RunBody]


class TaskList(BaseModel):
    """Every task of a run."""

    items: list[TaskBody]


class StartRun(BaseModel):
    """Start a phase by hand."""

    model_config = ConfigDict(extra="forbid")

    session_date: CalendarDate
    phase: OperationPhase
    dry_run: bool = Field(default=False, description="Say what would run, and start nothing.", strict=True)


class JobBody(BaseModel):
    """Work that was accepted and goes on by itself."""

    job_id: str = Field(description="The same for every repeat of the call.", examples=["2018-02-05_MARKET_CLOSE_2"])
    run_id: str
    session_date: date
    phase: OperationPhase
    attempt: int
    dry_run: bool
    status_url: str = Field(description="Where the run can be followed.")
    redo: str | None = Field(description="The task done anew; what succeeded and does not depend on it is kept.")
    waves: list[list[str]] | None = Field(description="Of a dry run: the tasks in the order they would start.")

    @classmethod
    def of(cls, run: RunId, redo: str | None = None, waves: Sequence[Sequence[str]] | None = None) -> Self:
        """The job that drives a run; with ``waves``, the rehearsal of one."""
        return cls(
            job_id=run.execution_name,
            run_id=str(run),
            session_date=run.session_date,
            phase=run.phase,
            attempt=run.attempt,
            dry_run=waves is not None,
            status_url=f"/v1/operations/runs/{run.session_date}/{run.phase}?attempt={run.attempt}",
            redo=redo,
            waves=None if waves is None else [list(wave) for wave in waves],
        )


class ReportBody(BaseModel):
    """A published report."""

    session_date: date
    subject: str = Field(description="A portfolio's id, or `operations`.")
    attempt: int = Field(description="The attempt of its phase that published it; a later one restates an earlier one.")
    sha256_html: str
    sha256_pdf: str


class ReportLinksBody(ReportBody):
    """A report and where to read it, for a few minutes."""

    html: str
    pdf: str
    expires_in_seconds: int


class PortfolioDayBody(BaseModel):
    """One portfolio's day. A figure is null until the phase that makes it has run."""

    model_config = ConfigDict(populate_by_name=True)

    tenant: str
    portfolio_id: str
    name: str
    value: AmountText | None = Field(description="Value at the close.")
    pnl: AmountText | None = Field(description="Profit and loss of the day.")
    restatement: AmountText | None = Field(description="What corrections changed in the value reported at the previous close.")
    attempt: int | None = Field(description="The attempt of the close that value and result are of.")
    day_return: float | None = Field(alias="return", description="Return of the day, a fraction.")
    benchmark_return: float | None
    var_95: float | None = Field(description="Overnight value at risk, 95%, a fraction of value; a loss is positive.")
    var_99: float | None
    var_99_amount: AmountText | None
    es_99_amount: AmountText | None = Field(description="Overnight expected shortfall, 99%.")
    largest_drift: float | None = Field(description="Farthest weight from target at the close, else at the last close.")
    proposed_trades: int | None
    tax_loss_candidates: int | None
    limit_breaches: int | None
    breaks: int | None = Field(description="Differences from the custodian's statement.")
    has_report: bool


class DayBody(BaseModel):
    """A trading day in one document: of its phases and portfolios, what you may see."""

    session_date: date
    data_label: str = Field(description="What the prices truly are.")
    phases: list[PhaseBody] = Field(description="The latest run of each phase; empty for clients.")
    portfolios: list[PortfolioDayBody]
