"""Open connections and what they are subscribed to, found from either side.

Layout of the connections table, which is of one region and not replicated (partition key | sort key)::

    CONNECTION#<id>    | CONNECTION                         who is connected, and its subscriptions as a set of "room topic-key"
    ROOM#<room>        | CONNECTION#<id>#TOPIC#<topic key>  a subscription: the connection it belongs to, and what was sent
    TICKET#<sha-256>   | TICKET                             an unused ticket

One query gives all that is to be published together, connection by connection. A subscription writes both sides in one transaction
that asks for the connection's row, so nothing is added to a connection that has been closed. Closing removes the connection's row
first, and by its set the others; a subscription that a crash leaves behind is removed when a post to it finds the connection gone, or
by its time to live. What was sent is a number of its own, raised by a conditional update.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import count
from math import ceil
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed, Contended, translated
from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.dynamodb.table import TRIES_UNDER_CONTENTION, Table, wait_before
from daymark.adapters.dynamodb.tables import PARTITION_KEY, SORT_KEY
from daymark.adapters.rows import decode_model, encode_model, natural_key
from daymark.core.errors import Conflict
from daymark.monitoring.models import NOTHING_SENT, Connection, Subscription, Topic
from daymark.monitoring.ports import Gone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTION, ROOM, TOPIC = "CONNECTION", "ROOM", "TOPIC"
SUBSCRIPTIONS, SENT = "subscriptions", "sent"
# The table's time-to-live attribute: whole seconds since 1970. Deletion may lag, so readers compare for themselves.
EXPIRES_AT = "expires_at"


def seconds(instant: datetime) -> int:
    """An instant in whole seconds since 1970, rounded up."""
    return ceil(instant.timestamp())


class DynamoConnections:
    """``Connections`` over the connections table.

    Args:
        table_name: The connections table.
        client: A DynamoDB client with bounded time-outs.
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table = Table(table_name, client)
        self._client = client

    def open(self, connection: Connection) -> None:
        """Keep a connection until it is closed or past its life."""
        row = Row(
            natural_key(CONNECTION, connection.connection_id),
            CONNECTION,
            encode_model(Connection, connection),
            {EXPIRES_AT: seconds(connection.ends_at)},
        )
        self._table.transact([self._table.put(encode(row))])

    def find(self, connection_id: str, now: datetime) -> Connection | None:
        """A connection that is still within its life, or ``None``."""
        row = self._table.read(natural_key(CONNECTION, connection_id), CONNECTION)
        connection = None if row is None else decode_model(Connection, row.body)
        return connection if connection is not None and connection.ends_at > now else None

    def close(self, connection_id: str) -> None:
        """Forget a connection and its subscriptions; closing it again does nothing."""
        with translated(f"deleting from table {self._table.name}"):
            answer = self._client.delete_item(TableName=self._table.name, Key=_connection_key(connection_id), ReturnValues="ALL_OLD")
        for held in answer.get("Attributes", {}).get(SUBSCRIPTIONS, {}).get("SS", []):
            room, _, topic_key = held.partition(" ")
            self._forget(connection_id, Topic.parse(topic_key, room))

    def subscribe(self, connection: Connection, topic: Topic, limit: int) -> None:
        """Add a topic to a connection, with nothing sent; adding it again makes it one that was sent nothing.

        Raises:
            Gone: the connection has been closed.
            Conflict: it holds ``limit`` other topics already.
        """
        row = Row(
            natural_key(ROOM, topic.room),
            _subscription_name(connection.connection_id, topic),
            encode_model(Connection, connection),
            {EXPIRES_AT: seconds(connection.ends_at), SENT: NOTHING_SENT},
        )
        space = f"attribute_not_exists({SUBSCRIPTIONS}) OR size({SUBSCRIPTIONS}) < :limit OR contains({SUBSCRIPTIONS}, :key)"
        held = {
            "TableName": self._table.name,
            "Key": _connection_key(connection.connection_id),
            "UpdateExpression": f"ADD {SUBSCRIPTIONS} :added",
            "ConditionExpression": f"attribute_exists({PARTITION_KEY}) AND ({space})",
            "ExpressionAttributeValues": {":added": {"SS": [_held(topic)]}, ":key": {"S": _held(topic)}, ":limit": {"N": str(limit)}},
        }
        try:
            self._transact([{"Update": held}, {"Put": self._table.put(encode(row))}])
        except ConditionFailed:
            if self._table.read(natural_key(CONNECTION, connection.connection_id), CONNECTION) is None:
                raise Gone("the connection has been closed") from None
            raise Conflict(f"a connection may hold {limit} channels", field="message.channel", limit=limit) from None

    def unsubscribe(self, connection_id: str, topic: Topic) -> None:
        """Take a topic from a connection; one that is not there is let pass."""
        held = {
            "TableName": self._table.name,
            "Key": _connection_key(connection_id),
            "UpdateExpression": f"DELETE {SUBSCRIPTIONS} :ended",
            "ConditionExpression": f"attribute_exists({PARTITION_KEY})",
            "ExpressionAttributeValues": {":ended": {"SS": [_held(topic)]}},
        }
        subscription = {"TableName": self._table.name, "Key": _subscription_key(connection_id, topic)}
        try:
            self._transact([{"Update": held}, {"Delete": subscription}])
        except ConditionFailed:
            self._forget(connection_id, topic)

    def subscribers(self, room: str, now: datetime) -> Sequence[Subscription]:
        """The subscriptions of a room whose connections are within their life, by connection and topic."""
        held = [
            Subscription(decode_model(Connection, row.body), Topic.parse(row.sk.rpartition("#")[2], room), row.numbers[SENT])
            for row in self._table.query(natural_key(ROOM, room), f"{CONNECTION}#")
        ]
        return [subscription for subscription in held if subscription.connection.ends_at > now]

    def note_sent(self, subscription: Subscription, sequence: int) -> None:
        """Note what a subscriber was sent, unless a later one was noted meanwhile or the subscription has ended."""
        # Where there is no row there is no number either, so the condition makes none.
        with suppress(ConditionFailed), translated(f"writing table {self._table.name}"):
            self._client.update_item(
                TableName=self._table.name,
                Key=_subscription_key(subscription.connection.connection_id, subscription.topic),
                UpdateExpression=f"SET {SENT} = :sequence",
                ConditionExpression=f"{SENT} < :sequence OR {SENT} = :read",
                ExpressionAttributeValues={":sequence": {"N": str(sequence)}, ":read": {"N": str(subscription.sent)}},
            )

    def _forget(self, connection_id: str, topic: Topic) -> None:
        with translated(f"deleting from table {self._table.name}"):
            self._client.delete_item(TableName=self._table.name, Key=_subscription_key(connection_id, topic))

    def _transact(self, actions: Sequence[dict[str, Any]]) -> None:
        """All or none; two messages of one connection may meet on its row, and the loser tries again."""
        items: list[Any] = list(actions)
        for retry in count(1):
            try:
                with translated(f"writing table {self._table.name}"):
                    self._client.transact_write_items(TransactItems=items)
            except Contended:
                if retry == TRIES_UNDER_CONTENTION:
                    raise
                wait_before(retry)
            else:
                return


def _connection_key(connection_id: str) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": natural_key(CONNECTION, connection_id)}, SORT_KEY: {"S": CONNECTION}}


def _subscription_key(connection_id: str, topic: Topic) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": natural_key(ROOM, topic.room)}, SORT_KEY: {"S": _subscription_name(connection_id, topic)}}


def _subscription_name(connection_id: str, topic: Topic) -> str:
    return natural_key(CONNECTION, connection_id, TOPIC, topic.key)


def _held(topic: Topic) -> str:
    return f"{topic.room} {topic.key}"
