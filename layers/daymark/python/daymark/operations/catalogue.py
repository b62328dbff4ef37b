"""The day's only graph: every task of every phase, what it waits for, who performs it and how much it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from graphlib import CycleError, TopologicalSorter

from daymark.core.errors import InvalidInput
from daymark.operations.models import OperationPhase, TaskDefinition, TaskPriority

_P, _T = OperationPhase, TaskPriority

CHECK_PRICES = "check_prices"
ASSESS_RISK = "assess_risk"
OPEN_LIVE_SESSION = "open_live_session"
PROPOSE_TRADES = "propose_trades"
VALUE_PORTFOLIOS = "value_portfolios"
RECONCILE_HOLDINGS = "reconcile_holdings"
BACK_UP_BOOK = "back_up_book"
PUBLISH_REPORTS = "publish_reports"
SEAL_AUDIT = "seal_audit"

_SESSION = ("check_session",)


def _task(
    name: str,
    phase: OperationPhase,
    function: str,
    priority: TaskPriority,
    title: str,
    after: tuple[str, ...] = _SESSION,
    timeout_seconds: int = 60,
) -> TaskDefinition:
    return TaskDefinition(name, phase, function, priority, after, timedelta(seconds=timeout_seconds), title=title)


def _check_session(phase: OperationPhase) -> TaskDefinition:
    return _task("check_session", phase, CHECK_PRICES, _T.CRITICAL, "Is the exchange open today?", after=())


_TASKS: tuple[TaskDefinition, ...] = (
    _check_session(_P.PRE_MARKET),
    _task("load_prices", _P.PRE_MARKET, CHECK_PRICES, _T.CRITICAL, "Load the last close"),
    _task("gate_prices", _P.PRE_MARKET, CHECK_PRICES, _T.CRITICAL, "Price quality gate", ("load_prices",)),
    _task("assess_overnight_risk", _P.PRE_MARKET, ASSESS_RISK, _T.HIGH, "Overnight VaR and expected shortfall", ("gate_prices",)),
    _task("check_limits", _P.PRE_MARKET, ASSESS_RISK, _T.HIGH, "Position and sector limits", ("gate_prices",)),
    _task("classify_regime", _P.PRE_MARKET, ASSESS_RISK, _T.MEDIUM, "Volatility regime", ("gate_prices",)),
    _task("open_live_session", _P.PRE_MARKET, OPEN_LIVE_SESSION, _T.HIGH, "Open the live session", ("gate_prices",), 240),
    _check_session(_P.MARKET_OPEN),
    _task("measure_drift", _P.MARKET_OPEN, PROPOSE_TRADES, _T.HIGH, "Drift from target at the last close"),
    _check_session(_P.MID_DAY),
    _task("propose_rebalancing", _P.MID_DAY, PROPOSE_TRADES, _T.HIGH, "Rebalancing proposals"),
    _task("find_tax_losses", _P.MID_DAY, PROPOSE_TRADES, _T.MEDIUM, "Tax losses that would not wash", ("propose_rebalancing",)),
    _check_session(_P.MARKET_CLOSE),
    _task("load_prices", _P.MARKET_CLOSE, CHECK_PRICES, _T.CRITICAL, "Load today's close"),
    _task("gate_prices", _P.MARKET_CLOSE, CHECK_PRICES, _T.CRITICAL, "Price quality gate", ("load_prices",)),
    _task("publish_official_closes", _P.MARKET_CLOSE, CHECK_PRICES, _T.CRITICAL, "Publish official closes", ("gate_prices",)),
    _task("mark_portfolios", _P.MARKET_CLOSE, VALUE_PORTFOLIOS, _T.CRITICAL, "Mark every portfolio", ("publish_official_closes",)),
    _task("compute_profit_and_loss", _P.MARKET_CLOSE, VALUE_PORTFOLIOS, _T.CRITICAL, "Profit and loss to the cent", ("mark_portfolios",)),
    _task("compare_benchmark", _P.MARKET_CLOSE, VALUE_PORTFOLIOS, _T.MEDIUM, "Against the benchmark", ("compute_profit_and_loss",)),
    _task("check_limits", _P.MARKET_CLOSE, ASSESS_RISK, _T.HIGH, "Position and sector limits", ("mark_portfolios",)),
    _task("measure_drift", _P.MARKET_CLOSE, PROPOSE_TRADES, _T.MEDIUM, "Drift from target at the close", ("mark_portfolios",)),
    _check_session(_P.POST_MARKET),
    _task("reconcile_custodian", _P.POST_MARKET, RECONCILE_HOLDINGS, _T.HIGH, "Reconcile with the custodian"),
    _task("export_backup", _P.POST_MARKET, BACK_UP_BOOK, _T.HIGH, "Export the book", timeout_seconds=240),
    _task("verify_restore", _P.POST_MARKET, BACK_UP_BOOK, _T.HIGH, "Restore the export and compare", ("export_backup",), 240),
    _task("publish_client_reports", _P.POST_MARKET, PUBLISH_REPORTS, _T.HIGH, "Client reports", ("reconcile_custodian",), 240),
    _task("publish_operations_report", _P.POST_MARKET, PUBLISH_REPORTS, _T.MEDIUM, "Operations report", ("reconcile_custodian",), 120),
    _task("seal_audit", _P.POST_MARKET, SEAL_AUDIT, _T.HIGH, "Seal the day's audit chains"),
)


class Catalogue:
    """A checked set of tasks: names unique per phase, dependencies known, no cycle.

    Raises:
        InvalidInput: the tasks break one of these rules; the field names the task.
    """

    def __init__(self, tasks: Sequence[TaskDefinition]) -> None:
        self._phases: dict[OperationPhase, dict[str, TaskDefinition]] = {phase: {} for phase in OperationPhase}
        for task in tasks:
            if task.name in self._phases[task.phase]:
                raise InvalidInput(f"{task.phase} has two tasks named {task.name}", field=task.name)
            self._phases[task.phase][task.name] = task
        for members in self._phases.values():
            self._refuse_unknown_and_cycles(members)

    @staticmethod
    def _refuse_unknown_and_cycles(members: Mapping[str, TaskDefinition]) -> None:
        for task in members.values():
            for name in task.after:
                if name not in members:
                    raise InvalidInput(f"{task.name} waits for {name}, which {task.phase} does not have", field=task.name)
        try:
            TopologicalSorter({task.name: task.after for task in members.values()}).prepare()
        except CycleError as cycle:
            raise InvalidInput(f"tasks wait for each other: {' -> '.join(cycle.args[1])}", field=cycle.args[1][0]) from None

    def tasks(self, phase: OperationPhase) -> Mapping[str, TaskDefinition]:
        """The phase's tasks by name, in catalogue order."""
        return self._phases[phase]

    def functions(self) -> Sequence[str]:
        """Every function that performs some task, sorted."""
        return sorted({task.function for members in self._phases.values() for task in members.values()})


def trading_day() -> Catalogue:
    """The catalogue of the trading day.

    >>> len(trading_day().tasks(OperationPhase.MARKET_CLOSE))
    9
    """
    return Catalogue(_TASKS)
