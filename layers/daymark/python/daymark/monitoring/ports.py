"""What push needs from the outside: rows of tickets and connections, a way to post, and the kinds of channels.

Tickets and connections are of one region and gone within hours, so their rows take no fence: losing all of them costs each
client one new ticket.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from daymark.contracts.marks_moved import MarksMoved
from daymark.contracts.push import ResumeToken
from daymark.core.entitlement import Resource
from daymark.core.errors import DaymarkError
from daymark.core.tenancy import Principal
from daymark.monitoring.models import ChannelState, Connection, Grant, Subscription, Topic


class Gone(DaymarkError):
    """The connection is closed: nothing can be posted to it any more."""

    code: ClassVar[str] = "gone"


class Tickets(Protocol):
    """Unused tickets by the SHA-256 of their text; the text itself is kept nowhere."""

    def put(self, digest: str, grant: Grant, expires_at: datetime) -> None:
        """Keep a ticket until it is taken or expires.

        Raises:
            Conflict: a ticket of this digest is there already.
        """
        ...

    def take(self, digest: str, now: datetime) -> Grant | None:
        """Remove a ticket and return what it stands for; ``None`` if there is none or it has expired.

        Of any number of callers at most one gets it.
        """
        ...


class Connections(Protocol):
    """Open connections and what they are subscribed to. Strongly consistent within the region."""

    def open(self, connection: Connection) -> None:
        """Keep a connection until it is closed or past its life."""
        ...

    def find(self, connection_id: str, now: datetime) -> Connection | None:
        """A connection that is still within its life, or ``None``."""
        ...

    def close(self, connection_id: str) -> None:
        """Forget a connection and its subscriptions; closing it again does nothing."""
        ...

    def subscribe(self, connection: Connection, topic: Topic, limit: int) -> None:
        """Add a topic to a connection, with nothing sent; adding it again makes it one that was sent nothing.

        Raises:
            Gone: the connection has been closed.
            Conflict: it holds ``limit`` other topics already.
        """
        ...

    def unsubscribe(self, connection_id: str, topic: Topic) -> None:
        """Take a topic from a connection; one that is not there is let pass."""
        ...

    def subscribers(self, room: str, now: datetime) -> Sequence[Subscription]:
        """The subscriptions of a room whose connections are within their life, by connection and topic."""
        ...

    def note_sent(self, subscription: Subscription, sequence: int) -> None:
        """Note what a subscriber was sent, unless a later sequence was noted meanwhile or the subscription has ended.

        Args:
            subscription: As it was read; its own ``sent`` may be replaced by a lower sequence, which begins the count anew.
            sequence: What it was sent.
        """
        ...


class Poster(Protocol):
    """Speaks to open connections."""

    def post(self, connection_id: str, text: str) -> None:
        """Send one message.

        Raises:
            Gone: the connection is closed.
            Unavailable: the gateway throttles or does not answer; another try may help.
        """
        ...

    def hang_up(self, connection_id: str) -> None:
        """Close a connection; one that is closed is let pass.

        Raises:
            Unavailable: the gateway throttles or does not answer.
        """
        ...


class MarksAnnouncer(Protocol):
    """Tells whoever listens that a bucket's board went on."""

    def announce(self, moved: MarksMoved) -> None:
        """Tell it; the board stands already, so a telling that gets lost is made good by the next.

        Raises:
            Unavailable: it could not be told.
        """
        ...


class ChannelKind(Protocol):
    """One kind of channel, ``<kind>/<name>``. A new kind is one more of these; nothing else changes.

    Attributes:
        kind: The first part of its channels' names.
        update: The type of the messages that follow the snapshot.
    """

    kind: ClassVar[str]
    update: ClassVar[str]

    def topic(self, name: str, principal: Principal) -> tuple[Topic, Resource]:
        """What the caller means by ``name``, and what entitlement is asked about.

        Raises:
            NotFound: there is no such channel.
        """
        ...

    def state(self, topic: Topic, resume: ResumeToken | None) -> ChannelState:
        """The channel's present state, the same for everybody who may see it; or what changed since the token was given.

        Raises:
            InvalidInput: the token is not one of this channel's.
        """
        ...
