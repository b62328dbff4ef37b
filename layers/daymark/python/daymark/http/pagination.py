"""Pages and cursors: a cursor is opaque, signed, and good only for the caller and the query it was made for.

The signature covers who asked and what was asked, so a cursor that another user picks up, or that is carried to another
route or filter, is refused like a forged one. A cursor grants nothing by itself: every page is authorised anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from daymark.core.errors import InvalidInput
from daymark.core.tenancy import Principal

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_MAC_BYTES = 16

Row = TypeVar("Row")
Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, description="Give it back as `cursor` to read on; absent on the last page.")


@dataclass(frozen=True, slots=True)
class Cursors:
    """Makes and reads cursors under one secret.

    >>> from daymark.core.tenancy import Role
    >>> ada = Principal("ada", "northstar", Role.RISK)
    >>> cursors = Cursors(b"k" * 32)
    >>> cursors.position(cursors.after("P-007", ada, "portfolios", {}), ada, "portfolios", {})
    'P-007'
    """

    key: bytes

    def __post_init__(self) -> None:
        if len(self.key) < 32:
            raise InvalidInput("the cursor key must have at least 32 bytes", field="cursor_key")

    def after(self, position: str, principal: Principal, route: str, query: Mapping[str, object]) -> str:
        """A cursor that continues behind ``position``."""
        place = position.encode()
        return _text(self._mac(place, principal, route, query) + place)

    def position(self, cursor: str, principal: Principal, route: str, query: Mapping[str, object]) -> str:
        """Where a cursor stands.

        Raises:
            InvalidInput: the cursor was not made by this service for this caller and this query.
        """
        refused = InvalidInput("cursor is not one that this query returned to you", field="query.cursor")
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            mac, place = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
            position = place.decode()
        except (binascii.Error, ValueError):
            raise refused from None
        # The whole text is compared, because base64 has several spellings of the same bytes.
        if not hmac.compare_digest(mac, self._mac(place, principal, route, query)) or _text(raw) != cursor:
            raise refused
        return position

    def _mac(self, place: bytes, principal: Principal, route: str, query: Mapping[str, object]) -> bytes:
        bound = [principal.tenant, principal.user_id, principal.role, principal.household_id, route]
        text = json.dumps([bound, sorted((name, str(value)) for name, value in query.items())]).encode()
        # A JSON list ends where it ends, so no byte of the position can pass for part of what is bound.
        return hmac.new(self.key, text + place, hashlib.sha256).digest()[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def after_position(rows: Sequence[Row], key: Callable[[Row], str], position: str | None, limit: int) -> tuple[Sequence[Row], str | None]:
    """The next ``limit`` rows behind a position, and the position to continue from, or ``None`` at the end.

    ``rows`` are sorted by ``key``, rising and unique. A row that vanished since the last page does no harm.

    >>> after_position(["a", "b", "c"], str, "a", 1)
    (['b'], 'b')
    >>> after_position(["a", "b", "c"], str, "b", 5)
    (['c'], None)
    """
    rest = [row for row in rows if position is None or key(row) > position]
    page = rest[:limit]
    return page, key(page[-1]) if len(rest) > limit else None
