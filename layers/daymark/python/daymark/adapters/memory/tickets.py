"""Unused tickets in memory: for tests, notebooks and one machine."""

from __future__ import annotations

from datetime import datetime
from threading import Lock

from daymark.core.errors import Conflict
from daymark.monitoring.models import Grant


class MemoryTickets:
    """A thread-safe :class:`~daymark.monitoring.ports.Tickets` that lives as long as its process."""

    def __init__(self) -> None:
        self._tickets: dict[str, tuple[Grant, datetime]] = {}
        self._lock = Lock()

    def put(self, digest: str, grant: Grant, expires_at: datetime) -> None:
        """Keep a ticket until it is taken or expires."""
        with self._lock:
            if digest in self._tickets:
                raise Conflict("this ticket exists", field="digest")
            self._tickets[digest] = (grant, expires_at)

    def take(self, digest: str, now: datetime) -> Grant | None:
        """Remove a ticket and return what it stands for."""
        with self._lock:
            held = self._tickets.pop(digest, None)
        return held[0] if held is not None and held[1] > now else None
