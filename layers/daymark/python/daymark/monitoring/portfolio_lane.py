"""A portfolio bucket's rows: every portfolio's value, cash and classes, of which a block touches only what it moves.

A board keeps prices, and values follow from them: whoever takes it up values every position anew. So a wrong value, wherever it came
from, lives no longer than its worker, and is told as the change that it is.
"""

from __future__ import annotations

import numpy as np

from daymark.contracts.bucket_book import BucketBook
from daymark.contracts.live_board import CLASS_PREFIX, TARGET_PREFIX, IntArray, LiveBoard
from daymark.contracts.quote_blocks import QuoteBlock
from daymark.monitoring.board_cells import BoardCells, RowNumbers
from daymark.monitoring.board_lane import Taken
from daymark.monitoring.live_marks import Holdings, LiveMarks, above_zero
from daymark.monitoring.mark_price import check_quotes, mark_prices


class PortfolioLane:
    """The portfolios of one bucket.

    Attributes:
        book: What they hold.
        marks: What they are worth.
        cells: What the board shows of it.
    """

    def __init__(self, book: BucketBook, marks: LiveMarks, cells: BoardCells) -> None:
        self.book, self.marks, self.cells = book, marks, cells
        self._rows = RowNumbers(book.symbols)
        self._class_columns = tuple(f"{CLASS_PREFIX}{name}" for name in book.class_names)

    @classmethod
    def opened(cls, book: BucketBook, revision: int) -> PortfolioLane:
        """As the session begins, at the closes of the one before.

        Raises:
            InvalidInput: the book contradicts itself.
        """
        marks = LiveMarks(_holdings(book), book.prices_1e4, book.cash_cents, book.high_water_cents)
        return cls(book, marks, BoardCells.opened(_names(book), _columns(book, marks), revision))

    @classmethod
    def restored(cls, book: BucketBook, board: LiveBoard, revision: int) -> tuple[PortfolioLane, bool]:
        """As a board shows it, every value worked out anew from the board's prices.

        Args:
            book: Of the board's session and bucket.
            board: What stands.
            revision: Of cells that turn out to be wrong.

        Returns:
            The rows, and whether any cell was wrong.

        Raises:
            InvalidInput: the board does not fit the book.
        """
        marks = LiveMarks(_holdings(book), board.prices_1e4, book.cash_cents, book.high_water_cents)
        cells = BoardCells.restored(board, _names(book), tuple(_columns(book, marks)))
        seen = board.cells[board.columns.index("high_water")]
        np.maximum(marks.high_water_cents, seen, out=marks.high_water_cents)
        lane = cls(book, marks, cells)
        return lane, lane._show(np.arange(len(cells.names)), revision)

    @property
    def prices_1e4(self) -> IntArray:
        """``(m,)`` int64 mark prices by instrument number."""
        return self.marks.prices_1e4

    def take(self, block: QuoteBlock, revision: int) -> Taken:
        """See ``BoardRows.take``: unbearable is a price at which a position's value would pass int64.

        Raises:
            InvalidInput: a symbol that the bucket does not hold, or a price that is not above zero.
        """
        check_quotes(block.quotes)
        instruments = self._rows.of(block)
        prices = above_zero(mark_prices(block.quotes, self.book.prices_1e4[instruments]))
        bearable = self.marks.bearable(instruments, prices)
        moved = bearable & (prices != self.marks.prices_1e4[instruments])
        changed = self._show(self.marks.apply(instruments[moved], prices[moved]), revision)
        return Taken(changed, tuple(self.book.symbols[number] for number in instruments[~bearable].tolist()))

    def prove(self) -> None:
        """The full pass over every position.

        Raises:
            Conflict: the kept values are not what the positions are worth.
        """
        self.marks.prove()

    def _show(self, portfolios: IntArray, revision: int) -> bool:
        marks, put = self.marks, self.cells.put
        shown = [put("value", portfolios, marks.value_cents[portfolios], revision)]
        shown.append(put("high_water", portfolios, marks.high_water_cents[portfolios], revision))
        for number, column in enumerate(self._class_columns):
            shown.append(put(column, portfolios, marks.class_cents[portfolios, number], revision))
        return any(shown)


def _holdings(book: BucketBook) -> Holdings:
    return Holdings.of(book.instruments, book.portfolios, book.quantities_1e4, book.classes, len(book.owners), len(book.class_names))


def _names(book: BucketBook) -> tuple[str, ...]:
    return tuple(f"{tenant}/{portfolio_id}" for tenant, portfolio_id in book.owners)


def _columns(book: BucketBook, marks: LiveMarks) -> dict[str, IntArray]:
    return {
        "value": marks.value_cents,
        "cash": book.cash_cents,
        "opening": book.opening_cents,
        "high_water": marks.high_water_cents,
        **{f"{CLASS_PREFIX}{name}": marks.class_cents[:, number] for number, name in enumerate(book.class_names)},
        **{f"{TARGET_PREFIX}{name}": book.targets_1e9[:, number] for number, name in enumerate(book.class_names)},
    }
