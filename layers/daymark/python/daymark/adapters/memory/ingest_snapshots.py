"""Snapshots of the ingest in memory, replaced only from the version that stands."""

from __future__ import annotations

from datetime import date
from threading import Lock

from daymark.core.errors import Conflict


class MemoryIngestSnapshots:
    """A thread-safe ``IngestSnapshots`` in memory."""

    def __init__(self) -> None:
        self._stored: dict[tuple[date, str], tuple[bytes, int]] = {}
        self._lock = Lock()

    def version(self, session_date: date, lane: str) -> str | None:
        """The version that stands; ``None`` when there is none."""
        stored = self.load(session_date, lane)
        return None if stored is None else stored[1]

    def load(self, session_date: date, lane: str) -> tuple[bytes, str] | None:
        """The content that stands and its version; ``None`` when there is none."""
        stored = self._stored.get((session_date, lane))
        return None if stored is None else (stored[0], str(stored[1]))

    def save(self, session_date: date, lane: str, content: bytes, replaces: str | None) -> str:
        """Put the content in place of the version named, and return its own.

        Raises:
            Conflict: another version stands.
        """
        with self._lock:
            standing = self.version(session_date, lane)
            if standing != replaces:
                raise Conflict(f"version {standing} of lane {lane} stands, not {replaces}", field="replaces", standing=standing)
            number = 1 if standing is None else int(standing) + 1
            self._stored[session_date, lane] = (content, number)
            return str(number)
