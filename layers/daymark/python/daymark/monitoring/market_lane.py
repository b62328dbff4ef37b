"""The market's rows: the latest quote and trade of every symbol of the session, for those who watch prices and not a portfolio."""

from __future__ import annotations

import numpy as np

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.live_board import SYMBOL_COLUMNS, IntArray, LiveBoard
from daymark.contracts.live_session import LiveSession
from daymark.contracts.quote_blocks import QuoteBlock
from daymark.monitoring.board_cells import BoardCells, RowNumbers
from daymark.monitoring.board_lane import Taken
from daymark.monitoring.mark_price import check_quotes

_QUOTED = ("bid", "ask", "price", "ts_event", "publishers")


class MarketLane:
    """The symbols of one session.

    Attributes:
        cells: What the board shows of them.
    """

    def __init__(self, cells: BoardCells) -> None:
        self.cells = cells
        self._rows = RowNumbers(cells.names)

    @classmethod
    def opened(cls, session: LiveSession, revision: int) -> MarketLane:
        """As the session begins: without a quote, at the closes of the one before."""
        names = sorted(session.references)
        none, zero = np.full(len(names), UNDEFINED_PRICE, np.int64), np.zeros(len(names), np.int64)
        begun = {"bid": none, "ask": none, "price": none, "ts_event": zero, "publishers": zero}
        references = np.array([session.references[name] for name in names], np.int64)
        columns = {name: begun.get(name, references) for name in SYMBOL_COLUMNS}
        return cls(BoardCells.opened(names, columns, revision))

    @classmethod
    def restored(cls, session: LiveSession, board: LiveBoard) -> MarketLane:
        """As a board shows it.

        Raises:
            InvalidInput: the board is not of the session's symbols.
        """
        return cls(BoardCells.restored(board, sorted(session.references), SYMBOL_COLUMNS))

    @property
    def prices_1e4(self) -> IntArray:
        """None: nothing is valued here."""
        return np.empty(0, np.int64)

    def take(self, block: QuoteBlock, revision: int) -> Taken:
        """See ``BoardRows.take``; nothing is unbearable where nothing is valued.

        Raises:
            InvalidInput: a symbol that is none of the session's, or a price that is not above zero or out of range.
        """
        check_quotes(block.quotes)
        rows, quotes = self._rows.of(block), block.quotes.columns()
        shown = [self.cells.put(name, rows, quotes[name].astype(np.int64), revision) for name in _QUOTED]
        return Taken(any(shown))

    def prove(self) -> None:
        """Nothing here is worked out from anything else, so there is nothing to prove."""
