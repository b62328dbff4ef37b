"""Tick shards: a symbol belongs to one group for good, a group is one partition key, so a symbol's rows keep their order in the stream.

There are more groups than shards, and re-sharding moves whole groups. The stream places a key by its MD5 among equal ranges of 128 bits.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from daymark.contracts.symbols import SymbolTable
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput

MAX_GROUPS = 10_000
# A quote of 38 bytes and a symbol of at most 72: whatever they are, a block of all of a group's quotes stays below 1 MiB.
MAX_GROUP_SYMBOLS = 8_192


def group_of(symbol: str, groups: int) -> int:
    """A symbol's group: the first 64 bits of its SHA-256, spread evenly over the groups.

    >>> hashlib.sha256(b"AAPL").hexdigest()[0], group_of("AAPL", 16)
    ('1', 1)

    Raises:
        InvalidInput: fewer than one group or more than 10,000.
    """
    if not 1 <= groups <= MAX_GROUPS:
        raise InvalidInput(f"groups must be 1 to {MAX_GROUPS}, got {groups}", field="groups")
    return int.from_bytes(hashlib.sha256(symbol.encode()).digest()[:8], "big") * groups >> 64


def check_groups(symbols: Iterable[str], groups: int) -> None:
    """Refuse to spread symbols over so few groups that a block of one's quotes might not fit a record.

    Raises:
        InvalidInput: a group has more than 8,192 symbols; or fewer than one group or more than 10,000.
    """
    sizes = Counter(group_of(symbol, groups) for symbol in symbols)
    group, size = max(sizes.items(), key=lambda item: item[1], default=(0, 0))
    if size > MAX_GROUP_SYMBOLS:
        message = f"group {group} of {groups} has {size} symbols, at most {MAX_GROUP_SYMBOLS} fit a record: spread them over more groups"
        raise InvalidInput(message, field="groups")


def partition_key(group: int) -> str:
    """The partition key of a group.

    >>> partition_key(7)
    'ticks-0007'
    """
    return f"ticks-{group:04d}"


def shard_of(key: str, shards: int) -> int:
    """Which of ``shards`` equal hash ranges a partition key falls into, as Kinesis Data Streams places it.

    >>> shard_of("AAPL", 2), hashlib.md5(b"AAPL", usedforsecurity=False).hexdigest()[0]
    (1, '8')
    """
    if shards < 1:
        raise InvalidInput(f"shards must be at least 1, got {shards}", field="shards")
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest(), "big") * shards >> 128


class TickShards:
    """The groups of one table's symbols.

    Args:
        symbols: The table that numbers the rows.
        groups: How many groups there are.

    Raises:
        InvalidInput: fewer than one group or more than 10,000.
    """

    def __init__(self, symbols: SymbolTable, groups: int) -> None:
        group_of("", groups)
        self.symbols = symbols
        self._groups = np.array([group_of(symbol, groups) for symbol in symbols.symbols], dtype=np.int64)

    def partition_keys(self) -> dict[str, str]:
        """The partition key of each symbol: what a reader must know to keep each key's state apart."""
        return {symbol: partition_key(group) for symbol, group in zip(self.symbols.symbols, self._groups.tolist(), strict=True)}

    def split(self, ticks: Ticks) -> Iterator[tuple[str, Ticks]]:
        """The rows of each partition key that has any, in their order, by rising key.

        Raises:
            InvalidInput: a row's symbol is not in the table.
        """
        if not len(ticks):
            return
        highest = int(ticks.instrument.max())
        if highest >= len(self.symbols):
            raise InvalidInput(f"instrument {highest} is not among the {len(self.symbols)} symbols", field="ticks.instrument")
        groups = self._groups[ticks.instrument]
        order = np.argsort(groups, kind="stable")
        edges = np.flatnonzero(np.diff(groups[order], prepend=-1, append=-1))
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            rows = order[start:end]
            yield partition_key(int(groups[rows[0]])), ticks.take(rows)
