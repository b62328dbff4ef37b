"""The task registry: finds the method that performs a task, and leaves one audit entry per tenant the task touched.

What an entry tells is read back from the store, not taken from the task's word: a digest of the records of this attempt that now
stand, of the tenant's part of the report, and how many records there are. A task that fails may have saved some of its records
before: they are audited too, beside the error's code. The entry's hash goes back into the tenant's part of the report.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from daymark.book.ports import BookStore, DayRecords
from daymark.core.audit import AuditEntry, AuditTrail, canonical_json
from daymark.core.errors import Conflict, DaymarkError, InvalidInput, NotFound
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.core.tenancy import SHARED_TENANT
from daymark.operations.catalogue import Catalogue, trading_day
from daymark.operations.models import OperationPhase, TaskCommand, TaskReport
from daymark.operations.performing import AUDIT_PART
from daymark.operations.schedule import phase_instant
from daymark.operations.tasks.audit_entries import FAILED, LEAVES, SUCCEEDED, failure_key, success_keys
from daymark.operations.tasks.context import Task, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork

_LOG = logging.getLogger(__name__)


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
                    if not callable(task) or definition.name not in LEAVES:
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
        return replace(report, by_tenant=self._audit(command, context, report))

    def _context(self, command: TaskCommand) -> TaskContext:
        session_date = command.run.session_date
        return TaskContext(
            run=command.run,
            session=self._calendar.session(session_date),
            previous_session=self._calendar.previous(session_date),
            fence=Fence(command.run.scope, command.region, command.epoch),
            as_of=phase_instant(self._calendar, session_date, command.run.phase),
        )

    def _audit(self, command: TaskCommand, context: TaskContext, report: TaskReport) -> Mapping[str, Mapping[str, Any]]:
        """Leave the entries of a success; every tenant's part of the report with its entry's hash.

        Raises:
            DaymarkError: an entry could not be left. It names no tenant's data: a store's own words do, and staff of all read it.
            StaleFence: a later epoch owns the run.
        """
        work, parts, touched = TenantWork(), dict(report.by_tenant), list[str]()
        with work.on(SHARED_TENANT):
            touched.extend(self._touched(command.task))
        for tenant in touched:
            with work.on(tenant):
                told = report.by_tenant.get(tenant, report.measures if tenant == SHARED_TENANT else None)
                if (body := self._told(command, context, tenant, told)) is not None:
                    entry = self._append(command, context, tenant, body)
                    parts[tenant] = {**report.by_tenant.get(tenant, {}), AUDIT_PART: entry.hash}
        work.refuse_any_failure()
        return dict(sorted(parts.items()))

    def _audit_failure(self, command: TaskCommand, context: TaskContext, failure: DaymarkError) -> None:
        """Leave entries under a key of the try's own; whatever goes wrong here must not hide why the task failed."""
        run, parts = command.run, dict(failure.by_tenant)
        key = failure_key(run, command.task, command.try_number, command.epoch)
        try:
            for tenant in self._touched(command.task):
                body = self._told(command, context, tenant, failure.by_tenant.get(tenant))
                if body is None:
                    continue
                told = {**body, "code": failure.code}
                entry = self._trail.append(tenant, run.session_date, run.phase.value, key, FAILED, told, context.fence)
                parts[tenant] = {**failure.by_tenant.get(tenant, {}), AUDIT_PART: entry.hash}
        except Exception:  # the task's own error is on its way
            _LOG.exception("the failure of %s, try %d of %s, could not be audited", command.task, command.try_number, run)
        failure.by_tenant = dict(sorted(parts.items()))

    def _touched(self, task: str) -> Sequence[str]:
        """The tenants whose chains a task may leave entries in."""
        leaves = LEAVES[task]
        owners: Sequence[str] = self._book.tenants() if leaves.tenants else ()
        return (*owners, SHARED_TENANT) if leaves.shared else owners

    def _told(self, command: TaskCommand, context: TaskContext, tenant: str, told: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The body of a tenant's entry; ``None`` if the task left no record of this attempt and told nothing."""
        kind, run, saved = LEAVES[command.task].kind, command.run, []
        if kind is not None:
            found = self._records.find(tenant, context.session_date, kind, phase=run.phase.value)
            saved = [[record.subject, record.body] for record in found if record.attempt == run.attempt]
        if not saved and told is None:
            return None
        digest = hashlib.sha256(canonical_json([saved, told]).encode()).hexdigest()
        return {"task": command.task, "records": len(saved), "sha256": digest}

    def _append(self, command: TaskCommand, context: TaskContext, tenant: str, body: Mapping[str, Any]) -> AuditEntry:
        run = command.run
        key, beside = success_keys(run, command.task, command.try_number)
        try:
            return self._trail.append(tenant, run.session_date, run.phase.value, key, SUCCEEDED, body, context.fence)
        except Conflict:
            # An earlier try was audited, its outcome got lost, and this one left something else: both are history.
            return self._trail.append(tenant, run.session_date, run.phase.value, beside, SUCCEEDED, body, context.fence)
