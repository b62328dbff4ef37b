"""Snapshots of lanes in memory, replaced only from the version that stands."""

from __future__ import annotations

from threading import Lock

from daymark.adapters.rows import lane_name
from daymark.core.errors import Conflict


class MemoryLaneSnapshots:
    """A thread-safe ``LaneSnapshots`` in memory."""

    def __init__(self) -> None:
        self._stored: dict[str, tuple[bytes, int]] = {}
        self._lock = Lock()

    def version(self, name: str) -> str | None:
        """The version that stands; ``None`` when there is none."""
        stored = self.load(name)
        return None if stored is None else stored[1]

    def load(self, name: str) -> tuple[bytes, str] | None:
        """The content that stands and its version; ``None`` when there is none."""
        stored = self._stored.get(lane_name(name))
        return None if stored is None else (stored[0], str(stored[1]))

    def save(self, name: str, content: bytes, replaces: str | None) -> str:
        """Put the content in place of the version named, and return its own.

        Raises:
            Conflict: another version stands.
        """
        with self._lock:
            standing = self.version(name)
            if standing != replaces:
                raise Conflict(f"version {standing} of {name} stands, not {replaces}", field="replaces", standing=standing)
            number = 1 if standing is None else int(standing) + 1
            self._stored[lane_name(name)] = (content, number)
            return str(number)
