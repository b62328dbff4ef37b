"""Reads columns that ``column_encoding`` wrote, from front to back, never past the end and without a loop over rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from daymark.contracts.byte_planes import from_offset, from_planes
from daymark.contracts.column_layout import BlockLayout, Column, ColumnEntry, ColumnLayout
from daymark.contracts.row_groups import Groups, group_starts
from daymark.core.errors import InvalidInput


def decode_columns(layout: BlockLayout, content: bytes, place: int, rows: int) -> tuple[dict[str, Column], int]:
    """The columns that :func:`encode_columns` wrote from ``place`` on, ``(rows,)`` each, and the place behind them.

    Raises:
        InvalidInput: the directory breaks a rule or the content is too short; the column is named.
    """
    octets = np.frombuffer(content, np.uint8)
    sections = _Sections(octets, place + layout.directory_bytes)
    if sections.place > len(octets):
        raise InvalidInput("the content ends inside the columns' directory", field="columns")
    columns: dict[str, Column] = {}
    groups: Groups | None = None
    for number, column in enumerate(layout.columns):
        entry = ColumnEntry.read(content, place, layout, number)
        if entry.grouped and groups is None:
            if not layout.group_by or any(name not in columns for name in layout.group_by):
                raise InvalidInput(f"columns.{column.name} is grouped by columns that come later", field=f"columns.{column.name}")
            groups = Groups.of([columns[name] for name in layout.group_by])
        columns[column.name] = _decoded(entry, column, sections, rows, columns, groups if entry.grouped else None)
    return columns, sections.place


class _Sections:
    """Takes sections front to back and never past the end."""

    def __init__(self, octets: npt.NDArray[np.uint8], place: int) -> None:
        self.octets, self.place = octets, place

    def take(self, width: int, count: int, name: str) -> npt.NDArray[np.uint8]:
        """``(width, count)`` bytes."""
        end = self.place + width * count
        if end > len(self.octets):
            raise InvalidInput(f"the content ends inside {name}", field=f"columns.{name}")
        taken = self.octets[self.place : end].reshape(width, count)
        self.place = end
        return taken


def _decoded(
    entry: ColumnEntry, column: ColumnLayout, sections: _Sections, rows: int, columns: Mapping[str, Column], groups: Groups | None
) -> Column:
    dtype = column.unsigned
    keys = None if groups is None else groups.keys
    defined: npt.NDArray[np.bool_] | None = None
    if entry.sentinel:
        bits = sections.take(1, (rows + 7) // 8, column.name)[0]
        defined = ~np.unpackbits(bits, count=rows).view(np.bool_)
        keys = None if keys is None else keys[defined]
    count = rows if defined is None else int(np.count_nonzero(defined))
    places = group_starts(count, keys) if entry.previous else None
    starts = None if places is None else from_planes(sections.take(dtype.itemsize, len(places), column.name))
    codes = from_planes(sections.take(entry.width, count, column.name))
    values = from_offset(codes, entry.base, entry.step, dtype)
    if places is not None:
        values[places] = starts
        np.cumsum(values, dtype=dtype, out=values)
    if entry.reference is not None:
        reference = columns[entry.reference].view(dtype)
        reference = reference if groups is None else reference[groups.order]
        values += reference if defined is None else reference[defined]
    if defined is not None:
        full = np.full(rows, column.sentinel, dtype)
        full[defined] = values
        values = full
    if groups is not None:
        gathered, values = values, np.empty(rows, dtype)
        values[groups.order] = gathered
    return values.view(column.dtype)
