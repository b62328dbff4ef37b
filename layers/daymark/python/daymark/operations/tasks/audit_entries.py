"""Which audit entry each try of a task leaves in which chain: what the registry appends, and what the seal then looks for.

A try that succeeded leaves one entry per tenant that it touched. The report that goes into the run's journal carries each entry's
hash in the tenant's part, under ``audit``: journal and chain hold each other, so neither can lose a try that the other knows.
A failed try's entries are left as far as that is possible; those that the journal names must stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daymark.book.ports import RecordKind
from daymark.core.audit import AuditEntry
from daymark.core.tenancy import SHARED_TENANT
from daymark.operations.models import RunId, Transition, TransitionKind
from daymark.operations.performing import AUDIT_PART

SUCCEEDED, FAILED = "task_succeeded", "task_failed"
_TRIED = frozenset({TransitionKind.SUCCEEDED, TransitionKind.RETRIED, TransitionKind.FAILED})


@dataclass(frozen=True, slots=True)
class Leaves:
    """What a task leaves behind: records of a kind, if any, under the shared tenant or under those that own portfolios."""

    kind: RecordKind | None = None
    shared: bool = False
    tenants: bool = False


LEAVES: Mapping[str, Leaves] = {
    "check_session": Leaves(shared=True),
    "load_prices": Leaves(shared=True),
    "gate_prices": Leaves(RecordKind.PRICE_QUALITY, shared=True),
    "publish_official_closes": Leaves(RecordKind.OFFICIAL_CLOSES, shared=True),
    "assess_overnight_risk": Leaves(RecordKind.OVERNIGHT_RISK, tenants=True),
    "check_limits": Leaves(RecordKind.LIMITS, tenants=True),
    "classify_regime": Leaves(RecordKind.REGIME, shared=True),
    "open_live_session": Leaves(shared=True, tenants=True),
    "measure_drift": Leaves(RecordKind.DRIFT, tenants=True),
    "propose_rebalancing": Leaves(RecordKind.REBALANCING, tenants=True),
    "find_tax_losses": Leaves(RecordKind.TAX_LOSSES, tenants=True),
    "mark_portfolios": Leaves(tenants=True),
    "compute_profit_and_loss": Leaves(RecordKind.PROFIT_AND_LOSS, tenants=True),
    "compare_benchmark": Leaves(RecordKind.BENCHMARK, tenants=True),
    "reconcile_custodian": Leaves(RecordKind.RECONCILIATION, tenants=True),
    "export_backup": Leaves(shared=True, tenants=True),
    "verify_restore": Leaves(RecordKind.BACKUP, shared=True, tenants=True),
    "publish_client_reports": Leaves(RecordKind.REPORT, tenants=True),
    "publish_operations_report": Leaves(RecordKind.REPORT, shared=True),
    "seal_audit": Leaves(RecordKind.AUDIT_SEAL, shared=True, tenants=True),
}


def success_keys(run: RunId, task: str, try_number: int) -> tuple[str, str]:
    """Key of a success, and the one it takes if an earlier try's success, its outcome lost, stands there with other content."""
    return f"{run}/{task}", f"{run}/{task}/{try_number}"


def failure_key(run: RunId, task: str, try_number: int, epoch: int) -> str:
    """Key of a failed try: its own, also when a later driver fails the same try again."""
    return f"{run}/{task}/{try_number}/failed/{epoch}"


@dataclass(frozen=True, slots=True)
class Expected:
    """An entry that must stand in a tenant's chain because the run's journal tells of the try.

    Attributes:
        hash: The entry's hash as the journal holds it; ``None`` where the report was too large to carry it, and the key must do.
    """

    run: RunId
    task: str
    try_number: int
    tenant: str
    hash: str | None

    def stands_in(self, entries: Sequence[AuditEntry]) -> bool:
        """Whether a chain holds the entry."""
        if self.hash is not None:
            return any(entry.hash == self.hash for entry in entries)
        keys = success_keys(self.run, self.task, self.try_number)
        return any(entry.event == SUCCEEDED and entry.key in keys for entry in entries)


def expected_entries(run: RunId, journal: Sequence[Transition]) -> Iterator[Expected]:
    """The entries that a run's journal vouches for; a result kept from an earlier attempt is vouched for by that one's."""
    for line in journal:
        if line.kind not in _TRIED or line.task is None or "kept_from" in line.body:
            continue
        parts: Mapping[str, Mapping[str, Any]] = ((line.body.get("outcome") or {}).get("report") or {}).get("by_tenant") or {}
        leaves = LEAVES.get(line.task, Leaves(shared=True, tenants=True))
        tenants = {tenant for tenant in parts if (leaves.shared if tenant == SHARED_TENANT else leaves.tenants)}
        if line.kind is TransitionKind.SUCCEEDED and leaves.shared and line.task in LEAVES:
            tenants.add(SHARED_TENANT)
        for tenant in sorted(tenants):
            entry_hash = parts.get(tenant, {}).get(AUDIT_PART)
            if entry_hash is not None or line.kind is TransitionKind.SUCCEEDED:
                yield Expected(run, line.task, line.try_number, tenant, entry_hash)
