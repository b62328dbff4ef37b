"""The cells of a board: a value that differs from what stands is written with the revision that changed it; nothing else is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from daymark.contracts.live_board import IntArray, LiveBoard
from daymark.contracts.quote_blocks import QuoteBlock
from daymark.core.errors import InvalidInput

NOT_HELD = -1
# Lanes of ticks are few, and each has one table of symbols; more than these are not an ingest's.
TABLES_KEPT = 1_024


class BoardCells:
    """The cells of one board.

    Attributes:
        names: ``n`` row names.
        columns: ``k`` column names.
        cells: ``(k, n)`` int64, changed in place.
        changed: ``(k, n)`` int64 revision of each cell's last change, changed in place.
    """

    def __init__(self, names: tuple[str, ...], columns: tuple[str, ...], cells: IntArray, changed: IntArray) -> None:
        self.names, self.columns, self.cells, self.changed = names, columns, cells, changed
        self._places = {name: place for place, name in enumerate(columns)}

    @classmethod
    def opened(cls, names: Sequence[str], columns: Mapping[str, IntArray], revision: int) -> BoardCells:
        """Cells that begin with these columns, all of them new at the revision."""
        cells = np.array([*columns.values()], dtype=np.int64).reshape(len(columns), len(names))
        return cls(tuple(names), tuple(columns), cells, np.full_like(cells, revision))

    @classmethod
    def restored(cls, board: LiveBoard, names: Sequence[str], columns: Sequence[str]) -> BoardCells:
        """The cells of a stored board.

        Raises:
            InvalidInput: its rows or columns are not these.
        """
        if board.names != tuple(names) or board.columns != tuple(columns):
            raise InvalidInput("the board's rows or columns are not those of its session", field="board.names")
        return cls(board.names, board.columns, board.cells.copy(), board.changed.copy())

    def put(self, column: str, rows: IntArray, values: IntArray, revision: int) -> bool:
        """Write values into different rows of a column; whether any of them is new."""
        place = self._places[column]
        new = self.cells[place, rows] != values
        rows = rows[new]
        self.cells[place, rows] = values[new]
        self.changed[place, rows] = revision
        return bool(len(rows))


class RowNumbers:
    """A board's number of every symbol of a block, looked up once for each table of symbols: lanes of ticks are few, and each has one."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._numbers = {symbol: number for number, symbol in enumerate(symbols)}
        self._tables: dict[int, IntArray] = {}

    def of(self, block: QuoteBlock) -> IntArray:
        """``(n,)`` numbers of the block's quotes.

        Raises:
            InvalidInput: a quote is of a symbol that has none.
        """
        table = block.symbols
        known = self._tables.get(table.checksum)
        if known is None:
            known = np.array([self._numbers.get(symbol, NOT_HELD) for symbol in table.symbols], dtype=np.int64)
            if len(self._tables) >= TABLES_KEPT:
                self._tables.clear()
            self._tables[table.checksum] = known
        numbers = known[block.quotes.instrument]
        strange = np.flatnonzero(numbers == NOT_HELD)
        if len(strange):
            symbol = table.symbols[int(block.quotes.instrument[strange[0]])]
            raise InvalidInput(f"bucket {block.bucket} does not hold {symbol}", field=f"quotes.instrument[{strange[0]}]", symbol=symbol)
        return numbers
