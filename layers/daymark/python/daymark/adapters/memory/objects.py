"""Objects in memory, each put once: the archive and the quarantine of the live stream."""

from __future__ import annotations

from collections.abc import Sequence

from daymark.core.errors import Conflict, NotFound


class MemoryObjects:
    """A ``TickArchive`` or ``Quarantine`` in memory."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def put(self, key: str, content: bytes) -> None:
        """Store an object. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
        """
        if self._contents.setdefault(key, content) != content:
            raise Conflict(f"other content stands under {key}", field="key", key=key)

    def get(self, key: str) -> bytes:
        """The content.

        Raises:
            NotFound: nothing stands under the key.
        """
        if key not in self._contents:
            raise NotFound(f"no object {key}", field="key")
        return self._contents[key]

    def keys(self, prefix: str = "") -> Sequence[str]:
        """Keys under a prefix, sorted."""
        return sorted(key for key in self._contents if key.startswith(prefix))
