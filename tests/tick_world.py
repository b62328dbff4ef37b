"""Ticks whose order shows in their numbers, and a clock that moves when somebody sleeps: shared by tests of the tick stream."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from daymark.contracts.dbn_records import Action
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import decode_block
from daymark.contracts.ticks import COLUMNS, Ticks

SYMBOLS = SymbolTable.of(["AAPL", "BAC", "GE", "JNJ", "KO", "MRK", "PG", "XOM"])
START = 1_517_841_000 * 10**9  # 2018-02-05 09:30 in New York


class Clock:
    """Seconds that pass only while somebody sleeps, or when they are told to."""

    def __init__(self) -> None:
        self.now, self.slept = 1_000.0, 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass."""
        assert seconds > 0
        self.now += seconds
        self.slept += seconds


class TickSource:
    """Hands out rows of given symbols; those of a symbol are numbered 0, 1, 2 and so on."""

    def __init__(self) -> None:
        self.given = dict.fromkeys(range(len(SYMBOLS)), 0)
        self._draw = np.random.default_rng(7)

    def rows(self, instruments: Iterable[int]) -> Ticks:
        """A row of each instrument, in this order; prices and sizes are noise, so that blocks do not shrink to nothing."""
        listed = np.fromiter(instruments, np.uint32)
        sequence = np.empty(len(listed), np.uint32)
        for number in np.unique(listed).tolist():
            places = np.flatnonzero(listed == number)
            sequence[places] = self.given[number] + np.arange(len(places))
            self.given[number] += len(places)
        noise = self._draw.integers(1, 2**31, (7, len(listed)))
        columns = dict.fromkeys(COLUMNS, np.ones(len(listed))) | {
            **{"instrument": listed, "sequence": sequence, "ts_event": START + sequence.astype(np.uint64), "ts_recv": START + noise[0]},
            **dict(zip(("bid", "ask", "price", "bid_size", "ask_size", "size"), noise[1:], strict=True)),
            "action": np.full(len(listed), int(Action.MODIFY)),
        }
        return Ticks(**{name: columns[name].astype(dtype) for name, dtype in COLUMNS.items()})

    def put_back(self, ticks: Ticks) -> None:
        """Rows that nobody took: their numbers are handed out again."""
        for number, count in zip(*np.unique(ticks.instrument, return_counts=True), strict=True):
            self.given[int(number)] -= int(count)


def sequences(contents: Iterable[bytes]) -> dict[int, list[int]]:
    """The numbers of each symbol's rows, in the order in which they stand in these records."""
    found: dict[int, list[int]] = {}
    for content in contents:
        ticks = decode_block(content, SYMBOLS).ticks
        for number, sequence in zip(ticks.instrument.tolist(), ticks.sequence.tolist(), strict=True):
            found.setdefault(number, []).append(sequence)
    return found
