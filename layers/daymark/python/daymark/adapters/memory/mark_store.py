"""Closing marks in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from daymark.adapters.rows import claim_rows, encode_model, natural_key, unique_contents
from daymark.book.models import PortfolioMark
from daymark.core.errors import Conflict, InvalidInput
from daymark.core.fence import Fence, FenceLedger


class MemoryMarkStore:
    """``MarkStore`` in memory.

    Args:
        ledger: Where writes are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._marks: dict[tuple[str, str, date], PortfolioMark] = {}

    def save(self, marks: Sequence[PortfolioMark], fence: Fence) -> None:
        """Append marks, all or none. The same marks again are a harmless repeat.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: another mark stands for the portfolio and session.
            InvalidInput: a portfolio and session occur twice.
        """
        contents = unique_contents(
            (natural_key(mark.tenant, mark.portfolio_id, mark.session_date.isoformat()), encode_model(PortfolioMark, mark))
            for mark in marks
        )
        claim_rows(self._ledger, contents, fence)
        for mark in marks:
            standing = self._marks.get((mark.tenant, mark.portfolio_id, mark.session_date), mark)
            if encode_model(PortfolioMark, standing) != encode_model(PortfolioMark, mark):
                raise Conflict(f"another mark of {mark.portfolio_id} stands for {mark.session_date}", field="body")
        for mark in marks:
            self._marks[mark.tenant, mark.portfolio_id, mark.session_date] = mark

    def mark(self, tenant: str, portfolio_id: str, session_date: date) -> PortfolioMark | None:
        """The mark of one session, or ``None``."""
        return self._marks.get((tenant, portfolio_id, session_date))

    def history(self, tenant: str, portfolio_id: str, limit: int, before: date | None = None) -> Sequence[PortfolioMark]:
        """Marks, newest first, at most ``limit``, strictly before ``before`` if given."""
        if limit < 1:
            raise InvalidInput(f"limit must be at least 1, got {limit}", field="limit")
        own = [mark for (owner, portfolio, _), mark in self._marks.items() if (owner, portfolio) == (tenant, portfolio_id)]
        own = [mark for mark in own if before is None or mark.session_date < before]
        return sorted(own, key=lambda mark: mark.session_date, reverse=True)[:limit]
