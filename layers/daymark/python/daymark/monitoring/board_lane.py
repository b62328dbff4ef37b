"""A bucket's lane: the board that stands or will stand, and what of both streams it has taken.

A lane begins without a board: only the first block says which session it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from daymark.contracts.live_board import IntArray, LiveBoard
from daymark.contracts.live_session import LiveSession
from daymark.contracts.quote_blocks import QuoteBlock, StreamPosition
from daymark.monitoring.board_cells import BoardCells


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a block.

    Attributes:
        changed: Whether any cell changed.
        unbearable: Symbols whose price nothing could be valued at; each keeps the price that it had.
    """

    changed: bool
    unbearable: tuple[str, ...] = ()


class BoardRows(Protocol):
    """What a board shows, and how blocks change it."""

    @property
    def cells(self) -> BoardCells:
        """What is shown."""
        ...

    @property
    def prices_1e4(self) -> IntArray:
        """``(m,)`` int64 mark prices from which everything can be valued anew; none where nothing is."""
        ...

    def take(self, block: QuoteBlock, revision: int) -> Taken:
        """Take a block's quotes but those that are unbearable; on an error, none.

        Raises:
            InvalidInput: the block cannot be taken.
        """
        ...

    def prove(self) -> None:
        """Work everything out anew and compare.

        Raises:
            Conflict: something differs.
        """
        ...


@dataclass
class Shown:
    """The session that a lane shows, with its rows; ``covered`` as in ``LiveBoard``."""

    session: LiveSession
    bucket: int
    rows: BoardRows
    covered: dict[str, int]
    as_of: int = 0

    def covers(self, position: StreamPosition) -> bool:
        """Whether all of these ticks have been taken: the quotes that come with them are repeated, or older than what is shown."""
        return position.last <= self.covered.get(position.shard, -1)


class BoardLane:
    """The lane of one partition key of the ``quotes`` stream.

    Attributes:
        name: The lane's name, the same as its board's.
        shown: What its board shows, ``None`` before the first block.
        revision: As in ``LiveBoard``; 0 before the first block.
        position: Sequence number of the last record taken, -1 before the first.
        committed: Position that the stored board has.
        version: Of the stored board, ``None`` before the first.
        is_untold: Whether cells of the stored board changed and nobody is known to have been told.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.shown: Shown | None = None
        self.revision = 0
        self.position = self.committed = -1
        self.version: str | None = None
        self.is_untold = False
        self._is_moved = self._is_unsaved = False

    def restore(self, board: LiveBoard, version: str, shown: Shown) -> None:
        """Take up a stored board. Whether it was told before its worker ended cannot be known, so it is told again."""
        self.shown, self.revision = shown, board.revision
        self.position, self.version = board.position, version
        self.committed, self.is_untold = board.position, True

    def is_repeat(self, sequence: int) -> bool:
        """Whether the record has been taken before."""
        return sequence <= self.position

    def advance(self, sequence: int) -> None:
        """A record has been taken, whatever it held."""
        self.position, self._is_unsaved = sequence, True

    def move(self, changed: bool, revision: int) -> None:
        """A block has been taken, which makes this revision."""
        self.revision = revision
        self._is_moved |= changed
        self._is_unsaved = True

    @property
    def is_dirty(self) -> bool:
        """Whether there is a board that has to be saved; also one of which only the position moved."""
        return self.shown is not None and self._is_unsaved

    def settle(self, version: str) -> None:
        """What has been taken so far stands in the board of this version."""
        self.version, self.committed = version, self.position
        self.is_untold |= self._is_moved
        self._is_moved = self._is_unsaved = False

    def board(self) -> LiveBoard:
        """The board, over the lane's own arrays.

        Raises:
            AssertionError: there is none yet.
        """
        assert self.shown is not None
        session, rows = self.shown.session, self.shown.rows
        return LiveBoard(
            session_date=session.session_date,
            bucket=self.shown.bucket,
            revision=self.revision,
            as_of=self.shown.as_of,
            synthetic=session.synthetic,
            position=self.position,
            covered=self.shown.covered,
            names=rows.cells.names,
            columns=rows.cells.columns,
            cells=rows.cells.cells,
            changed=rows.cells.changed,
            prices_1e4=rows.prices_1e4,
        )
