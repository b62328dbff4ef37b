"""Files of figures: YAML with the day on which they were read or stated."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]


def read(path: Path) -> dict[str, Any]:
    """A file's document; numbers stand in it as text, because YAML's own would come as floats."""
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def number(value: object) -> Decimal | None:
    """The finite number that a text says, or ``None``; a number of YAML's own is none, having been a float.

    >>> number("0.1"), number(0.1), number("NaN"), number("one")
    (Decimal('0.1'), None, None, None)
    """
    if not isinstance(value, str):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
