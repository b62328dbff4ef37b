"""Audit chains in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from daymark.adapters.rows import audit_claim, claim_rows, natural_key
from daymark.core.audit import AuditEntry, canonical_json
from daymark.core.errors import Conflict
from daymark.core.fence import Fence, FenceLedger


class MemoryAuditTrail:
    """``AuditTrail`` in memory.

    Args:
        ledger: Where entries are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._chains: dict[tuple[str, date, str], list[AuditEntry]] = {}

    def append(
        self, tenant: str, session_date: date, phase: str, key: str, event: str, body: Mapping[str, Any], fence: Fence
    ) -> AuditEntry:
        """Append an event to its chain. The same key with the same event and body returns the entry that stands.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
            Conflict: the key stands for another event or body.
            InvalidInput: the body is not plain JSON.
        """
        chain_key = natural_key("CHAIN", tenant, session_date.isoformat(), phase)
        claim_rows(self._ledger, audit_claim(chain_key, key, event, body), fence)
        chain = self._chains.get((tenant, session_date, phase), [])
        standing = next((entry for entry in chain if entry.key == key), None)
        if standing is not None:
            if (standing.event, canonical_json(standing.body)) != (event, canonical_json(body)):
                raise Conflict(f"{key} was recorded with other content", field="key", key=key)
            return standing
        entry = chain[-1].then(key, event, body) if chain else AuditEntry.first(tenant, session_date, phase, key, event, body)
        self._chains[tenant, session_date, phase] = [*chain, entry]
        return entry

    def chain(self, tenant: str, session_date: date, phase: str) -> Sequence[AuditEntry]:
        """The chain's entries in order; empty if nothing was ever appended."""
        return list(self._chains.get((tenant, session_date, phase), ()))
