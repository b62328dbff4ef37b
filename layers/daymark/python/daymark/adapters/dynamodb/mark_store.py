"""Closing marks: one row per portfolio and session, claimed first, then appended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.items import Row
from daymark.adapters.dynamodb.table import Table
from daymark.adapters.rows import decode_model, encode_model, natural_key
from daymark.book.models import PortfolioMark
from daymark.core.errors import InvalidInput
from daymark.core.fence import Fence, FenceLedger

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoMarkStore:
    """``MarkStore`` over the operations table: ``TENANT#<t>#PORTFOLIO#<p>`` | ``MARK#<session>``.

    Args:
        table_name: The operations table.
        client: A DynamoDB client with bounded time-outs.
        ledger: Where writes are claimed; ``None`` for a reader.
    """

    def __init__(self, table_name: str, client: DynamoDBClient, ledger: FenceLedger | None = None) -> None:
        self._table = Table(table_name, client)
        self._ledger = ledger

    def save(self, marks: Sequence[PortfolioMark], fence: Fence) -> None:
        """Append marks. The same marks again are a harmless repeat, and complete what a crash left half-way.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: another mark stands for the portfolio and session.
            InvalidInput: a portfolio and session occur twice.
        """
        self._table.append_claimed([_row(mark) for mark in marks], self._ledger, fence)

    def mark(self, tenant: str, portfolio_id: str, session_date: date) -> PortfolioMark | None:
        """The mark of one session, or ``None``."""
        row = self._table.read(_partition(tenant, portfolio_id), _sort_key(session_date))
        return None if row is None else decode_model(PortfolioMark, row.body)

    def history(self, tenant: str, portfolio_id: str, limit: int, before: date | None = None) -> Sequence[PortfolioMark]:
        """Marks, newest first, at most ``limit``, strictly before ``before`` if given."""
        if limit < 1:
            raise InvalidInput(f"limit must be at least 1, got {limit}", field="limit")
        rows = self._table.query(
            _partition(tenant, portfolio_id),
            "MARK#",
            before=None if before is None else before.isoformat(),
            newest_first=True,
            limit=limit,
        )
        return [decode_model(PortfolioMark, row.body) for row in rows]


def _row(mark: PortfolioMark) -> Row:
    return Row(_partition(mark.tenant, mark.portfolio_id), _sort_key(mark.session_date), encode_model(PortfolioMark, mark))


def _partition(tenant: str, portfolio_id: str) -> str:
    return natural_key("TENANT", tenant, "PORTFOLIO", portfolio_id)


def _sort_key(session_date: date) -> str:
    return f"MARK#{session_date.isoformat()}"
