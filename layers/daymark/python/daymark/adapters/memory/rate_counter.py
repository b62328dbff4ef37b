"""Counts of calls in memory: for tests, notebooks and one machine."""

from __future__ import annotations

from datetime import datetime
from threading import Lock


class MemoryRateCounter:
    """A thread-safe :class:`~daymark.http.tenant_rates.RateCounter` that lives as long as its process."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, datetime], tuple[int, datetime]] = {}
        self._lock = Lock()

    def count(self, subject: str, starts_at: datetime, ends_at: datetime, limit: int) -> int | None:
        """Count one call, unless ``limit`` calls are counted already."""
        with self._lock:
            used, _ = self._counts.get((subject, starts_at), (0, ends_at))
            if used >= limit:
                return None
            if not used:
                # A window begins: what ended before it has no use any more.
                self._counts = {key: counted for key, counted in self._counts.items() if counted[1] > starts_at}
            self._counts[subject, starts_at] = (used + 1, ends_at)
            return used + 1
