"""Loop overhead per task: what the cycle costs beside the tasks' own work, on memory adapters and through its JSON steps."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping
from datetime import date, timedelta
from time import process_time
from typing import Any

from benchmarks.recording import BenchmarkRow, record
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.core.clock import WallClock
from daymark.core.sessions import Calendar
from daymark.operations.catalogue import Catalogue, trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.models import OperationPhase, RunId, RunStatus, TaskCommand, TaskDefinition, TaskPriority, TaskReport
from daymark.operations.steps import open_step, perform_step, plan_step, record_step

SESSION = date(2018, 2, 5)
GOAL_MICROSECONDS = 200.0
ROUNDS = 15


def wide_catalogue(count: int) -> Catalogue:
    """A phase of so many tasks: each waits for the one eight places before, so that waves fill the cap."""
    phase = OperationPhase.MARKET_CLOSE
    return Catalogue(
        [
            TaskDefinition(
                f"t{number}", phase, "work", TaskPriority.HIGH, (f"t{number - 8}",) if number >= 8 else (), timedelta(seconds=60)
            )
            for number in range(count)
        ]
    )


def no_work(command: TaskCommand) -> TaskReport:
    """A task that does nothing, so that only the loop is timed."""
    return TaskReport(measures={"try": command.try_number})


def run_phase(cycle: PhaseCycle, run: RunId) -> Mapping[str, Any]:
    """Drive one run through the steps' JSON, as the state machine does."""
    ticket = open_step(cycle, {"run_id": str(run)})
    while (reply := plan_step(cycle, ticket))["kind"] != "end":
        outcomes = [perform_step(command, no_work, cycle.fences, cycle.clock) for command in reply["commands"]]
        record_step(cycle, {**ticket, "outcomes": outcomes})
    return reply


def overhead(catalogue: Catalogue, phases: tuple[OperationPhase, ...]) -> float:
    """Median microseconds of processor time per task over the rounds, each with fresh stores."""
    tasks = sum(len(catalogue.tasks(phase)) for phase in phases)
    figures = []
    for _ in range(ROUNDS):
        cycle = PhaseCycle(catalogue, MemoryRunJournal(), MemoryFenceLedger(), WallClock(), Calendar.exchange(), "us-east-1")
        start = process_time()
        ends = [run_phase(cycle, RunId(SESSION, phase)) for phase in phases]
        figures.append((process_time() - start) / tasks * 1e6)
        assert {end["status"] for end in ends} == {RunStatus.SUCCEEDED}
    return statistics.median(figures)


def main() -> None:
    """Measure and record."""
    logging.disable(logging.CRITICAL)
    note = "memory adapters, JSON steps, tasks that do nothing, whole journal read at every step, processor time, median"
    rows = [
        BenchmarkRow(
            "loop_overhead_trading_day",
            overhead(trading_day(), tuple(OperationPhase)),
            "us per task",
            "lower",
            "The trading day's loop costs little beside its tasks.",
            GOAL_MICROSECONDS,
            note=note,
        ),
        BenchmarkRow(
            "loop_overhead_200_tasks",
            overhead(wide_catalogue(200), (OperationPhase.MARKET_CLOSE,)),
            "us per task",
            "lower",
            "A phase of 200 tasks stays within the same goal.",
            GOAL_MICROSECONDS,
            note=note,
        ),
    ]
    print(record("operations", rows))
    for row in rows:
        print(f"{row.name:<28} {row.value:8.1f} {row.unit} (goal {row.limit:g})")


if __name__ == "__main__":
    main()
