"""The vocabulary of push: who holds a connection, what a ticket stands for, and what is published where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from daymark.core.errors import InvalidInput
from daymark.core.tenancy import Principal

# What API Gateway lets a WebSocket connection live at most.
CONNECTION_LIFETIME = timedelta(hours=2)
SUBSCRIPTIONS_PER_CONNECTION = 50
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a ticket stands for: a signed-in user, until the token that was shown for the ticket expires."""

    principal: Principal
    token_expires_at: datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """One open WebSocket. Rights end with the token, the row with the connection's own longest life."""

    connection_id: str
    principal: Principal
    token_expires_at: datetime
    connected_at: datetime

    @property
    def ends_at(self) -> datetime:
        """When the gateway has closed it at the latest."""
        return self.connected_at + CONNECTION_LIFETIME


@dataclass(frozen=True, slots=True, order=True)
class Topic:
    """What is published under one key. Clients say ``kind/name``; the tenant is theirs or the shared one, never said.

    Topics of one room are published together, so their subscriptions are found together. One that is given none has a room
    of its own, named by its key.

    >>> topic = Topic("day", "shared", "2018-02-05")
    >>> topic.channel, topic.key, topic.room
    ('day/2018-02-05', 'day/shared/2018-02-05', 'day/shared/2018-02-05')
    >>> Topic.parse(topic.key) == topic
    True
    >>> Topic("portfolio", "northstar", "NS-P01", "live/bucket-0007").room
    'live/bucket-0007'
    """

    kind: str
    tenant: str
    name: str
    room: str = ""

    def __post_init__(self) -> None:
        for field in ("kind", "tenant", "name"):
            if _PART.fullmatch(getattr(self, field)) is None:
                raise InvalidInput(f"{field} of a topic must be 1 to 64 letters, digits, '.', '_' or '-'", field=field)
        if not self.room:
            object.__setattr__(self, "room", self.key)
        if not all(_PART.fullmatch(part) for part in self.room.split("/")):
            raise InvalidInput("a topic's room is one or more such parts, joined by '/'", field="room")

    @property
    def channel(self) -> str:
        """The name that clients know it by."""
        return f"{self.kind}/{self.name}"

    @property
    def key(self) -> str:
        """The name that is unique among all tenants."""
        return f"{self.kind}/{self.tenant}/{self.name}"

    @classmethod
    def parse(cls, key: str, room: str = "") -> Topic:
        """Read a :attr:`key` back, with the room it was found in.

        Raises:
            InvalidInput: it is no such key, or no such room.
        """
        parts = key.split("/")
        if len(parts) != 3:
            raise InvalidInput(f"a topic's key has three parts, got {key[:80]!r}", field="key")
        kind, tenant, name = parts
        return cls(kind, tenant, name, room)


# The type of the messages that tell what changed in live channels.
UPDATES = "updates"
# What stands for the sequence last sent while a subscriber has been sent nothing.
NOTHING_SENT = -1


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic of one connection.

    Attributes:
        sent: The sequence that the connection was last sent; :data:`NOTHING_SENT` before the first.
    """

    connection: Connection
    topic: Topic
    sent: int = NOTHING_SENT


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What a subscriber is told of a channel: its whole state, or what of it changed.

    Attributes:
        sequence: Rises with every change; of two states the one with the higher sequence is the later.
        body: Plain JSON members that go into the message; of a change, what to merge into the state before (RFC 7396).
        since: The sequence the change is counted from; ``None`` for a whole state.
        resume: What a client shows to go on from here; ``None`` for a channel that always tells its whole state.
        restart: Whether the sequences began anew, so that this state is the later one whatever the client has.
    """

    sequence: int
    body: Mapping[str, Any]
    since: int | None = None
    resume: str | None = None
    restart: bool = False
