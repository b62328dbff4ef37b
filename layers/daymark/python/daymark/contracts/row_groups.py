"""Rows gathered by group: all rows of one symbol and publisher after each other, within a group as they stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.byte_planes import Unsigned


@dataclass(frozen=True)
class Groups:
    """How rows are gathered.

    Attributes:
        order: ``(n,)`` places of the rows, group by group; groups rise by their first column, then the next.
        keys: ``(n,)`` a number of each row's group, in that order.
    """

    order: npt.NDArray[np.intp]
    keys: Unsigned

    @classmethod
    def of(cls, columns: Sequence[npt.NDArray[Any]]) -> Groups:
        """The groups of rows that are equal in all columns.

        >>> Groups.of([np.array([7, 3, 7], np.uint32)]).order.tolist()
        [1, 0, 2]
        """
        keys, reach = np.zeros(len(columns[0]), np.uint64), 1
        for column in columns:
            low, high = (int(column.min()), int(column.max())) if len(column) else (0, 0)
            reach *= high - low + 1
            keys = keys * np.uint64(high - low + 1) + (column - column.dtype.type(low))
        # NumPy sorts 16-bit keys by counting, several times as fast as wider ones.
        keys = keys.astype(np.uint16) if reach <= 1 << 16 else keys
        order = np.argsort(keys, kind="stable")
        return cls(order, keys[order])


def group_starts(count: int, keys: Unsigned | None) -> npt.NDArray[np.intp]:
    """Where a group begins among ``count`` values; without keys they are one group.

    >>> group_starts(4, np.array([5, 5, 8, 9])).tolist(), group_starts(4, None).tolist()
    ([0, 2, 3], [0])
    """
    if count == 0 or keys is None:
        return np.arange(min(count, 1))
    return np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
