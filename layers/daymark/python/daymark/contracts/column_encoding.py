"""Writes columns by their layout: of each column's ways the one that a sample of the data makes the smallest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from daymark.contracts.byte_planes import Unsigned, entropy_bytes, offset, to_planes, width_of
from daymark.contracts.column_layout import BlockLayout, Column, ColumnEntry, ColumnLayout, Way
from daymark.contracts.row_groups import Groups, group_starts

_SAMPLE_ROWS = 4096
# A way that is read faster may take this much more.
_GOOD_ENOUGH = 1.05


def encode_columns(layout: BlockLayout, columns: Mapping[str, Column]) -> list[bytes]:
    """The columns' directory, then the sections of each, in the layout's order.

    ``columns`` are contiguous ``(n,)`` arrays of the layout's types.
    """
    rows = len(columns[layout.columns[0].name])
    first = max(0, rows - _SAMPLE_ROWS) // 2
    sample = {name: column[first : first + _SAMPLE_ROWS] for name, column in columns.items()}
    groups, of_sample = (Groups.of([of[name] for name in layout.group_by]) if layout.group_by else None for of in (columns, sample))
    chosen = []
    for column in layout.columns:
        best = column.ways[0]
        if len(column.ways) > 1:
            sizes = [_coded(column, sample, way, of_sample).size() for way in column.ways]
            best = next(way for way, size in zip(column.ways, sizes, strict=True) if size <= _GOOD_ENOUGH * min(sizes))
        chosen.append(_coded(column, columns, best, groups))
    return [b"".join(coded.entry.packed(layout) for coded in chosen), *(section for coded in chosen for section in coded.sections())]


@dataclass(frozen=True)
class _Coded:
    """A column as it is written."""

    entry: ColumnEntry
    codes: Unsigned
    sentinels: bytes
    starts: Unsigned

    def sections(self) -> Iterator[bytes]:
        yield self.sentinels
        for codes, width in ((self.starts, self.starts.itemsize), (self.codes, self.entry.width)):
            for plane in to_planes(codes, width):
                yield plane.tobytes()

    def size(self) -> float:
        return entropy_bytes(self.codes, self.entry.width) + self.starts.nbytes / 2


def _coded(column: ColumnLayout, columns: Mapping[str, Column], way: Way, groups: Groups | None) -> _Coded:
    given = columns[column.name]
    values, keys, sentinels = given.view(column.unsigned), None, b""
    defined: npt.NDArray[np.bool_] | None = None if column.sentinel is None else given != column.sentinel
    if way.reference is not None:
        values = values - columns[way.reference].view(column.unsigned)
    if way.grouped and groups is not None:
        values, keys = values[groups.order], groups.keys
        defined = None if defined is None else defined[groups.order]
    if defined is None or defined.all():
        defined = None
    else:
        values, keys, sentinels = values[defined], None if keys is None else keys[defined], np.packbits(~defined).tobytes()
    starts = np.empty(0, column.unsigned)
    if way.previous:
        values, starts = _differences(values, keys)
    codes, base, step = offset(values, signed=way.previous or way.reference is not None)
    width = width_of(int(codes.max(initial=0)))
    entry = ColumnEntry(way.grouped, way.previous, defined is not None, way.reference, width, base, step)
    return _Coded(entry, codes, sentinels, starts)


def _differences(values: Unsigned, keys: Unsigned | None) -> tuple[Unsigned, Unsigned]:
    """Each value less the one before it, and, apart, those where a group starts; in their place stands some other difference."""
    places = group_starts(len(values), keys)
    changes = np.diff(values, prepend=values.dtype.type(0))
    starts = changes[places]
    within = int(np.argmax(np.append(places, -1) != np.arange(len(places) + 1)))
    changes[places] = changes[within] if within < len(changes) else 0
    return changes, starts
