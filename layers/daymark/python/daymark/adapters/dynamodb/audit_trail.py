"""Audit chains: each entry claimed first, then appended with its key in one transaction, on condition that neither stands yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed
from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.dynamodb.table import NOTHING_THERE, Table, wait_before
from daymark.adapters.rows import audit_claim, claim_rows, decode_model, encode_model, fingerprint, natural_key
from daymark.core.audit import AuditEntry, canonical_json
from daymark.core.errors import Conflict
from daymark.core.fence import Fence, FenceLedger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_TRIES = 8


class DynamoAuditTrail:
    """``AuditTrail`` over the audit table: ``CHAIN#<t>#<session>#<phase>`` | ``SEQUENCE#00000000`` and ``KEY#<hash of key>``.

    Args:
        table_name: The audit table.
        client: A DynamoDB client with bounded time-outs.
        ledger: Where entries are claimed; ``None`` for a reader.
        wait: Called before a retry with its number, from 1.
    """

    def __init__(
        self, table_name: str, client: DynamoDBClient, ledger: FenceLedger | None = None, wait: Callable[[int], None] = wait_before
    ) -> None:
        self._table = Table(table_name, client, wait)
        self._ledger = ledger
        self._wait = wait

    def append(
        self, tenant: str, session_date: date, phase: str, key: str, event: str, body: Mapping[str, Any], fence: Fence
    ) -> AuditEntry:
        """Append an event to its chain. The same key with the same event and body returns the entry that stands.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
            Conflict: the key stands for another event or body, or other writers kept coming first.
            InvalidInput: the body is not plain JSON.
        """
        chain_key = natural_key("CHAIN", tenant, session_date.isoformat(), phase)
        claim_rows(self._ledger, audit_claim(chain_key, key, event, body), fence)
        key_row = f"KEY#{fingerprint(key)}"
        for retry in range(MOST_TRIES):
            if retry:
                self._wait(retry)
            standing = self._table.read(chain_key, key_row)
            if standing is not None:
                return _repeated(decode_model(AuditEntry, standing.body), key, event, body)
            last = next(iter(self._table.query(chain_key, "SEQUENCE#", newest_first=True, limit=1)), None)
            if last is None:
                entry = AuditEntry.first(tenant, session_date, phase, key, event, body)
            else:
                entry = decode_model(AuditEntry, last.body).then(key, event, body)
            text = encode_model(AuditEntry, entry)
            rows = (Row(chain_key, f"SEQUENCE#{entry.sequence:08d}", text), Row(chain_key, key_row, text))
            try:
                self._table.transact([self._table.put(encode(row), NOTHING_THERE) for row in rows])
            except ConditionFailed:
                continue
            return entry
        raise Conflict(f"other writers came first {MOST_TRIES} times in {chain_key}", field="key", key=key)

    def chain(self, tenant: str, session_date: date, phase: str) -> Sequence[AuditEntry]:
        """The chain's entries in order; empty if nothing was ever appended. Strongly consistent."""
        chain_key = natural_key("CHAIN", tenant, session_date.isoformat(), phase)
        return [decode_model(AuditEntry, row.body) for row in self._table.query(chain_key, "SEQUENCE#")]


def _repeated(standing: AuditEntry, key: str, event: str, body: Mapping[str, Any]) -> AuditEntry:
    if (standing.event, canonical_json(standing.body)) != (event, canonical_json(body)):
        raise Conflict(f"{key} was recorded with other content", field="key", key=key)
    return standing
