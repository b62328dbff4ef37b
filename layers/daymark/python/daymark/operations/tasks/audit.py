"""The audit task: seal every chain that has ended since the last seal under one Merkle root per tenant, in a locked document.

Sealed on a session: its phases from pre-market to the close, and post-market of the session before. The chain of the phase that
seals is still being written and falls under the next session's seal. A chain is sealed only if it holds and has an entry of every
try that the phase's run journals tell of, so a chain that was cut off or is gone altogether is noticed. A seal once made is never
made anew: a rerun proves that every chain still begins with what was sealed, and a later attempt seals beside it what came since.
The locked document is the seal; the record repeats it, and must agree with it.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from daymark.book.ports import BookStore, DayRecords, RecordKind
from daymark.core.audit import AuditEntry, AuditTrail, canonical_json, merkle_root, verify
from daymark.core.errors import Conflict
from daymark.core.numbering import key_number
from daymark.core.tenancy import SHARED_TENANT
from daymark.operations.models import TaskReport
from daymark.operations.ports import Documents, RunJournal
from daymark.operations.tasks.audit_entries import Expected, expected_entries
from daymark.operations.tasks.context import WHOLE, TaskContext
from daymark.operations.tasks.tenant_work import TenantWork

SCHEMA, VERSION = "daymark/audit-seal", 1

_Chains = Mapping[tuple[date, str], Sequence[AuditEntry]]


class AuditTasks:
    """The task of the function ``seal_audit``.

    Args:
        book: Tells the tenants.
        trail: The chains.
        records: Where the seals are recorded.
        journal: Tells which tries the chains must hold.
        seals: Where the seals stand, locked.
    """

    def __init__(self, book: BookStore, trail: AuditTrail, records: DayRecords, journal: RunJournal, seals: Documents) -> None:
        self._book, self._trail, self._records, self._journal, self._seals = book, trail, records, journal, seals

    def seal_audit(self, context: TaskContext) -> TaskReport:
        """Verify and seal the chains of every tenant and of the shared one.

        Raises:
            Conflict: no chain holds; that of a single tenant is reported and its seal withheld.
        """
        work, saved = TenantWork(), 0
        # The journals come first: whatever they tell of by now stands in its chain already.
        expected = self._expected(context)
        owners = {*self._book.tenants(), *expected} - {SHARED_TENANT}
        for tenant in (*sorted(owners), SHARED_TENANT):
            with work.on(tenant):
                body = self._seal(context, tenant, expected.get(tenant, ()))
                saved += 1
                work.tell(tenant, merkle_root=body["merkle_root"], chains=body["chains"], entries=body["entries"], key=body["key"])
        return work.report(saved)

    def _expected(self, context: TaskContext) -> Mapping[str, Sequence[Expected]]:
        """By tenant, the entries that the journals of every attempt of the ended phases vouch for."""
        found: dict[str, list[Expected]] = defaultdict(list)
        for session_date, phase in context.ended_phases():
            for run in self._journal.runs(session_date):
                if run.phase.value == phase:
                    for entry in expected_entries(run, self._journal.read(run)):
                        found[entry.tenant].append(entry)
        return found

    def _seal(self, context: TaskContext, tenant: str, expected: Sequence[Expected]) -> Mapping[str, Any]:
        chains = {(day, phase): self._trail.chain(tenant, day, phase) for day, phase in context.ended_phases()}
        for (day, phase), entries in chains.items():
            _refuse_broken(entries, None, day, phase)
        _refuse_missing(chains, expected)
        folder = f"seals/{tenant}/{context.session_date.isoformat()}/"
        key = f"{folder}{key_number(context.run.attempt, 'attempt')}.json"
        sealed = {stored: _read(self._seals.get(stored), stored) for stored in self._seals.keys(folder)}
        for seal in sealed.values():
            _confirm(seal, chains)
        recorded = self._records.history(tenant, context.session_date, RecordKind.AUDIT_SEAL, WHOLE)
        for record in recorded:
            stored = f"{folder}{key_number(record.attempt, 'attempt')}.json"
            if sealed.get(stored) != record.body:
                raise Conflict(f"the recorded seal of attempt {record.attempt} is not the locked one", field="seal", attempt=record.attempt)
        if key not in sealed:
            content = _write(context, tenant, chains)
            self._seals.put(key, content, "application/json", context.fence)
            sealed[key] = _read(content, key)
        if context.run.attempt not in {record.attempt for record in recorded}:
            self._records.save([context.record(tenant, RecordKind.AUDIT_SEAL, WHOLE, sealed[key])], context.fence)
        return sealed[key]


def _write(context: TaskContext, tenant: str, chains: _Chains) -> bytes:
    sealed = [
        {"session_date": session_date.isoformat(), "phase": phase, "entries": len(entries), "last_hash": entries[-1].hash}
        for (session_date, phase), entries in chains.items()
        if entries
    ]
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "tenant": tenant,
        "session_date": context.session_date.isoformat(),
        "attempt": context.run.attempt,
        "merkle_root": merkle_root([str(row["last_hash"]) for row in sealed]),
        "chains": len(sealed),
        "entries": sum(len(entries) for entries in chains.values()),
        "sealed": sealed,
    }
    return canonical_json(document).encode()


def _read(content: bytes, key: str) -> Mapping[str, Any]:
    """A locked document as its record has it: with its key and digest."""
    try:
        document = json.loads(content)
        known = (document["schema"], document["version"]) == (SCHEMA, VERSION)
        rows = [(date.fromisoformat(row["session_date"]), row["phase"], row["entries"], row["last_hash"]) for row in document["sealed"]]
        root = merkle_root([last_hash for *_, last_hash in rows])
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise Conflict(f"the locked document is no seal of version {VERSION}", field="seal", key=key)
    if document.get("merkle_root") != root:
        raise Conflict("the locked seal's root is not that of its chains", field="merkle_root", key=key)
    return {**document, "key": key, "sha256": hashlib.sha256(content).hexdigest()}


def _confirm(seal: Mapping[str, Any], chains: _Chains) -> None:
    """Refuse chains that do not begin with what a seal holds."""
    for row in seal["sealed"]:
        session_date = date.fromisoformat(row["session_date"])
        entries = chains.get((session_date, row["phase"]), ())
        _refuse_broken(entries[: row["entries"]], row["last_hash"], session_date, row["phase"])


def _refuse_broken(entries: Sequence[AuditEntry], sealed_hash: str | None, session_date: date, phase: str) -> None:
    fault = verify(entries, sealed_hash)
    if fault is not None:
        raise Conflict(
            f"the audit chain of {session_date}/{phase} does not hold at entry {fault.index}: {fault.reason}",
            field="audit_chain",
            session_date=session_date.isoformat(),
            phase=phase,
        )


def _refuse_missing(chains: _Chains, expected: Sequence[Expected]) -> None:
    for one in expected:
        session_date, phase = one.run.session_date, one.run.phase.value
        if not one.stands_in(chains.get((session_date, phase), ())):
            raise Conflict(
                f"the audit chain of {session_date}/{phase} lacks the entry of {one.task}: attempt {one.run.attempt}, try {one.try_number}",
                field="audit_chain",
                session_date=session_date.isoformat(),
                phase=phase,
                task=one.task,
            )
