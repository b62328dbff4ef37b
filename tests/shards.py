"""A deterministic part of the suite: ``k/n`` is the k-th of n parts, which together hold every test once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``count`` parts, from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """The shard that a text names; one of one for an empty text.

        >>> Shard.parse("2/5")
        Shard(number=2, count=5)
        >>> Shard.parse("6/5")
        Traceback (most recent call last):
        ValueError: a shard is k/n with 1 <= k <= n, for example 2/5; got '6/5'
        """
        read = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text or "1/1")
        if read is None or not 1 <= int(read[1]) <= int(read[2]):
            raise ValueError(f"a shard is k/n with 1 <= k <= n, for example 2/5; got {text!r}")
        return cls(int(read[1]), int(read[2]))

    def holds(self, name: str) -> bool:
        """Whether a test belongs to this shard, by the hash of its id: the same on every machine, whatever else is collected."""
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) % self.count == self.number - 1

    def seeds(self, count: int) -> range:
        """This shard's part of the seeds 0 .. count - 1, for one test that loops over them.

        >>> list(Shard(2, 3).seeds(8))
        [1, 4, 7]
        """
        return range(self.number - 1, count, self.count)


class ShardedSuite:
    """Leaves out the tests of the other shards; a test marked ``every_shard`` divides its seeds instead and runs in all."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep this shard's tests, in their order."""
        kept = [item for item in items if item.get_closest_marker("every_shard") or self._shard.holds(item.nodeid)]
        if len(kept) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in kept])
            items[:] = kept
