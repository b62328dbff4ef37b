"""What a set of equal columns has to be: contiguous arrays of their types, of one dimension and one length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput


def check_columns(owner: str, columns: Mapping[str, npt.NDArray[Any]], dtypes: Mapping[str, np.dtype[Any]]) -> None:
    """Refuse columns that are not what ``dtypes`` say; the first one's length is everyone's.

    Raises:
        InvalidInput: a column is no contiguous array of its type and one dimension, or of another length; ``owner.column`` is named.
    """
    rows: int | None = None
    for name, dtype in dtypes.items():
        column, field = columns[name], f"{owner}.{name}"
        if not isinstance(column, np.ndarray) or column.dtype != dtype or column.ndim != 1 or not column.flags.c_contiguous:
            raise InvalidInput(f"{field} must be a contiguous array of one dimension and type {dtype}", field=field)
        rows = len(column) if rows is None else rows
        if len(column) != rows:
            raise InvalidInput(f"{field} has {len(column)} rows, the columns before it have {rows}", field=field)
