"""Epochs and claims in memory: the same promises as the strongly consistent table."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from daymark.core.errors import NotFound, StaleFence
from daymark.core.fence import Fence, claimed_otherwise


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

    def claim(self, fingerprints: Mapping[str, str], fence: Fence) -> None:
        """Claim business keys, each for one content, in key order until one is refused.

        Raises:
            StaleFence: a later epoch of the scope exists.
            Conflict: a key was claimed for another fingerprint; the context names it.
        """
        with self._lock:
            held = self.current(fence.scope) if fingerprints else fence
            if held != fence:
                raise StaleFence(f"{fence.scope} is held under epoch {held.epoch}, not {fence.epoch}", field="epoch", held=held.epoch)
            for key, fingerprint in sorted(fingerprints.items()):
                if self._claims.setdefault((fence.scope, key), fingerprint) != fingerprint:
                    raise claimed_otherwise(key, fence.scope)
