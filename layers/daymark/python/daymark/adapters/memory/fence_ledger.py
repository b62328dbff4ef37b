"""Epochs and claims in memory: the same promises as the strongly consistent table."""

from __future__ import annotations

from threading import Lock

from daymark.core.errors import Conflict, NotFound, StaleFence
from daymark.core.fence import Claim, Fence


class MemoryFenceLedger:
    """A thread-safe :class:`~daymark.core.fence.FenceLedger` that lives as long as its process."""

    def __init__(self) -> None:
        self._fences: dict[str, Fence] = {}
        self._claims: dict[tuple[str, str], str] = {}
        self._lock = Lock()

    def current(self, scope: str) -> Fence:
        """The fence in force for a scope."""
        fence = self._fences.get(scope)
        if fence is None:
            raise NotFound(f"no epoch was ever opened for {scope}", field="scope")
        return fence

    def open(self, scope: str, region: str) -> Fence:
        """Take the scope over under its next epoch."""
        with self._lock:
            held = self._fences.get(scope)
            fence = self._fences[scope] = Fence(scope, region, held.epoch + 1 if held else 1)
            return fence

    def claim(self, key: str, fingerprint: str, fence: Fence) -> Claim:
        """Claim a business key for one content."""
        with self._lock:
            held = self.current(fence.scope)
            if held != fence:
                raise StaleFence(f"{fence.scope} is held under epoch {held.epoch}, not {fence.epoch}", field="epoch", held=held.epoch)
            claimed = self._claims.get((fence.scope, key))
            if claimed is None:
                self._claims[fence.scope, key] = fingerprint
                return Claim.FIRST
            if claimed != fingerprint:
                raise Conflict(f"{key} was claimed for other content", field="key", scope=fence.scope)
            return Claim.REPEAT
