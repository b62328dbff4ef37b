"""Groups of rows: their order is part of what a block means, so it is held against a sort of another kind."""

from __future__ import annotations

import numpy as np
import pytest

from daymark.contracts.row_groups import Groups, group_starts


def columns(rows: int, reaches: tuple[int, ...], kinds: tuple[str, ...], low: int) -> list[np.ndarray]:
    """Random columns that hold their least and their greatest number, ``reach`` apart."""
    draws = np.random.default_rng(7)
    made = [draws.integers(low, low + reach, rows, np.int64).astype(kind) for reach, kind in zip(reaches, kinds, strict=True)]
    for column, reach in zip(made, reaches, strict=True):
        column[:2] = draws.permutation([low, low + reach - 1])
    return made


# Up to 65,536 numbers of groups are sorted by counting, from one more on in another way.
@pytest.mark.parametrize("low", [0, 100])
@pytest.mark.parametrize(
    ("reaches", "kinds"),
    [
        ((1,), ("<u4",)),
        ((3, 2), ("<u4", "<u2")),
        ((2, 3, 2), ("<u2", "<u4", "<u8")),
        ((256, 256), ("<u4", "<u2")),
        ((257, 256), ("<u4", "<u2")),
        ((65_536,), ("<u4",)),
        ((65_537,), ("<u4",)),
        ((2**31, 60_000), ("<u4", "<u2")),
        ((60_000, 2**31), ("<u2", "<u4")),
    ],
)
def test_groups_rise_by_their_columns_and_rows_stay_in_order(reaches: tuple[int, ...], kinds: tuple[str, ...], low: int) -> None:
    given = columns(4_000, reaches, kinds, low)
    groups = Groups.of(given)
    # The last key counts most there, and equal rows keep their order.
    assert groups.order.tolist() == np.lexsort(given[::-1]).tolist()
    rows = list(zip(*(column[groups.order].tolist() for column in given), strict=True))
    begins = [place for place, row in enumerate(rows) if place == 0 or row != rows[place - 1]]
    assert group_starts(len(rows), groups.keys).tolist() == begins


def test_no_rows_have_no_groups() -> None:
    groups = Groups.of([np.empty(0, np.uint32), np.empty(0, np.uint16)])
    assert (groups.order.tolist(), group_starts(0, groups.keys).tolist(), group_starts(0, None).tolist()) == ([], [], [])
