"""Conflation: of all rows taken, the latest quote and the latest trade of each symbol stand; the order of arrival decides nothing.

Later means a later event; of events at one instant the higher publisher number, then the higher sequence. That is a total order,
so any cut of the stream into blocks, and any repetition, leaves the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.ticks import Ticks

Rows = npt.NDArray[np.int64]

# A plain number: columns are compared with a member of an enumeration ten times as slowly.
_TRADE = Action.TRADE.value


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

    def take(self, ticks: Ticks, rows: Rows, keys: Rows | None = None) -> Rows:
        """Keep those of the rows that are later than what stands; at most one of each symbol.

        Args:
            ticks: A block.
            rows: Row numbers in any order, each at most once.
            keys: Rising numbers of the rows' publishers and symbols, as the gate gives them: symbols rise within a publisher. Left
                out, they are found here, which takes as long as all the rest.

        Returns:
            The row numbers that were kept, by rising symbol.
        """
        standing = self.standing(ticks, *((rows, keys) if keys is not None else _by_key(ticks, rows)))
        kept: Rows = standing[standing >= 0]
        return kept

    def standing(self, ticks: Ticks, rows: Rows, keys: Rows) -> Rows:
        """:meth:`take` of rows by key; returns for each symbol the row that was kept, ``(n_symbols,)``, -1 where none was."""
        standing = np.full(len(self.ts_event), -1, dtype=np.int64)
        rows = _latest_of_each_run(ticks, rows, keys)
        symbols, events = ticks.instrument.take(rows).astype(np.int64), ticks.ts_event.take(rows)
        # As long as symbols rise each occurs once: a publisher's rows are taken together, one publisher after the other.
        cuts = [0, *(np.flatnonzero(symbols[1:] <= symbols[:-1]) + 1).tolist(), len(rows)]
        for first, last in pairwise(cuts):
            symbol, event = symbols[first:last], events[first:last]
            held = self.ts_event.take(symbol)
            later = event > held
            tied = np.flatnonzero(event == held)
            if len(tied):
                later[tied] = _rank(ticks, rows[first:last][tied]) > self.rank[symbol[tied]]
            won = np.flatnonzero(later)
            symbol, row = symbol.take(won), rows[first:last].take(won)
            self.ts_event[symbol], self.rank[symbol] = event.take(won), _rank(ticks, row)
            standing[symbol] = row
        symbols = np.flatnonzero(standing >= 0)
        kept_rows = standing.take(symbols)
        for name, kept in self.columns.items():
            kept[symbols] = getattr(ticks, name).take(kept_rows).astype(np.int64, copy=False)
        return standing


class HotQuotes:
    """The conflated state of all symbols: latest quote and latest trade."""

    def __init__(self, n_symbols: int) -> None:
        self.quotes = LatestRows.none(n_symbols, ("bid", "ask", "bid_size", "ask_size"))
        self.trades = LatestRows.none(n_symbols, ("price", "size"))

    def take(self, ticks: Ticks, rows: Rows, keys: Rows | None = None) -> tuple[Rows, int]:
        """Take a block's rows; those that say nothing newer change nothing.

        Args:
            ticks: A block.
            rows: Row numbers in any order, each at most once.
            keys: As in :meth:`LatestRows.take`.

        Returns:
            Numbers of the symbols that changed, rising; and how many rows were superseded before anybody could see them.
        """
        if keys is None:
            rows, keys = _by_key(ticks, rows)
        # Asked of the columns as they lie, which is faster than of the rows in another order.
        quoted = (ticks.bid != UNDEFINED_PRICE) & (ticks.ask != UNDEFINED_PRICE)
        traded = (ticks.action == _TRADE) & (ticks.price != UNDEFINED_PRICE)
        quotes = self.quotes.standing(ticks, *((rows, keys) if quoted.all() else _those(quoted, rows, keys)))
        trades = self.trades.standing(ticks, *_those(traded, rows, keys))
        changed = np.flatnonzero((quotes >= 0) | (trades >= 0))
        quote, trade = quotes[changed], trades[changed]
        # A row that is both counts once; where one part is missing the two differ.
        kept = int((quote >= 0).sum() + (trade >= 0).sum() - (quote == trade).sum())
        return changed, len(rows) - kept


def _rank(ticks: Ticks, rows: Rows) -> npt.NDArray[np.uint64]:
    return (ticks.publisher.take(rows).astype(np.uint64) << np.uint64(32)) | ticks.sequence.take(rows)


def _by_key(ticks: Ticks, rows: Rows) -> tuple[Rows, Rows]:
    """Rows ordered by publisher and symbol, and a number for each pair of these."""
    keys = (ticks.publisher[rows].astype(np.int64) << 32) | ticks.instrument[rows]
    order = np.argsort(keys, kind="stable")
    return rows[order], keys[order]


def _those(which: npt.NDArray[np.bool_], rows: Rows, keys: Rows) -> tuple[Rows, Rows]:
    places = np.flatnonzero(which.take(rows))
    return rows.take(places), keys.take(places)


def _latest_of_each_run(ticks: Ticks, rows: Rows, keys: Rows) -> Rows:
    """Of the rows of each key the latest: the others cannot stand. Nearly always it is the last."""
    if not len(rows):
        return rows
    starts = np.ones(len(rows), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=starts[1:])
    heads = np.flatnonzero(starts)
    latest: Rows = rows.take(np.append(heads[1:], len(rows)) - 1)
    events = ticks.ts_event.take(rows)
    rising = starts[1:] | (events[1:] > events[:-1])
    if not rising.all():
        runs = np.unique(np.searchsorted(heads, np.flatnonzero(~rising), side="right") - 1)
        lengths = np.diff(heads, append=len(rows))[runs]
        within = np.cumsum(lengths) - lengths
        places = np.arange(int(lengths.sum())) + np.repeat(heads[runs] - within, lengths)
        highest = events[places] == np.repeat(np.maximum.reduceat(events[places], within), lengths)
        sequences = np.where(highest, ticks.sequence[rows[places]].astype(np.int64), -1)
        highest = sequences == np.repeat(np.maximum.reduceat(sequences, within), lengths)
        latest[np.repeat(runs, lengths)[highest]] = rows[places[highest]]
    return latest
