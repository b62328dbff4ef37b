"""A ticket opens one connection: 256 random bits, valid for 30 seconds, taken by the first who shows it.

A browser cannot put a token into a WebSocket's handshake except in its address, where logs would keep it. A ticket in the
address is worth nothing afterwards, and only its SHA-256 is stored, so a reader of the table cannot use one either.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from daymark.core.clock import Clock
from daymark.core.errors import Unauthenticated
from daymark.core.tenancy import Principal
from daymark.monitoring.models import Grant
from daymark.monitoring.ports import Tickets

LIFETIME = timedelta(seconds=30)
RANDOM_BYTES = 32
_TEXT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as its holder has it; its text is no part of what is printed of it."""

    text: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Ticket(expires_at={self.expires_at.isoformat()})"


class TicketDesk:
    """Issues tickets and takes them back.

    Args:
        tickets: Where unused ones are kept.
        clock: Wall time.
        random_bytes: Source of so many unpredictable bytes.
    """

    def __init__(self, tickets: Tickets, clock: Clock, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._tickets = tickets
        self._clock = clock
        self._random_bytes = random_bytes

    def issue(self, principal: Principal, token_expires_at: datetime) -> Ticket:
        """A new ticket for a signed-in user; it never outlives the token.

        Raises:
            Unauthenticated: the token has expired.
        """
        now = self._clock.now()
        if token_expires_at <= now:
            raise _refused()
        text = base64.urlsafe_b64encode(self._random_bytes(RANDOM_BYTES)).rstrip(b"=").decode()
        ticket = Ticket(text, min(now + LIFETIME, token_expires_at))
        self._tickets.put(digest(text), Grant(principal, token_expires_at), ticket.expires_at)
        return ticket

    def redeem(self, text: object) -> Grant:
        """What a ticket stands for; it is worth nothing afterwards.

        Raises:
            Unauthenticated: it is none of ours, was used, or has expired. The message never says which.
        """
        if not isinstance(text, str) or _TEXT.fullmatch(text) is None:
            raise _refused()
        now = self._clock.now()
        grant = self._tickets.take(digest(text), now)
        if grant is None or grant.token_expires_at <= now:
            raise _refused()
        return grant


def digest(text: str) -> str:
    """SHA-256 of a ticket's text, in hexadecimal."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _refused() -> Unauthenticated:
    return Unauthenticated("connect with a fresh ticket")
