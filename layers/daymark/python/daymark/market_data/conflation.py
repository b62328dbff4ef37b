"""Conflation: of all rows taken, the latest quote and the latest trade of each symbol stand; the order of arrival decides nothing.

Later means a later event; of events at one instant the higher publisher number, then the higher sequence. That is a total order,
so any cut of the stream into blocks, and any repetition, leaves the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.ticks import Ticks

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LatestRows:
    """The latest row of each symbol: ``(n_symbols,)`` columns, ``ts_event`` 0 where there is none yet.

    Attributes:
        ts_event: uint64 nanoseconds since 1970 in UTC.
        rank: uint64; orders rows of one instant by publisher, then by sequence.
        columns: What is kept of the row, by the name of its column in ``Ticks``.
    """

    ts_event: npt.NDArray[np.uint64]
    rank: npt.NDArray[np.uint64]
    columns: dict[str, npt.NDArray[np.int64]] = field(default_factory=dict)

    @classmethod
    def none(cls, n_symbols: int, names: tuple[str, ...]) -> LatestRows:
        """No symbol has a row yet."""
        zeros = {name: np.zeros(n_symbols, dtype=np.int64) for name in names}
        return cls(np.zeros(n_symbols, dtype=np.uint64), np.zeros(n_symbols, dtype=np.uint64), zeros)

    def take(self, ticks: Ticks, rows: Rows) -> Rows:
        """Keep those of the rows that are later than what stands; at most one of each symbol.

        Args:
            ticks: A block.
            rows: Row numbers in any order, each at most once; fastest where rows of one publisher and symbol lie together.

        Returns:
            The row numbers that were kept, by rising symbol.
        """
        rows = _latest_of_each_run(ticks, rows)
        symbols, events = ticks.instrument[rows].astype(np.int64), ticks.ts_event[rows]
        ranks = (ticks.publisher[rows].astype(np.uint64) << np.uint64(32)) | ticks.sequence[rows]
        later = (events > self.ts_event[symbols]) | ((events == self.ts_event[symbols]) & (ranks > self.rank[symbols]))
        rows, symbols, events, ranks = rows[later], symbols[later], events[later], ranks[later]
        np.maximum.at(self.ts_event, symbols, events)
        latest = events == self.ts_event[symbols]
        rows, symbols, ranks = rows[latest], symbols[latest], ranks[latest]
        # Whatever competes now is at the symbol's new instant, or outranks what stood at the same one.
        self.rank[symbols] = 0
        np.maximum.at(self.rank, symbols, ranks)
        highest = ranks == self.rank[symbols]
        rows, symbols = rows[highest], symbols[highest]
        order = np.argsort(symbols)
        rows, symbols = rows[order], symbols[order]
        for name, kept in self.columns.items():
            kept[symbols] = getattr(ticks, name)[rows]
        return rows


class HotQuotes:
    """The conflated state of all symbols: latest quote and latest trade."""

    def __init__(self, n_symbols: int) -> None:
        self.quotes = LatestRows.none(n_symbols, ("bid", "ask", "bid_size", "ask_size"))
        self.trades = LatestRows.none(n_symbols, ("price", "size"))

    def take(self, ticks: Ticks, rows: Rows) -> tuple[Rows, int]:
        """Take a block's rows; those that say nothing newer change nothing.

        Returns:
            Numbers of the symbols that changed, rising; and how many rows were superseded before anybody could see them.
        """
        # Asked of the columns as they lie, which is faster than of the rows in another order.
        quoted = rows[((ticks.bid != UNDEFINED_PRICE) & (ticks.ask != UNDEFINED_PRICE))[rows]]
        traded = rows[((ticks.action == Action.TRADE) & (ticks.price != UNDEFINED_PRICE))[rows]]
        kept = np.union1d(self.quotes.take(ticks, quoted), self.trades.take(ticks, traded))
        return np.unique(ticks.instrument[kept]).astype(np.int64), len(rows) - len(kept)


def _latest_of_each_run(ticks: Ticks, rows: Rows) -> Rows:
    """Of rows of one publisher and symbol that follow each other, the latest: the others cannot stand."""
    if not len(rows):
        return rows
    publishers, symbols, events = ticks.publisher[rows], ticks.instrument[rows], ticks.ts_event[rows]
    starts = np.ones(len(rows), dtype=np.bool_)
    starts[1:] = (publishers[1:] != publishers[:-1]) | (symbols[1:] != symbols[:-1])
    heads = np.flatnonzero(starts)
    lengths = np.diff(heads, append=len(rows))
    latest = events == np.repeat(np.maximum.reduceat(events, heads), lengths)
    ranks = np.where(latest, ticks.sequence[rows].astype(np.int64), -1)
    highest: npt.NDArray[np.bool_] = ranks == np.repeat(np.maximum.reduceat(ranks, heads), lengths)
    return rows[highest]
