"""The tables, described once: the deployed stacks and every test create them from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTITION_KEY = "pk"
SORT_KEY = "sk"


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """One table's keys. Every key attribute is a string; no secondary index exists, because every read must be strongly consistent.

    Attributes:
        sort_key: ``None`` for a table of single items.
        strongly_consistent_regions: Replicated with multi-region strong consistency, which rules out transactions and TTL.
        replicated: Whether the other region holds a replica; if not, every region has a table of its own.
        expires: Whether rows end by themselves, at the attribute ``expires_at``.
    """

    name: str
    purpose: str
    partition_key: str = PARTITION_KEY
    sort_key: str | None = SORT_KEY
    strongly_consistent_regions: bool = False
    replicated: bool = True
    expires: bool = False

    def creation(self, table_name: str) -> dict[str, Any]:
        """Arguments of ``CreateTable`` for a table of this shape, paid per request."""
        keys = [self.partition_key] if self.sort_key is None else [self.partition_key, self.sort_key]
        return {
            "TableName": table_name,
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
            "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
            "BillingMode": "PAY_PER_REQUEST",
        }


TABLES: Mapping[str, TableDefinition] = {
    "book": TableDefinition("book", "Instruments, households, portfolios, lots and cash"),
    "operations": TableDefinition("operations", "Run journals, marks and the records each day leaves", expires=True),
    "fence": TableDefinition("fence", "Epochs and claims", sort_key=None, strongly_consistent_regions=True),
    "audit": TableDefinition("audit", "Hash chains, one per tenant, session and phase"),
    "connections": TableDefinition(
        "connections", "Tickets, open WebSockets and their subscriptions, of one region", replicated=False, expires=True
    ),
    "rates": TableDefinition("rates", "REST calls counted by tenant, of one region", replicated=False, expires=True),
}
