"""The operations report: what the day's phases and tasks did, when, and how good the prices were. It holds no client data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from daymark.operations.models import OperationSummary, RunStatus, TaskResult, TaskStatus
from daymark.operations.reporting import (
    NONE,
    Block,
    Cell,
    Column,
    Figure,
    Figures,
    Paragraph,
    Report,
    Section,
    Span,
    Table,
    TimelineChart,
    Tone,
    counted,
    long_date,
    missing,
    numbers,
    percent,
)

STATEMENT = (
    "Stock prices are real adjusted daily closes; bonds are synthetic, priced from published monthly yields. "
    "Times are wall-clock times in UTC."
)
_ALERTS = frozenset({TaskStatus.FAILED, TaskStatus.SKIPPED, RunStatus.FAILED, RunStatus.DEGRADED})


def operations_report(
    session_date: date, runs: Sequence[OperationSummary], quality: Mapping[str, Any] | None, regime: Mapping[str, Any] | None
) -> Report:
    """The report of one day's runs.

    Args:
        session_date: The day.
        runs: Each phase's run, in phase order; of a run that is going on, only tasks that can no longer change.
        quality: Body of the PRICE_QUALITY record, or ``None``.
        regime: Body of the REGIME record, or ``None``.
    """
    return Report(
        kind="Daily operations report",
        title="The trading day",
        subtitle="Phases, tasks and prices",
        session_date=session_date,
        facts=tuple((_phase_name(run), run.status.capitalize()) for run in runs),
        sections=(
            _summary_section(runs),
            *(_phase_section(run) for run in runs),
            _quality_section(quality),
            _regime_section(regime),
        ),
        statement=STATEMENT,
    )


def _summary_section(runs: Sequence[OperationSummary]) -> Section:
    tasks = [task for run in runs for task in run.tasks]
    succeeded = sum(task.status is TaskStatus.SUCCEEDED for task in tasks)
    retries = sum(max(task.tries - 1, 0) for task in tasks)
    lost = len(tasks) - succeeded
    figures = Figures(
        (
            Figure("Phases", str(len(runs)), "of five"),
            Figure("Tasks done", f"{succeeded} of {len(tasks)}", "", Tone.ALERT if lost else Tone.PLAIN),
            Figure("Retries", str(retries)),
            Figure("Time in tasks", _seconds(sum(task.duration_ms or 0.0 for task in tasks)), "added up over all tasks"),
        )
    )
    rows = tuple(
        (
            Cell(task.title or task.task, note=f"{run.run.phase} · {task.task}"),
            _status(task.status),
            Cell(_remark(task)),
        )
        for run in runs
        for task in run.tasks
        if task.status is not TaskStatus.SUCCEEDED
    )
    columns = (Column("Task", share=2.2), Column("Status", share=0.8), Column("Why", share=3.0))
    blocks: tuple[Block, ...] = (figures,)
    if rows:
        blocks = (*blocks, Table(columns, rows))
    lead = f"{counted(lost, 'task')} not done.".capitalize()
    for run in runs:
        if run.status is RunStatus.RUNNING:
            lead += f" {_phase_name(run)} is going on: this report is one of its tasks and tells of those that ended before it."
    return Section("The day", lead, blocks)


def _phase_name(run: OperationSummary) -> str:
    return run.run.phase.replace("_", " ").capitalize()


def _phase_section(run: OperationSummary) -> Section:
    rows = tuple(
        (
            Cell(task.title or task.task, note=task.task),
            Cell(task.priority.capitalize(), Tone.SOFT),
            _status(task.status),
            Cell(str(task.tries)),
            Cell(_clock(task.started_at)),
            Cell(_seconds(task.duration_ms)),
        )
        for task in run.tasks
    )
    columns = (
        Column("Task", share=3.2), Column("Priority", share=1.0), Column("Status", share=1.1), *numbers("Tries", share=0.6),
        *numbers("Began", share=1.0), *numbers("Took", share=0.9),
    )  # fmt: skip
    spans = tuple(
        Span(
            str(run.run.phase),
            task.task,
            (task.started_at - run.opened_at) / timedelta(seconds=1),
            (task.ended_at - run.opened_at) / timedelta(seconds=1),
            str(task.status),
        )
        for task in run.tasks
        if task.started_at is not None and task.ended_at is not None
    )
    notes = tuple(Paragraph(f"{task.title or task.task}: {warning}", Tone.SOFT) for task in run.tasks for warning in task.report.warnings)
    title = _phase_name(run)
    attempt = "" if run.run.attempt == 1 else f", attempt {run.run.attempt}"
    lead = f"Opened {run.opened_at:%Y-%m-%d %H:%M:%S} UTC{attempt}."
    chart = (TimelineChart(spans, f"When the tasks of {title} ran; the table has the times."),) if spans else ()
    return Section(title, lead, (*chart, Table(columns, rows), *notes))


def _status(status: TaskStatus) -> Cell:
    return Cell(status.capitalize(), Tone.ALERT if status in _ALERTS else Tone.PLAIN)


def _remark(task: TaskResult) -> str:
    return str((task.error or {}).get("message") or task.reason or "")


def _clock(instant: datetime | None) -> str:
    return NONE if instant is None else f"{instant:%H:%M:%S}"


def _seconds(milliseconds: float | None) -> str:
    return NONE if milliseconds is None else f"{milliseconds / 1000:,.2f} s"


def _quality_section(body: Mapping[str, Any] | None) -> Section:
    title = "Price quality"
    if body is None:
        return Section(title, "", missing("The price quality gate"))
    rows = tuple(
        (
            Cell(row["instrument_id"]),
            Cell(str(row["defect"]).replace("_", " ")),
            Cell(row["severity"], Tone.ALERT if row["severity"] == "block" else Tone.PLAIN),
            Cell(row["detail"]),
        )
        for row in body["findings"]
    )
    columns = (Column("Instrument"), Column("Defect"), Column("Severity", share=0.8), Column("Detail", share=3.0))
    held = ", ".join(body["quarantined"]) or "none"
    lead = f"{body['instruments']} instruments priced; quarantined: {held}."
    return Section(title, lead, (Table(columns, rows, empty="The gate found nothing."),))


def _regime_section(body: Mapping[str, Any] | None) -> Section:
    title = "Volatility regime"
    if body is None:
        return Section(title, "", missing("The regime"))
    regime, measure, value = str(body["regime"]).capitalize(), body["measure"], percent(body["value"])
    text = f"{regime}: {measure} stood at {value} a year on {long_date(date.fromisoformat(body['as_of']))}."
    return Section(title, "", (Paragraph(text),))
