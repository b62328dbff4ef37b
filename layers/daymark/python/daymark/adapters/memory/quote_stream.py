"""The quotes stream in memory: a list of blocks for each portfolio bucket."""

from __future__ import annotations

from collections.abc import Sequence


class MemoryQuoteStream:
    """A ``QuoteStream`` in memory.

    Attributes:
        blocks: Of each bucket the blocks put so far, in their order.
    """

    def __init__(self) -> None:
        self.blocks: dict[int, list[bytes]] = {}

    def put(self, blocks: Sequence[tuple[int, bytes]]) -> None:
        """Append quote blocks, each with its portfolio bucket."""
        for bucket, block in blocks:
            self.blocks.setdefault(bucket, []).append(block)
