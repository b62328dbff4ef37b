"""Pushing: a message goes to a connection only while its token is valid, and a closed connection is forgotten at once.

A throttled post is tried again a few times and then dropped: every push of a broadcast carries the channel's whole state, and every
live push all that its connection lacks, so the next one makes it good.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum

from daymark.contracts.push import error_message, expired_message, state_message
from daymark.core.clock import Clock
from daymark.core.errors import Unavailable
from daymark.core.retry import full_jitter
from daymark.monitoring.channels import Channels, no_such_channel
from daymark.monitoring.models import Connection, Subscription, Topic
from daymark.monitoring.ports import Connections, Gone, Poster

TRIES = 4


class Delivery(StrEnum):
    """What became of one message."""

    SENT = "sent"
    GONE = "gone"
    EXPIRED = "expired"
    FORBIDDEN = "forbidden"
    DROPPED = "dropped"


def wait_before(retry_number: int) -> None:
    """Sleep before a retry: full jitter below 50 ms, 100 ms, 200 ms."""
    time.sleep(full_jitter(0.05, 0.5, retry_number, random.random))


class Courier:
    """Brings messages to connections and forgets those that have ended.

    Args:
        connections: Who is connected.
        poster: Speaks to open connections.
        clock: Wall time, by which tokens expire.
        wait: Called before a retry with its number, from 1.
    """

    def __init__(self, connections: Connections, poster: Poster, clock: Clock, wait: Callable[[int], None] = wait_before) -> None:
        self._connections, self._poster = connections, poster
        self._clock, self._wait = clock, wait

    def send(self, connection: Connection, text: str) -> Delivery:
        """Send one message, or end a connection whose token has expired."""
        if connection.token_expires_at <= self._clock.now():
            return self.expire(connection.connection_id)
        return self._post(connection.connection_id, text)

    def expire(self, connection_id: str) -> Delivery:
        """Tell a connection that its rights have ended, close it and forget it."""
        self._post(connection_id, expired_message())
        self._connections.close(connection_id)
        # If the gateway does not answer, the connection, forgotten, gets nothing more and is closed by age.
        with suppress(Unavailable):
            self._poster.hang_up(connection_id)
        return Delivery.EXPIRED

    def _post(self, connection_id: str, text: str) -> Delivery:
        for retry in range(1, TRIES + 1):
            try:
                self._poster.post(connection_id, text)
            except Gone:
                self._connections.close(connection_id)
                return Delivery.GONE
            except Unavailable:
                if retry < TRIES:
                    self._wait(retry)
            else:
                return Delivery.SENT
        return Delivery.DROPPED


class Broadcast:
    """Sends a topic's present state to everybody who is subscribed and may see it."""

    def __init__(self, connections: Connections, channels: Channels, courier: Courier, clock: Clock) -> None:
        self._connections, self._channels = connections, channels
        self._courier, self._clock = courier, clock

    def publish(self, topic: Topic) -> Mapping[Delivery, int]:
        """Push the topic; without a subscriber nothing is even read. Returns how many messages became what."""
        subscribers = [each for each in self._connections.subscribers(topic.room, self._clock.now()) if each.topic == topic]
        if not subscribers:
            return {}
        state = self._channels.state(topic)
        text = state_message(self._channels.update(topic), topic.channel, state.sequence, state.body)
        return Counter(self._deliver(subscription, text) for subscription in subscribers)

    def _deliver(self, subscription: Subscription, text: str) -> Delivery:
        try:
            return self._send(subscription, text)
        except Unavailable:
            # Its rows could not be changed. That is this connection's trouble: the others go on, and the next push makes it good.
            return Delivery.DROPPED

    def _send(self, subscription: Subscription, text: str) -> Delivery:
        connection, topic = subscription.connection, subscription.topic
        allowed = self._channels.may_see(topic, connection.principal)
        delivery = self._courier.send(connection, text if allowed else error_message(no_such_channel(), channel=topic.channel))
        # A connection that a crash forgot by halves is known by its subscriptions alone, so those go by their own name.
        if not allowed or delivery in (Delivery.GONE, Delivery.EXPIRED):
            self._connections.unsubscribe(connection.connection_id, topic)
        return Delivery.FORBIDDEN if not allowed and delivery is Delivery.SENT else delivery
