"""Daily operations in a notebook's few lines: a small catalogue, memory adapters, one phase with a try that fails first.

Run: ``python examples/operations.py``
"""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.clock import WallClock
from daymark.core.errors import Unavailable
from daymark.core.sessions import Calendar
from daymark.operations import DailyOperationsManager, OperationPhase, OperationSummary, RunId, TaskPriority
from daymark.operations.catalogue import Catalogue
from daymark.operations.cycle import PhaseCycle
from daymark.operations.models import TaskCommand, TaskDefinition, TaskReport

PHASE = OperationPhase.MARKET_CLOSE
SESSION = date(2018, 2, 5)


def catalogue() -> Catalogue:
    """Load and check prices, then mark; publishing a note may fail without failing the phase."""

    def task(name: str, priority: TaskPriority, *after: str) -> TaskDefinition:
        return TaskDefinition(name, PHASE, "example", priority, after, timedelta(seconds=30), title=name.replace("_", " "))

    return Catalogue(
        [
            task("load_prices", TaskPriority.CRITICAL),
            task("mark_portfolios", TaskPriority.CRITICAL, "load_prices"),
            task("check_limits", TaskPriority.HIGH, "mark_portfolios"),
            task("publish_note", TaskPriority.LOW, "mark_portfolios"),
        ]
    )


def perform(command: TaskCommand) -> TaskReport:
    """The work: the price service answers only the second time, so one retry is seen."""
    if command.task == "load_prices" and command.try_number == 1:
        raise Unavailable("the price service did not answer")
    return TaskReport(measures={"try": command.try_number})


async def run() -> OperationSummary:
    """Rehearse the phase, then run it."""
    cycle = PhaseCycle(catalogue(), MemoryRunJournal(), MemoryFenceLedger(), WallClock(), Calendar.exchange(), "us-east-1")
    manager = DailyOperationsManager(cycle, perform)
    for number, wave in enumerate(await manager.dry_run(RunId(SESSION, PHASE)), start=1):
        print(f"wave {number}: {', '.join(wave)}")
    return await manager.run_phase(PHASE, SESSION)


def main() -> None:
    """Run the phase and print its summary."""
    summary = asyncio.run(run())
    print(f"{summary.run}: {summary.status}, {summary.success_rate:.0%} of tasks, {summary.transitions} transitions")
    for task in summary.tasks:
        print(f"  {task.title:<16} {task.priority:<9} {task.status:<10} tries {task.tries}")


if __name__ == "__main__":
    main()
