"""Lists that go on: rows of page after page, each page asked for when the one before has been read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

Row_co = TypeVar("Row_co", covariant=True)


class Page(Protocol[Row_co]):
    """One page of a list."""

    @property
    def items(self) -> Sequence[Row_co]:
        """Its rows."""
        ...

    @property
    def next_cursor(self) -> str | None:
        """Where the next page begins; ``None`` on the last one."""
        ...


def pages(read: Callable[[str | None], Page[Row_co]]) -> Iterator[Row_co]:
    """The rows of every page that ``read`` gives, from the one without a cursor on."""
    cursor: str | None = None
    while True:
        page = read(cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return
