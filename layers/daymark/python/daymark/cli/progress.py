"""Live progress of the day: a table on a terminal, a line per finished phase elsewhere."""

from __future__ import annotations

from datetime import date
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from daymark.operations.models import OperationPhase, OperationSummary, RunStatus, TaskResult, TaskStatus

MARKS = {
    TaskStatus.PENDING: ("·", "dim"),
    TaskStatus.RUNNING: ("▸", "cyan"),
    TaskStatus.RETRYING: ("↻", "yellow"),
    TaskStatus.SUCCEEDED: ("✓", "green"),
    TaskStatus.FAILED: ("✗", "red"),
    TaskStatus.SKIPPED: ("–", "yellow"),
}
RUN_STYLES = {RunStatus.RUNNING: "cyan", RunStatus.SUCCEEDED: "green", RunStatus.DEGRADED: "yellow", RunStatus.FAILED: "red"}


class DayProgress:
    """Shows summaries of the day's runs as they change."""

    def __init__(self, console: Console, session_date: date) -> None:
        self._console = console
        self._session_date = session_date
        self._runs: dict[OperationPhase, OperationSummary] = {}
        self._live = Live(console=console, refresh_per_second=8, transient=True) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, summary: OperationSummary) -> None:
        """Take the newest state of one run."""
        before = self._runs.get(summary.run.phase)
        self._runs[summary.run.phase] = summary
        if self._live is not None:
            self._live.update(self._table())
        elif summary.status is not RunStatus.RUNNING and (before is None or before.status is RunStatus.RUNNING):
            self._console.print(f"{summary.run.phase:<13} {summary.status:<10} {_finished(summary)} tasks", highlight=False)

    def note(self, line: str) -> None:
        """Print a line above what moves."""
        self._console.print(f"[dim]·[/] {escape(line)}", highlight=False)

    def _table(self) -> Table:
        table = Table(title=f"Trading day {self._session_date}", title_justify="left", box=None, padding=(0, 2))
        table.add_column("Phase")
        table.add_column("Tasks")
        table.add_column("", justify="right")
        for phase in OperationPhase:
            summary = self._runs.get(phase)
            if summary is None:
                table.add_row(Text(phase, style="dim"), "", "")
            else:
                tasks = Text("  ").join(_task(task) for task in summary.tasks)
                table.add_row(Text(phase, style=RUN_STYLES[summary.status]), tasks, _finished(summary))
        return table


def _task(task: TaskResult) -> Text:
    mark, style = MARKS[task.status]
    return Text(f"{mark} {task.task}", style=style)


def _finished(summary: OperationSummary) -> str:
    return f"{sum(task.status.is_final for task in summary.tasks)}/{len(summary.tasks)}"
