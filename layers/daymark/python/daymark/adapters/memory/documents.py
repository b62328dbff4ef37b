"""Documents in memory."""

from __future__ import annotations

from collections.abc import Sequence

from daymark.adapters.rows import claim_rows, document_key, fingerprint, link_seconds
from daymark.core.errors import Conflict, NotFound
from daymark.core.fence import Fence, FenceLedger


class MemoryDocuments:
    """``Documents`` in memory; addresses begin with ``memory://``.

    Args:
        ledger: Where writes are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._contents: dict[str, bytes] = {}

    def put(self, key: str, content: bytes, content_type: str, fence: Fence) -> str:
        """Store a file and return its address. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            StaleFence: a later epoch owns the run.
        """
        del content_type  # nobody downloads from memory
        claim_rows(self._ledger, {f"documents/{document_key(key)}": fingerprint(content)}, fence)
        if self._contents.setdefault(key, content) != content:
            raise Conflict(f"other content stands under {key}", field="key", key=key)
        return f"memory://{key}"

    def get(self, key: str) -> bytes:
        """The content.

        Raises:
            NotFound: nothing stands under the key.
        """
        if key not in self._contents:
            raise NotFound(f"no document {key}", field="key")
        return self._contents[key]

    def keys(self, prefix: str) -> Sequence[str]:
        """Keys under a prefix, sorted."""
        return sorted(key for key in self._contents if key.startswith(prefix))

    def link(self, key: str, seconds: int) -> str:
        """An address that names its own life in seconds.

        Raises:
            NotFound: nothing stands under the key.
        """
        self.get(key)
        return f"memory://{key}?seconds={link_seconds(seconds)}"
