"""Live sessions in memory: what was opened first stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from threading import Lock

from daymark.adapters.live_openings import claim_opening
from daymark.contracts.bucket_book import BucketBook, decode_book
from daymark.contracts.live_session import LiveSession, decode_live_session, encode_live_session
from daymark.core.errors import NotFound
from daymark.core.fence import Fence, FenceLedger


class MemoryLiveSessions:
    """A thread-safe ``LiveSessionWriter`` and ``LiveSessions`` in memory; what it keeps went through the documents' own form.

    Args:
        ledger: Where openings are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._sessions: dict[date, bytes] = {}
        self._books: dict[str, bytes] = {}
        self._lock = Lock()

    def open(self, session: LiveSession, books: Mapping[str, bytes], fence: Fence) -> LiveSession:
        """Open a session, or return the one that was opened first.

        Raises:
            InvalidInput: the books are not those of the session.
            StaleFence: a later epoch owns the run.
        """
        claim_opening(self._ledger, session, books, fence)
        with self._lock:
            if session.session_date not in self._sessions:
                self._books.update(books)
            content = self._sessions.setdefault(session.session_date, encode_live_session(session))
        return decode_live_session(content)

    def session(self, session_date: date) -> LiveSession | None:
        """A session as it was opened; ``None`` before."""
        content = self._sessions.get(session_date)
        return None if content is None else decode_live_session(content)

    def book(self, key: str) -> BucketBook:
        """A bucket's book by its key.

        Raises:
            NotFound: there is no such book.
        """
        if key not in self._books:
            raise NotFound(f"no book {key}", field="key")
        return decode_book(self._books[key])
