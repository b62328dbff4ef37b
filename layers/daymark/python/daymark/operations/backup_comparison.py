"""Two backups are compared in one pass over both, because their rows come in one order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from daymark.core.errors import InvalidInput
from daymark.operations.backup_rows import Row


def in_order(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows as they come, refusing one that does not follow the one before it.

    Raises:
        InvalidInput: a row occurs twice or out of order; the field names it.
    """
    before: Row | None = None
    for row in rows:
        if before is not None and row.order <= before.order:
            how = "occurs twice" if row.order == before.order else "is out of order"
            raise InvalidInput(f"{row.name} {how}", field=row.name)
        before = row
        yield row


def differences(one: Iterable[Row], other: Iterable[Row]) -> Iterator[str]:
    """Every row in which two backups differ, by name and in file order. Both must be in order; one row of each is held at a time."""
    left, right = iter(one), iter(other)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.order < b.order):
            assert a is not None
            yield f"{a.name}: only in the first"
            a = next(left, None)
        elif a is None or b.order < a.order:
            yield f"{b.name}: only in the second"
            b = next(right, None)
        else:
            if a.text != b.text:
                yield f"{a.name}: differs"
            a, b = next(left, None), next(right, None)
