"""Open connections in memory: for tests, notebooks and one machine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from threading import Lock

from daymark.core.errors import Conflict
from daymark.monitoring.models import NOTHING_SENT, Connection, Subscription, Topic
from daymark.monitoring.ports import Gone


class MemoryConnections:
    """A thread-safe :class:`~daymark.monitoring.ports.Connections` that lives as long as its process."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Connection, dict[Topic, int]]] = {}
        self._lock = Lock()

    def open(self, connection: Connection) -> None:
        """Keep a connection."""
        with self._lock:
            self._open[connection.connection_id] = (connection, {})

    def find(self, connection_id: str, now: datetime) -> Connection | None:
        """A connection that is still within its life."""
        held = self._open.get(connection_id)
        return held[0] if held is not None and held[0].ends_at > now else None

    def close(self, connection_id: str) -> None:
        """Forget a connection and its subscriptions."""
        with self._lock:
            self._open.pop(connection_id, None)

    def subscribe(self, connection: Connection, topic: Topic, limit: int) -> None:
        """Add a topic to a connection, with nothing sent."""
        with self._lock:
            held = self._open.get(connection.connection_id)
            if held is None:
                raise Gone("the connection has been closed")
            if topic not in held[1] and len(held[1]) >= limit:
                raise Conflict(f"a connection may hold {limit} channels", field="message.channel", limit=limit)
            held[1][topic] = NOTHING_SENT

    def unsubscribe(self, connection_id: str, topic: Topic) -> None:
        """Take a topic from a connection."""
        with self._lock:
            if connection_id in self._open:
                self._open[connection_id][1].pop(topic, None)

    def subscribers(self, room: str, now: datetime) -> Sequence[Subscription]:
        """The subscriptions of a room, by connection and topic."""
        with self._lock:
            held = [
                Subscription(connection, topic, sent)
                for connection, topics in self._open.values()
                if connection.ends_at > now
                for topic, sent in topics.items()
                if topic.room == room
            ]
        return sorted(held, key=lambda subscription: (subscription.connection.connection_id, subscription.topic.key))

    def note_sent(self, subscription: Subscription, sequence: int) -> None:
        """Note what a subscriber was sent, unless a later one was noted meanwhile or the subscription has ended."""
        with self._lock:
            _, topics = self._open.get(subscription.connection.connection_id, (None, {}))
            sent = topics.get(subscription.topic)
            if sent is not None and (sent < sequence or sent == subscription.sent):
                topics[subscription.topic] = sequence
