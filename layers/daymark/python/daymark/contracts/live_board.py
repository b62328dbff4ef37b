"""A live board: what a bucket's lane shows of its rows, in columns, each cell with the revision of its last change.

The rows are portfolios, or symbols on the market's board. It is the lane's snapshot and its publication in one: whoever holds an
older revision is told just what has changed since.

A revision rises by one with every block that the lane takes, over all sessions. It begins at the milliseconds since 1970 of the lane's
first record, so that a board which has to be made anew is above all that was ever seen of it. A session begins by changing every cell.
As packed arrays the board is one object, replaced only from the version it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.live_session import MARKET_BUCKET
from daymark.contracts.packed_arrays import pack, require_int64, unpack
from daymark.core.errors import InvalidInput

MAGIC = b"DMLB"
VERSION = 1
IntArray = npt.NDArray[np.int64]

# Columns of the market's board, in 1e-9 and nanoseconds since 1970 in UTC; an undefined price is the largest int64.
SYMBOL_COLUMNS = ("bid", "ask", "price", "ts_event", "publishers", "reference")
# Columns of a portfolio bucket's board, in cents; before them one a class, and its target in 1e-9.
PORTFOLIO_COLUMNS = ("value", "cash", "opening", "high_water")
CLASS_PREFIX, TARGET_PREFIX = "class:", "target:"


@dataclass(frozen=True)
class LiveBoard:
    """One bucket's board.

    Attributes:
        session_date: The session it shows.
        bucket: The bucket's number; 0 is the market's.
        revision: How far the lane has come, as above.
        as_of: Nanoseconds since 1970 in UTC of the latest tick in it; 0 before the first.
        synthetic: Whether the session runs on ticks that no market made.
        position: Sequence number of the last record of the ``quotes`` stream that was taken, -1 before the first.
        covered: Of every lane of the ``ticks`` stream the last sequence number whose quotes were taken.
        names: ``n`` row names, sorted: symbols, or ``tenant/portfolio``.
        columns: ``k`` column names.
        cells: ``(k, n)`` int64.
        changed: ``(k, n)`` int64 revision at which each cell last changed.
        prices_1e4: ``(m,)`` int64 mark prices in ten-thousandths by the instrument numbers of the bucket's book, from which its lane
            values everything anew; empty on the market's board.

    Raises:
        InvalidInput: the shapes do not fit, or an array is not of int64; the field names it.
    """

    session_date: date
    bucket: int
    revision: int
    as_of: int
    synthetic: bool
    position: int
    covered: Mapping[str, int]
    names: tuple[str, ...]
    columns: tuple[str, ...]
    cells: IntArray
    changed: IntArray
    prices_1e4: IntArray = field(default_factory=lambda: np.empty(0, np.int64))

    def __post_init__(self) -> None:
        shape = (len(self.columns), len(self.names))
        for name in ("cells", "changed"):
            if getattr(self, name).shape != shape:
                raise InvalidInput(f"{name} must be columns by rows {shape}, got {getattr(self, name).shape}", field=name)
        for name in ("cells", "changed", "prices_1e4"):
            require_int64(getattr(self, name), name)
        if self.prices_1e4.ndim != 1 or (self.is_market and len(self.prices_1e4)):
            raise InvalidInput("prices_1e4 must be one column, and none on the market's board", field="prices_1e4")

    @property
    def text(self) -> str:
        """The names, one a line.

        Raises:
            InvalidInput: a name is empty or holds a line's end.
        """
        text = "\n".join(self.names)
        if self.names and (not all(self.names) or len(text.split("\n")) != len(self.names)):
            raise InvalidInput("a row's name is one line of text", field="names")
        return text

    @property
    def is_market(self) -> bool:
        """Whether the rows are symbols."""
        return self.bucket == MARKET_BUCKET


def encode_board(board: LiveBoard) -> bytes:
    """The board as one object; equal boards give equal bytes."""
    header: dict[str, Any] = {
        "session_date": board.session_date.isoformat(),
        "bucket": board.bucket,
        "revision": board.revision,
        "as_of": str(board.as_of),
        "synthetic": board.synthetic,
        "position": str(board.position),
        "covered": {lane: str(last) for lane, last in board.covered.items()},
        "columns": list(board.columns),
    }
    # Names by the thousand are text in the body: as members of the header they would take longer than all the rest.
    text = np.frombuffer(board.text.encode("utf-8"), np.uint8)
    return pack(MAGIC, VERSION, header, {"names": text, "cells": board.cells, "changed": board.changed, "prices_1e4": board.prices_1e4})


def decode_board(content: bytes) -> LiveBoard:
    """The board of an object; its arrays are read-only.

    Raises:
        InvalidInput: no board, of another version, damaged, or its shapes or types do not fit.
    """
    header, arrays = unpack(MAGIC, VERSION, content, "board")
    if "names" in arrays and arrays["names"].dtype != np.uint8:
        raise InvalidInput(f"names must be text in bytes, got {arrays['names'].dtype}", field="names")
    # As a truth value the text "false" would be true.
    if not isinstance(header.get("synthetic"), bool):
        raise InvalidInput(f"synthetic must be true or false, got {header.get('synthetic')!r}", field="synthetic")
    try:
        names = arrays.pop("names").tobytes().decode("utf-8")
        return LiveBoard(
            date.fromisoformat(header["session_date"]),
            int(header["bucket"]),
            int(header["revision"]),
            int(header["as_of"]),
            header["synthetic"],
            int(header["position"]),
            {str(lane): int(last) for lane, last in header["covered"].items()},
            tuple(names.split("\n")) if names else (),
            tuple(header["columns"]),
            **arrays,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise InvalidInput("the board's header or arrays are not those of a board", field="board.header") from None
