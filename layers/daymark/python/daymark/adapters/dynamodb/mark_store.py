"""Closing marks: one row per portfolio, session and attempt, claimed first, then appended."""

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
from daymark.core.numbering import key_number

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MARKS = "MARK#"


class DynamoMarkStore:
    """``MarkStore`` over the operations table: ``TENANT#<t>#PORTFOLIO#<p>`` | ``MARK#<session>#<attempt>``.

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
            Conflict: another mark stands for the portfolio, session and attempt.
            InvalidInput: a portfolio, session and attempt occur twice, or an attempt is no number from 1 to 9999.
        """
        self._table.append_claimed([_row(mark) for mark in marks], self._ledger, fence)

    def mark(self, tenant: str, portfolio_id: str, session_date: date) -> PortfolioMark | None:
        """The mark of one session by its latest attempt, or ``None``."""
        prefix = f"{_MARKS}{session_date.isoformat()}#"
        rows = self._table.query(_partition(tenant, portfolio_id), prefix, newest_first=True, limit=1)
        return next((decode_model(PortfolioMark, row.body) for row in rows), None)

    def history(self, tenant: str, portfolio_id: str, limit: int, before: date | None = None) -> Sequence[PortfolioMark]:
        """Each session's mark by its latest attempt, newest first, at most ``limit``, strictly before ``before`` if given."""
        if limit < 1:
            raise InvalidInput(f"limit must be at least 1, got {limit}", field="limit")
        partition, marks = _partition(tenant, portfolio_id), list[PortfolioMark]()
        reached = None if before is None else before.isoformat()
        while (wanted := limit - len(marks)) > 0:
            rows = list(self._table.query(partition, _MARKS, before=reached, newest_first=True, limit=wanted))
            for row in rows:
                session = row.sk.split("#")[1]
                # A session's latest attempt comes first; its earlier ones follow and are passed over.
                if session != reached:
                    marks.append(decode_model(PortfolioMark, row.body))
                    reached = session
            if len(rows) < wanted:
                break
        return marks


def _row(mark: PortfolioMark) -> Row:
    sort_key = f"{_MARKS}{mark.session_date.isoformat()}#{key_number(mark.attempt, 'attempt')}"
    return Row(_partition(mark.tenant, mark.portfolio_id), sort_key, encode_model(PortfolioMark, mark))


def _partition(tenant: str, portfolio_id: str) -> str:
    return natural_key("TENANT", tenant, "PORTFOLIO", portfolio_id)
