"""Partition keys on shards that split and merge on the way: Kinesis developer guide, "Resharding a stream"."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from tests.simulation.event_source_mapping import Shard


class ShardedKeys:
    """Numbered keys, spread over shards in turn.

    Attributes:
        shards: Every shard there has been, parents before their children.
        open: The shard that takes a key's records now.
        reshards: How often shards were split and merged.
    """

    def __init__(self, rng: random.Random, keys: Sequence[int], shards: int) -> None:
        self._rng = rng
        self.shards = [Shard(f"shardId-{number:012d}") for number in range(shards)]
        self.open = {key: self.shards[key % shards] for key in keys}
        self.reshards: Counter[str] = Counter()

    def reshard(self) -> None:
        """A shard with several keys is split; or two shards are merged."""
        by_shard: dict[str, list[int]] = {}
        for key, shard in self.open.items():
            by_shard.setdefault(shard.shard_id, []).append(key)
        groups = list(by_shard.values())
        self._rng.shuffle(groups)
        wide = [keys for keys in groups if len(keys) > 1]
        if wide and (len(groups) < 2 or self._rng.random() < 0.5):
            parent = self.open[wide[0][0]]
            self.reshards["split"] += 1
            for keys in (wide[0][::2], wide[0][1::2]):
                self._child((parent,), keys)
        elif len(groups) > 1:
            self.reshards["merged"] += 1
            self._child((self.open[groups[0][0]], self.open[groups[1][0]]), groups[0] + groups[1])

    def _child(self, parents: tuple[Shard, ...], keys: list[int]) -> None:
        shard = Shard(f"shardId-{len(self.shards):012d}", parents)
        self.shards.append(shard)
        self.open |= dict.fromkeys(keys, shard)
