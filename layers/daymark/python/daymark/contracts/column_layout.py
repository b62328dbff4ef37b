"""Columns of whole numbers as byte planes that compress well, exactly and without a loop over rows.

Each column is written in the one of a few ways that its data make the smallest:

1. *order*: as the rows stand, or gathered by group (all rows of one symbol and publisher after each other);
2. *reference*: less an earlier column of the same row (an ask less its bid);
3. *previous*: less the value before it; what a group starts with stands apart;
4. *offset*: less the smallest of all, divided by the greatest step that divides all;
5. *planes*: as in ``byte_planes``; a constant takes none.

The largest value of a 64-bit type, which says that a price or time is undefined, is taken out before and kept as one bit a row.
All arithmetic is modulo the column's width, so any value survives, differences that wrap around included.

A directory opens the columns, with an entry for each (little-endian)::

    flags:u8 (1 grouped, 2 previous, 4 undefined ones taken out) reference:u8 (the column's place; 255 none) width:u8 (planes)
    zero:u8 base:u64 (the smallest) step:u64

Then, column by column: the undefined ones' bits (one a row, the first row's highest), planes of the starts, planes of the values.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

Column = npt.NDArray[Any]

_ENTRY = struct.Struct("<BBBxQQ")
_GROUPED, _PREVIOUS, _SENTINEL = 1, 2, 4
_NO_REFERENCE = 0xFF


@dataclass(frozen=True, slots=True)
class Way:
    """One way to write a column; ``reference`` names an earlier one."""

    grouped: bool = False
    previous: bool = False
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnLayout:
    """A column's name, its type and the ways that are tried for it, those that are read the fastest first."""

    name: str
    dtype: np.dtype[Any]
    ways: tuple[Way, ...] = (Way(),)

    @property
    def unsigned(self) -> np.dtype[Any]:
        """The type it is computed in."""
        return np.dtype(f"u{self.dtype.itemsize}")

    @property
    def sentinel(self) -> int | None:
        """The value that says undefined."""
        return int(np.iinfo(self.dtype).max) if self.dtype.itemsize == 8 else None


@dataclass(frozen=True)
class BlockLayout:
    """A kind of block's columns in the order they are written, and those of them whose equal values make a group."""

    columns: tuple[ColumnLayout, ...]
    group_by: tuple[str, ...] = ()

    @classmethod
    def of(cls, dtypes: Mapping[str, np.dtype[Any]], ways: Mapping[str, tuple[Way, ...]], group_by: tuple[str, ...] = ()) -> BlockLayout:
        """The layout of these columns in their order; a column without ways is written as it is."""
        return cls(tuple(ColumnLayout(name, dtype, ways.get(name, (Way(),))) for name, dtype in dtypes.items()), group_by)

    def place(self, name: str) -> int:
        """A column's place."""
        return [column.name for column in self.columns].index(name)

    @property
    def directory_bytes(self) -> int:
        """Size of the columns' entries."""
        return _ENTRY.size * len(self.columns)

    def most_bytes(self, rows: int) -> int:
        """The most that the columns of so many rows take: every plane, every start, and one bit each for the sentinel."""
        return self.directory_bytes + sum(2 * column.dtype.itemsize * rows + (rows + 7) // 8 for column in self.columns)


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """What the directory says of a column."""

    grouped: bool
    previous: bool
    sentinel: bool
    reference: str | None
    width: int
    base: int
    step: int

    @classmethod
    def read(cls, content: bytes, place: int, layout: BlockLayout, number: int) -> ColumnEntry:
        """The entry of a layout's column, in a directory that begins at ``place``.

        Raises:
            InvalidInput: it breaks the layout; the column is named.
        """
        flags, reference, width, base, step = _ENTRY.unpack_from(content, place + _ENTRY.size * number)
        column = layout.columns[number]
        limit = 1 << 8 * column.dtype.itemsize
        known = flags < 8 and (reference == _NO_REFERENCE or reference < number)
        if not known or width > column.dtype.itemsize or base >= limit or not 0 < step < limit:
            raise InvalidInput(f"the directory's entry for {column.name} breaks the layout", field=f"columns.{column.name}")
        if flags & _SENTINEL and column.sentinel is None:
            raise InvalidInput(f"{column.name} has no undefined value", field=f"columns.{column.name}")
        if reference != _NO_REFERENCE and layout.columns[reference].dtype.itemsize != column.dtype.itemsize:
            raise InvalidInput(f"{column.name} refers to a column of another width", field=f"columns.{column.name}")
        named = None if reference == _NO_REFERENCE else layout.columns[reference].name
        grouped, previous, sentinel = (bool(flags & bit) for bit in (_GROUPED, _PREVIOUS, _SENTINEL))
        return cls(grouped, previous, sentinel, named, width, base, step)

    def packed(self, layout: BlockLayout) -> bytes:
        """The entry as :meth:`read` takes it."""
        flags = _GROUPED * self.grouped + _PREVIOUS * self.previous + _SENTINEL * self.sentinel
        reference = _NO_REFERENCE if self.reference is None else layout.place(self.reference)
        return _ENTRY.pack(flags, reference, self.width, self.base, self.step)
