"""The task registry: finds the method that performs a task, and leaves one audit entry per tenant the task touched.

What an entry tells is read back from the store, not taken from the task's word: a digest of the records that now stand, of the
tenant's part of the report, and how many records there are. A task that fails may have saved some of its records before: they
are audited too, beside the error's code.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.core.audit import AuditTrail, canonical_json
from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.core.tenancy import SHARED_TENANT
from daymark.operations.catalogue import Catalogue, trading_day
from daymark.operations.models import OperationPhase, TaskCommand, TaskReport
from daymark.operations.schedule import phase_instant
from daymark.operations.tasks.context import Task, TaskContext

SUCCEEDED, FAILED = "task_succeeded", "task_failed"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Leaves:
    """What a task leaves behind: records of a kind, if any, under the shared tenant or under those that own portfolios."""

    kind: RecordKind | None = None
    shared: bool = False
    tenants: bool = False


_LEAVES: Mapping[str, _Leaves] = {
    "check_session": _Leaves(shared=True),
    "load_prices": _Leaves(shared=True),
    "gate_prices": _Leaves(RecordKind.PRICE_QUALITY, shared=True),
    "publish_official_closes": _Leaves(RecordKind.OFFICIAL_CLOSES, shared=True),
    "assess_overnight_risk": _Leaves(RecordKind.OVERNIGHT_RISK, tenants=True),
    "check_limits": _Leaves(RecordKind.LIMITS, tenants=True),
    "classify_regime": _Leaves(RecordKind.REGIME, shared=True),
    "measure_drift": _Leaves(RecordKind.DRIFT, tenants=True),
    "propose_rebalancing": _Leaves(RecordKind.REBALANCING, tenants=True),
    "find_tax_losses": _Leaves(RecordKind.TAX_LOSSES, tenants=True),
    "mark_portfolios": _Leaves(tenants=True),
    "compute_profit_and_loss": _Leaves(RecordKind.PROFIT_AND_LOSS, tenants=True),
    "compare_benchmark": _Leaves(RecordKind.BENCHMARK, tenants=True),
    "reconcile_custodian": _Leaves(RecordKind.RECONCILIATION, tenants=True),
    "export_backup": _Leaves(tenants=True),
    "verify_restore": _Leaves(RecordKind.BACKUP, tenants=True),
    "publish_client_reports": _Leaves(RecordKind.REPORT, tenants=True),
    "publish_operations_report": _Leaves(RecordKind.REPORT, shared=True),
    "seal_audit": _Leaves(RecordKind.AUDIT_SEAL, shared=True, tenants=True),
}


class TaskRegistry:
    """Implements ``TaskPerformer`` over the task groups it is given.

    Args:
        calendar: The exchange's sessions.
        groups: By function name, the object whose methods are named like the function's tasks. A deployed function gives its own
            group alone; on one machine all are given.
        book: Tells the tenants.
        records: Where tasks leave their records.
        trail: Where the registry leaves its entries.
        catalogue: The day's tasks.

    Raises:
        InvalidInput: a group's function is not in the catalogue, or a task of it has no method or no audit rule.
    """

    def __init__(
        self,
        calendar: Calendar,
        groups: Mapping[str, object],
        book: BookStore,
        records: DayRecords,
        trail: AuditTrail,
        catalogue: Catalogue | None = None,
    ) -> None:
        self._calendar, self._book, self._records, self._trail = calendar, book, records, trail
        self._tasks: dict[tuple[OperationPhase, str], tuple[str, Task]] = {}
        day = catalogue or trading_day()
        if unknown := sorted(groups.keys() - set(day.functions())):
            raise InvalidInput(f"the catalogue has no function {unknown[0]}", field="groups")
        for phase in OperationPhase:
            for definition in day.tasks(phase).values():
                if definition.function in groups:
                    task = getattr(groups[definition.function], definition.name, None)
                    if not callable(task) or definition.name not in _LEAVES:
                        raise InvalidInput(f"{definition.function} does not perform {definition.name}", field=definition.name)
                    self._tasks[phase, definition.name] = (definition.function, cast(Task, task))

    def __call__(self, command: TaskCommand) -> TaskReport:
        """Perform one try of one task and audit it.

        Raises:
            NotFound: no group here performs the task.
            NotASession: the run's date is no session; the context names the nearest ones.
            DaymarkError: the task failed.
        """
        function, task = self._tasks.get((command.run.phase, command.task), ("", None))
        if task is None or function != command.function:
            raise NotFound(f"{command.function} does not perform {command.task} of {command.run.phase}", field="task")
        context = self._context(command)
        try:
            report = task(context)
        except DaymarkError as failure:
            self._audit_failure(command, context, failure)
            raise
        for tenant, body in self._entries(command, context, report.by_tenant, report.measures):
            self._append(command, tenant, body)
        return report

    def _context(self, command: TaskCommand) -> TaskContext:
        session_date = command.run.session_date
        return TaskContext(
            run=command.run,
            session=self._calendar.session(session_date),
            previous_session=self._calendar.previous(session_date),
            fence=Fence(command.run.scope, command.region, command.epoch),
            as_of=phase_instant(self._calendar, session_date, command.run.phase),
        )

    def _audit_failure(self, command: TaskCommand, context: TaskContext, failure: DaymarkError) -> None:
        """Leave an entry under a key of the try's own; whatever goes wrong here must not hide why the task failed."""
        run, key = command.run, f"{command.run}/{command.task}/{command.try_number}/failed/{command.epoch}"
        try:
            for tenant, body in self._entries(command, context, failure.by_tenant, None):
                self._trail.append(tenant, run.session_date, run.phase.value, key, FAILED, {**body, "code": failure.code})
        except Exception:  # the task's own error is on its way
            _LOG.exception("the failure of %s, try %d of %s, could not be audited", command.task, command.try_number, run)

    def _entries(
        self, command: TaskCommand, context: TaskContext, parts: Mapping[str, Mapping[str, Any]], shared: Mapping[str, Any] | None
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Each tenant the task touched and its entry's body; ``shared`` is told of the shared tenant if it has no part."""
        leaves = _LEAVES[command.task]
        owners: Sequence[str] = self._book.tenants() if leaves.tenants else ()
        for tenant in (*owners, SHARED_TENANT) if leaves.shared else owners:
            saved: list[list[Any]] = []
            if leaves.kind is not None:
                found = self._records.find(tenant, context.session_date, leaves.kind, phase=context.run.phase.value)
                saved = [[record.subject, record.body] for record in found]
            told = parts.get(tenant, shared if tenant == SHARED_TENANT else None)
            if not saved and told is None:
                continue
            digest = hashlib.sha256(canonical_json([saved, told]).encode()).hexdigest()
            yield tenant, {"task": command.task, "records": len(saved), "sha256": digest}

    def _append(self, command: TaskCommand, tenant: str, body: Mapping[str, Any]) -> None:
        run, key = command.run, f"{command.run}/{command.task}"
        try:
            self._trail.append(tenant, run.session_date, run.phase.value, key, SUCCEEDED, body)
        except Conflict:
            # An earlier try was audited, its outcome got lost, and this one left something else: both are history.
            self._trail.append(tenant, run.session_date, run.phase.value, f"{key}/{command.try_number}", SUCCEEDED, body)
