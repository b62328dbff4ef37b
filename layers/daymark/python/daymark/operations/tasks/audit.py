"""The audit task: seal every chain that has ended since the last seal under one Merkle root per tenant.

Sealed on a session: its phases from pre-market to the close, and post-market of the session before. The chain of the phase that
seals is still being written and falls under the next session's seal. A seal once made is never made anew: a rerun proves that
every chain still begins with what was sealed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.core.audit import AuditEntry, AuditTrail, merkle_root, verify
from daymark.core.errors import Conflict
from daymark.core.tenancy import SHARED_TENANT
from daymark.operations.models import OperationPhase, TaskReport
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork


class AuditTasks:
    """The task of the function ``seal_audit``."""

    def __init__(self, book: BookStore, trail: AuditTrail, records: DayRecords) -> None:
        self._book, self._trail, self._records = book, trail, records

    def seal_audit(self, context: TaskContext) -> TaskReport:
        """Verify and seal the chains of every tenant and of the shared one.

        Raises:
            Conflict: no chain holds; that of a single tenant is reported and its seal withheld.
        """
        work, saved = TenantWork(), 0
        for tenant in (*self._book.tenants(), SHARED_TENANT):
            with work.on(tenant):
                standing = self._records.find(tenant, context.session_date, RecordKind.AUDIT_SEAL, WHOLE)
                body = self._confirm(tenant, standing[0].body) if standing else self._seal(context, tenant)
                if not standing:
                    self._records.save([context.record(tenant, RecordKind.AUDIT_SEAL, WHOLE, body)], context.fence)
                saved += 1
                work.tell(tenant, merkle_root=body["merkle_root"], chains=body["chains"], entries=body["entries"])
        return work.report(saved)

    def _seal(self, context: TaskContext, tenant: str) -> Mapping[str, Any]:
        sealed: list[dict[str, Any]] = []
        for session_date, phase in _ended(context):
            entries = self._trail.chain(tenant, session_date, phase)
            _refuse_broken(entries, None, session_date, phase)
            if entries:
                row = {"session_date": session_date.isoformat(), "phase": phase, "entries": len(entries), "last_hash": entries[-1].hash}
                sealed.append(row)
        return {
            "merkle_root": merkle_root([row["last_hash"] for row in sealed]),
            "chains": len(sealed),
            "entries": sum(row["entries"] for row in sealed),
            "sealed": sealed,
        }

    def _confirm(self, tenant: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        for row in body["sealed"]:
            session_date = date.fromisoformat(row["session_date"])
            entries = self._trail.chain(tenant, session_date, row["phase"])
            _refuse_broken(entries, None, session_date, row["phase"])
            _refuse_broken(entries[: row["entries"]], row["last_hash"], session_date, row["phase"])
        if merkle_root([row["last_hash"] for row in body["sealed"]]) != body["merkle_root"]:
            raise Conflict("the stored seal's root is not that of its chains", field="merkle_root")
        return body


def _ended(context: TaskContext) -> list[tuple[date, str]]:
    today = [(context.session_date, phase.value) for phase in OperationPhase if phase is not OperationPhase.POST_MARKET]
    return [(context.previous_session, OperationPhase.POST_MARKET.value), *today]


def _refuse_broken(entries: Sequence[AuditEntry], sealed_hash: str | None, session_date: date, phase: str) -> None:
    fault = verify(entries, sealed_hash)
    if fault is not None:
        raise Conflict(
            f"the audit chain of {session_date}/{phase} does not hold at entry {fault.index}: {fault.reason}",
            field="audit_chain",
            session_date=session_date.isoformat(),
            phase=phase,
        )
