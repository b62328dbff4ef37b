"""What watchers are shown of a board's row: exact decimals from its integers, each ratio rounded once; and what of it changed.

A member is told anew when a cell it is made of has changed. So a delta, merged (RFC 7396) into the row as it was at any revision from
``since`` on, gives the row as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from daymark.contracts.live_board import CLASS_PREFIX, TARGET_PREFIX, LiveBoard

UNDEFINED = (1 << 63) - 1
BILLION = 1_000_000_000
NOT_LIVE: Mapping[str, Any] = {"live": False}
# Path of a member, the columns it is made of, and its value; ``None`` where it has none.
Member = tuple[tuple[str, ...], tuple[str, ...], str | int | float | None]


def money(cents: int) -> str:
    """An amount of cents as decimal text.

    >>> money(10452310), money(-5), money(0)
    ('104523.10', '-0.05', '0.00')
    """
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def price(nano: int) -> str | None:
    """A price in 1e-9 as decimal text with at least two places; ``None`` for an undefined one.

    >>> price(37_094_000_000), price(37_000_000_000), price(-1), price(UNDEFINED)
    ('37.094', '37.00', '-0.000000001', None)
    """
    if nano == UNDEFINED:
        return None
    places = f"{abs(nano) % BILLION:09d}"
    return f"{'-' if nano < 0 else ''}{abs(nano) // BILLION}.{places[:2]}{places[2:].rstrip('0')}"


def instant(nanoseconds: int) -> str | None:
    """Nanoseconds since 1970 in UTC as ISO text, to the last place that is not zero; ``None`` for 0, which is no tick's.

    >>> instant(1517844600123456789), instant(1517844600120000000), instant(1517844600000000000), instant(0)
    ('2018-02-05T15:30:00.123456789Z', '2018-02-05T15:30:00.12Z', '2018-02-05T15:30:00Z', None)
    """
    if nanoseconds == 0:
        return None
    second = datetime.fromtimestamp(nanoseconds // BILLION, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    places = f"{nanoseconds % BILLION:09d}".rstrip("0")
    return f"{second}.{places}Z" if places else f"{second}Z"


@dataclass(frozen=True)
class BoardView:
    """A board whose rows are looked up by name."""

    board: LiveBoard

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each row."""
        return {name: place for place, name in enumerate(self.board.names)}

    @cached_property
    def opened(self) -> int:
        """A revision at or before which every row that is missing was missing already: a session begins by changing every cell."""
        changed = self.board.changed
        return int(changed.min()) if changed.size else self.board.revision

    def body(self, name: str) -> dict[str, Any]:
        """All that is shown of a row; members without a value are absent. What is not on the board is not live."""
        if name not in self.places:
            return dict(NOT_LIVE)
        return _nested((path, value) for path, _, value in self._members(self.places[name]) if value is not None)

    def changes(self, name: str, since: int) -> dict[str, Any]:
        """What to merge into a row as it was at ``since`` or any later revision; a member that has lost its value is ``None``.

        Always with the session, and for a portfolio the instant, which no cell holds. Only for a row that is on the board and
        was on it at ``since``: :meth:`has_changed` and :meth:`is_new` say so.
        """
        place = self.places[name]
        later = self.board.changed[:, place] > since
        changed = {column for column, is_later in zip(self.board.columns, later.tolist(), strict=True) if is_later}
        members = self._members(place)
        return _nested((path, value) for path, columns, value in members if not columns or changed.intersection(columns))

    def has_changed(self, name: str, since: int) -> bool:
        """Whether a row shows anything that it did not show at ``since``; true for any revision that is still to come."""
        if since > self.board.revision:
            return True
        place = self.places.get(name)
        return since < self.opened if place is None else bool((self.board.changed[:, place] > since).any())

    def is_new(self, name: str, since: int) -> bool:
        """Whether nothing of what a row showed at ``since`` is left: a new session, a new row, or one that is gone."""
        place = self.places.get(name)
        return place is None or bool((self.board.changed[:, place] > since).all())

    def _members(self, place: int) -> Iterator[Member]:
        board = self.board
        cells: dict[str, int] = dict(zip(board.columns, board.cells[:, place].tolist(), strict=True))
        yield ("live",), (), True
        yield ("session_date",), (), board.session_date.isoformat()
        yield ("synthetic_ticks",), (), board.synthetic
        if board.is_market:
            yield from _symbol(cells)
        else:
            yield ("as_of",), (), instant(board.as_of)
            yield from _portfolio(cells)


def _portfolio(cells: Mapping[str, int]) -> Iterator[Member]:
    value, high_water = cells["value"], cells["high_water"]
    yield ("value",), ("value",), money(value)
    yield ("cash",), ("cash",), money(cells["cash"])
    yield ("profit_and_loss",), ("value", "opening"), money(value - cells["opening"])
    yield ("high_water",), ("high_water",), money(high_water)
    yield ("drawdown",), ("value", "high_water"), _ratio(value - high_water, high_water)
    for column in cells:
        if not column.startswith(CLASS_PREFIX):
            continue
        name = column.removeprefix(CLASS_PREFIX)
        held, wanted = cells[column], TARGET_PREFIX + name
        yield ("classes", name, "value"), (column,), money(held)
        yield ("classes", name, "weight"), (column, "value"), _ratio(held, value)
        yield ("classes", name, "target"), (wanted,), cells[wanted] / BILLION
        yield ("classes", name, "drift"), (column, "value", wanted), _ratio(held * BILLION - cells[wanted] * value, value * BILLION)


def _symbol(cells: Mapping[str, int]) -> Iterator[Member]:
    last, reference = cells["price"], cells["reference"]
    yield ("as_of",), ("ts_event",), instant(cells["ts_event"])
    yield ("bid",), ("bid",), price(cells["bid"])
    yield ("ask",), ("ask",), price(cells["ask"])
    yield ("price",), ("price",), price(last)
    yield ("publishers",), ("publishers",), cells["publishers"]
    yield ("reference",), ("reference",), price(reference)
    yield ("change",), ("price", "reference"), None if last == UNDEFINED else _ratio(last - reference, reference)


def _ratio(part: int, whole: int) -> float | None:
    """The float64 nearest to a quotient of integers; ``None`` where the whole is not above zero."""
    return part / whole if whole > 0 else None


def _nested(members: Iterator[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    """Members under their paths.

    >>> _nested(iter([(("value",), "1.00"), (("classes", "equity", "weight"), 0.5)]))
    {'value': '1.00', 'classes': {'equity': {'weight': 0.5}}}
    """
    document: dict[str, Any] = {}
    for path, value in members:
        place = document
        for part in path[:-1]:
            place = place.setdefault(part, {})
        place[path[-1]] = value
    return document
