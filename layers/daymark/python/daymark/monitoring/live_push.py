"""Live push: of a bucket's board every connection is sent what changed since what it was last sent, in as few messages as can be.

A connection that is throttled stays behind, the others go on; what it is sent next holds all it missed. A crash between a post and
the note of it repeats changes, which clients drop by their sequence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from daymark.contracts.push import error_message, live_members, update_text, updates_messages
from daymark.core.clock import Clock
from daymark.core.errors import Unavailable
from daymark.monitoring.channels import Channels, no_such_channel
from daymark.monitoring.live_boards import LiveBoards
from daymark.monitoring.live_channels import live_room, live_state, row_name
from daymark.monitoring.live_views import BoardView
from daymark.monitoring.models import Connection, Subscription
from daymark.monitoring.ports import Connections
from daymark.monitoring.push import Courier, Delivery


@dataclass(slots=True)
class Parcel:
    """What one connection gets: the subscriptions with something new and their texts, and those it may no longer hold."""

    connection: Connection
    revision: int
    subscriptions: list[Subscription] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    forbidden: list[Subscription] = field(default_factory=list)


Deliveries = Counter[Delivery]
# How parcels are delivered: ``map``, one after the other, or an executor's own ``map``, several at a time.
Spread = Callable[[Callable[[Parcel], Deliveries], Iterable[Parcel]], Iterable[Deliveries]]


class LivePush:
    """Publishes boards.

    Args:
        connections: Who is connected, and what each was last sent.
        channels: Asked again, before every push, whether a subscriber may see its topic.
        courier: Brings the messages.
        boards: What is published.
        clock: Wall time.
        spread: Delivers parcels; each is delivered whole by one call.
    """

    def __init__(
        self, connections: Connections, channels: Channels, courier: Courier, boards: LiveBoards, clock: Clock, spread: Spread = map
    ) -> None:
        self._connections, self._channels, self._courier = connections, channels, courier
        self._boards, self._clock, self._spread = boards, clock, spread

    def publish(self, bucket: int) -> Mapping[Delivery, int]:
        """Bring every subscriber of a bucket up to its board; without one not even the board is read.

        Returns:
            How many messages became what. A connection with a dropped one is behind until the next call.

        Raises:
            Unavailable: subscriptions, board or entitlement could not be read; nothing was sent.
        """
        subscriptions = self._connections.subscribers(live_room(bucket), self._clock.now())
        if not subscriptions:
            return {}
        rows = self._boards.read(bucket)
        if rows is None:
            return {}
        return sum(self._spread(self._deliver, self._parcels(rows, subscriptions)), Counter())

    def _parcels(self, rows: BoardView, subscriptions: Sequence[Subscription]) -> list[Parcel]:
        parcels: dict[str, Parcel] = {}
        texts: dict[tuple[str, int], str] = {}
        for subscription in subscriptions:
            topic, sent = subscription.topic, subscription.sent
            if not rows.has_changed(row_name(topic), sent):
                continue
            parcel = parcels.setdefault(subscription.connection.connection_id, Parcel(subscription.connection, rows.board.revision))
            if not self._channels.may_see(topic, subscription.connection.principal):
                parcel.forbidden.append(subscription)
                continue
            # Whoever was sent the same is told the same.
            if (topic.key, sent) not in texts:
                texts[topic.key, sent] = _text(rows, subscription)
            parcel.subscriptions.append(subscription)
            parcel.texts.append(texts[topic.key, sent])
        return list(parcels.values())

    def _deliver(self, parcel: Parcel) -> Deliveries:
        deliveries: Deliveries = Counter()
        try:
            self._send(parcel, deliveries)
        except Unavailable:
            # Its rows could not be changed. That is this connection's trouble: the others go on, and the next call makes it good.
            deliveries[Delivery.DROPPED] += 1
        return +deliveries

    def _send(self, parcel: Parcel, deliveries: Deliveries) -> None:
        for subscription in parcel.forbidden:
            self._refuse(subscription, deliveries)
        first = 0
        for count, text in updates_messages(parcel.texts):
            told = parcel.subscriptions[first : first + count]
            first += count
            delivery = self._courier.send(parcel.connection, text)
            deliveries[delivery] += 1
            if delivery is not Delivery.SENT:
                break
            # Without the note the next message repeats some of this one.
            with suppress(Unavailable):
                for subscription in told:
                    self._connections.note_sent(subscription, parcel.revision)
        if deliveries[Delivery.GONE] or deliveries[Delivery.EXPIRED]:
            # A connection that a crash forgot by halves is known by its subscriptions alone, so those go by their own name.
            for subscription in parcel.subscriptions:
                self._connections.unsubscribe(parcel.connection.connection_id, subscription.topic)

    def _refuse(self, subscription: Subscription, deliveries: Deliveries) -> None:
        text = error_message(no_such_channel(), channel=subscription.topic.channel)
        delivery = self._courier.send(subscription.connection, text)
        deliveries[Delivery.FORBIDDEN if delivery is Delivery.SENT else delivery] += 1
        self._connections.unsubscribe(subscription.connection.connection_id, subscription.topic)


def _text(rows: BoardView, subscription: Subscription) -> str:
    topic = subscription.topic
    state = live_state(rows, row_name(topic), rows.board.bucket, subscription.sent)
    members = live_members(topic.channel, state.sequence, state.body, since=state.since, resume=state.resume, restart=state.restart)
    return update_text(members)
