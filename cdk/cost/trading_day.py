"""The five phases in figures, from the catalogue and the state machine: calls, transitions, rows and claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import cache

from daymark.operations import catalogue
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase, TaskDefinition

# Tasks that leave one row for every portfolio (operations/tasks).
ROW_TASKS = frozenset(
    {
        "assess_overnight_risk",
        "check_limits",
        "measure_drift",
        "propose_rebalancing",
        "find_tax_losses",
        "mark_portfolios",
        "compute_profit_and_loss",
        "compare_benchmark",
        "reconcile_custodian",
        "publish_client_reports",
    }
)
# Tasks that read every portfolio's lots and cash.
BOOK_TASKS = (ROW_TASKS - {"compare_benchmark"}) | {"open_live_session", "export_backup", "verify_restore"}
# OpenRun and ChooseStep begin an execution; PlanTasks, ChooseStep, JudgeEnd and EndPhase end it.
BEGIN, END = 2, 4
# PlanTasks, ChooseStep, PerformTasks, RecordOutcomes and ChooseStep make a round; each task is a state of its own.
ROUND = 5
# OpenRun, ChooseStep, JudgeEnd and IgnoreWakeUp.
NOT_DUE = 4


@cache
def rounds(phase: OperationPhase) -> int:
    """How often a phase dispatches when nothing fails: the length of its longest chain of tasks.

    >>> rounds(OperationPhase.MARKET_OPEN)
    2
    """
    tasks = trading_day().tasks(phase)

    def depth(task: TaskDefinition) -> int:
        return 1 + max((depth(tasks[name]) for name in task.after), default=0)

    return max(depth(task) for task in tasks.values())


@cache
def transitions(phase: OperationPhase) -> int:
    """State transitions of one execution when nothing fails.

    >>> transitions(OperationPhase.MARKET_OPEN)  # 2 + 2 rounds of 5 + 2 tasks + 4
    18
    """
    return BEGIN + ROUND * rounds(phase) + len(trading_day().tasks(phase)) + END


@cache
def calls() -> Mapping[str, int]:
    """Calls of each function in one trading day when nothing fails."""
    day, counted = trading_day(), Counter[str]()
    for phase in OperationPhase:
        counted["open_phase"] += 1
        counted["plan_phase"] += rounds(phase) + 1
        counted["record_outcomes"] += rounds(phase)
        counted.update(task.function for task in day.tasks(phase).values())
    return counted


@cache
def tasks() -> tuple[TaskDefinition, ...]:
    """Every task of the day, phase by phase."""
    return tuple(task for phase in OperationPhase for task in trading_day().tasks(phase).values())


@cache
def task_count(phase: OperationPhase) -> int:
    """How many tasks a phase has."""
    return len(trading_day().tasks(phase))


@cache
def row_tasks(phase: OperationPhase | None = None) -> int:
    """Rows that a portfolio gets in a day, or in one phase: each is claimed once."""
    return sum(task.name in ROW_TASKS for task in tasks() if phase in (None, task.phase))


@cache
def book_reads() -> int:
    """How often a portfolio's lots and cash are read in a day."""
    return sum(task.name in BOOK_TASKS for task in tasks())


@cache
def portfolio_tasks(function: str) -> int:
    """Passes over all portfolios that a function makes in a day."""
    return sum(task.name in ROW_TASKS | BOOK_TASKS for task in tasks() if task.function == function)


def portfolio_seconds(function: str, usual: Decimal, report: Decimal) -> Decimal:
    """Seconds that a function works for one portfolio in a day."""
    each = report if function == catalogue.PUBLISH_REPORTS else usual
    return each * portfolio_tasks(function)
