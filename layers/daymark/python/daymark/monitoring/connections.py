"""A connection's life: a ticket opens it, its messages subscribe and unsubscribe, its end forgets it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from daymark.contracts.push import (
    BadMessage,
    ClientAction,
    ClientMessage,
    error_message,
    live_members,
    live_message,
    pong_message,
    read_message,
    unsubscribed_message,
)
from daymark.core.clock import Clock
from daymark.core.errors import DaymarkError, Unavailable
from daymark.monitoring.channels import Channels
from daymark.monitoring.models import SUBSCRIPTIONS_PER_CONNECTION, Connection, Subscription
from daymark.monitoring.ports import Connections, Gone
from daymark.monitoring.push import Courier, Delivery
from daymark.monitoring.tickets import TicketDesk


class ConnectionDesk:
    """Opens and closes connections."""

    def __init__(self, tickets: TicketDesk, connections: Connections, clock: Clock) -> None:
        self._tickets, self._connections, self._clock = tickets, connections, clock

    def open(self, connection_id: str, ticket: object) -> Connection:
        """Admit a connection for its ticket.

        Raises:
            Unauthenticated: the ticket is none of ours, was used, or has expired.
        """
        grant = self._tickets.redeem(ticket)
        connection = Connection(connection_id, grant.principal, grant.token_expires_at, self._clock.now())
        self._connections.open(connection)
        return connection

    def close(self, connection_id: str) -> None:
        """Forget a connection that has ended; whatever order the gateway tells it in, twice does no harm."""
        self._connections.close(connection_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told; with ``subscription``, what of a live channel it has then been sent.

    Attributes:
        text: The message.
        subscription: As the answer leaves it.
        sequence: Of the state in the answer.
    """

    text: str
    subscription: Subscription | None = None
    sequence: int = 0


class Conversation:
    """Answers what clients say. Every answer is posted, as pushes are, so both take one way out.

    Args:
        connections: Who is connected.
        channels: What may be subscribed to.
        courier: Brings the answers.
        clock: Wall time.
        limit: Most channels one connection may hold.
    """

    def __init__(
        self,
        connections: Connections,
        channels: Channels,
        courier: Courier,
        clock: Clock,
        limit: int = SUBSCRIPTIONS_PER_CONNECTION,
    ) -> None:
        self._connections, self._channels = connections, channels
        self._courier, self._clock, self._limit = courier, clock, limit

    def receive(self, connection_id: str, text: str) -> Delivery:
        """Do what a message asks and answer it; a connection that we do not know, or whose token has expired, is ended.

        Errors that the client can mend are answered and the connection stays.
        """
        now = self._clock.now()
        connection = self._connections.find(connection_id, now)
        if connection is None or connection.token_expires_at <= now:
            return self._courier.expire(connection_id)
        try:
            answer = self._answer(connection, text)
        except Gone:
            return Delivery.GONE
        delivery = self._courier.send(connection, answer.text)
        if delivery is Delivery.SENT and answer.subscription is not None:
            # Without the note the next push repeats what this answer said.
            with suppress(Unavailable):
                self._connections.note_sent(answer.subscription, answer.sequence)
        return delivery

    def _answer(self, connection: Connection, text: str) -> Answer:
        try:
            message = read_message(text)
        except BadMessage as bad:
            return Answer(error_message(bad, bad.message_id))
        try:
            return self._done(connection, message)
        except Gone:
            raise
        except DaymarkError as error:
            return Answer(error_message(error, message.message_id))

    def _done(self, connection: Connection, message: ClientMessage) -> Answer:
        if message.action is ClientAction.PING:
            return Answer(pong_message(message.message_id))
        topic = self._channels.topic(message.channel, connection.principal)
        if message.action is ClientAction.UNSUBSCRIBE:
            self._connections.unsubscribe(connection.connection_id, topic)
            return Answer(unsubscribed_message(topic.channel, message.message_id))
        if message.resume is not None:
            # A token that is refused leaves no subscription behind.
            self._channels.state(topic, message.resume)
        # Subscribed first, read second: a change in between is pushed, and the sequences tell which came last.
        self._connections.subscribe(connection, topic, self._limit)
        state = self._channels.state(topic, message.resume)
        members = live_members(topic.channel, state.sequence, state.body, since=state.since, resume=state.resume, restart=state.restart)
        # Of a day nothing is noted, every push is whole. Before there is a board nothing has been sent: whatever comes is sent whole.
        told = Subscription(connection, topic) if state.resume is not None else None
        return Answer(live_message(members, message.message_id), told, state.sequence)
