"""Closing marks in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from daymark.adapters.rows import claim_rows, encode_model, natural_key, unique_contents
from daymark.book.models import PortfolioMark
from daymark.core.errors import Conflict, InvalidInput
from daymark.core.fence import Fence, FenceLedger
from daymark.core.numbering import key_number


class MemoryMarkStore:
    """``MarkStore`` in memory.

    Args:
        ledger: Where writes are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._marks: dict[str, PortfolioMark] = {}

    def save(self, marks: Sequence[PortfolioMark], fence: Fence) -> None:
        """Append marks, all or none. The same marks again are a harmless repeat.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: another mark stands for the portfolio, session and attempt.
            InvalidInput: a portfolio, session and attempt occur twice, or an attempt is no number from 1 to 9999.
        """
        contents = unique_contents((_key(mark), encode_model(PortfolioMark, mark)) for mark in marks)
        claim_rows(self._ledger, contents, fence)
        for mark in marks:
            if encode_model(PortfolioMark, self._marks.get(_key(mark), mark)) != contents[_key(mark)]:
                raise Conflict(f"another mark of {mark.portfolio_id} stands for {mark.session_date}", field="body")
        self._marks.update((_key(mark), mark) for mark in marks)

    def mark(self, tenant: str, portfolio_id: str, session_date: date) -> PortfolioMark | None:
        """The mark of one session by its latest attempt, or ``None``."""
        return self._latest(tenant, portfolio_id).get(session_date)

    def history(self, tenant: str, portfolio_id: str, limit: int, before: date | None = None) -> Sequence[PortfolioMark]:
        """Each session's mark by its latest attempt, newest first, at most ``limit``, strictly before ``before`` if given."""
        if limit < 1:
            raise InvalidInput(f"limit must be at least 1, got {limit}", field="limit")
        marks = [mark for _, mark in sorted(self._latest(tenant, portfolio_id).items(), reverse=True)]
        return [mark for mark in marks if before is None or mark.session_date < before][:limit]

    def _latest(self, tenant: str, portfolio_id: str) -> dict[date, PortfolioMark]:
        """A portfolio's marks by session, each by its latest attempt."""
        ordered = [mark for _, mark in sorted(self._marks.items())]
        return {mark.session_date: mark for mark in ordered if (mark.tenant, mark.portfolio_id) == (tenant, portfolio_id)}


def _key(mark: PortfolioMark) -> str:
    return natural_key(mark.tenant, mark.portfolio_id, mark.session_date.isoformat(), key_number(mark.attempt, "attempt"))
