"""What the ingest must know of a session before its first tick: symbols and their lanes, publishers, prices to start from, buckets."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

from daymark.contracts.block_envelope import MAX_BLOCK_BYTES, MAX_ROWS
from daymark.contracts.live_session import LiveSession
from daymark.contracts.symbols import SymbolTable
from daymark.core.errors import InvalidInput
from daymark.market_data.tick_gate import TickRules
from daymark.market_data.tick_shards import group_of, partition_key


@dataclass(frozen=True)
class TickSession:
    """One session of the live stream.

    Attributes:
        session_date: The session.
        rules: Limits of the tick gate.
        publishers: Known publisher numbers.
        partition_keys: Of every known symbol the partition key that it is sent under; the lane of that key keeps its state.
        references: Prices (1e-9) from which the gate starts, by symbol: the official closes of the session before. Others start freely.
        buckets: Of a symbol the numbers of the portfolio buckets that hold it; others have none.
        synthetic: Whether the session runs on ticks that no market made. Blocks of the other kind are refused: the two never mix.
        max_rows: The most rows of a block.
        max_bytes: The most bytes of a block.

    Raises:
        InvalidInput: a reference or bucket of an unknown symbol, or a price that is not above zero.
    """

    session_date: date
    rules: TickRules
    publishers: tuple[int, ...]
    partition_keys: Mapping[str, str]
    references: Mapping[str, int]
    buckets: Mapping[str, Collection[int]]
    synthetic: bool
    max_rows: int = MAX_ROWS
    max_bytes: int = MAX_BLOCK_BYTES
    _tables: dict[str, SymbolTable] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("references", "buckets"):
            unknown = sorted(set(getattr(self, name)) - set(self.partition_keys))
            if unknown:
                raise InvalidInput(f"{name} name {unknown[0]}, which has no partition key", field=f"{name}.{unknown[0]}")
        for symbol, price in self.references.items():
            if price <= 0:
                raise InvalidInput(f"a reference is above zero, {symbol} has {price}", field=f"references.{symbol}")
        lanes: dict[str, list[str]] = {}
        for symbol, key in self.partition_keys.items():
            lanes.setdefault(key, []).append(symbol)
        object.__setattr__(self, "_tables", {key: SymbolTable.of(symbols) for key, symbols in lanes.items()})

    @classmethod
    def of(cls, live: LiveSession) -> TickSession:
        """A session as it was opened.

        Raises:
            InvalidInput: it has fewer than one group or more than 10,000.
        """
        return cls(
            session_date=live.session_date,
            rules=TickRules(live.session_start, live.session_end),
            publishers=live.publishers,
            partition_keys={symbol: partition_key(group_of(symbol, live.groups)) for symbol in live.references},
            references=live.references,
            buckets={symbol: live.buckets_to_tell(symbol) for symbol in live.references},
            synthetic=live.synthetic,
        )

    def table(self, key: str) -> SymbolTable:
        """The symbols that are sent under a partition key; none when nobody should use it."""
        return self._tables.get(key, SymbolTable(()))
