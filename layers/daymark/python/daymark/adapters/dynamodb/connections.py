"""Open connections and what they are subscribed to, found from either side.

Layout of the connections table, which is of one region and not replicated (partition key | sort key)::

    CONNECTION#<id>    | CONNECTION         who is connected, and the keys of its topics as a set
    TOPIC#<topic key>  | CONNECTION#<id>    one subscriber of a topic, with the connection it belongs to
    TICKET#<sha-256>   | TICKET             an unused ticket

A subscription writes both sides in one transaction that asks for the connection's row, so nothing is added to a connection
that has been closed. Closing removes the connection's row first; a subscriber's row that a crash leaves behind is removed when
a post to it finds the connection gone, or by its time to live.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed, Contended, translated
from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.dynamodb.table import TRIES_UNDER_CONTENTION, Table, wait_before
from daymark.adapters.dynamodb.tables import PARTITION_KEY, SORT_KEY
from daymark.adapters.rows import decode_model, encode_model, natural_key
from daymark.core.errors import Conflict
from daymark.monitoring.models import Connection, Topic
from daymark.monitoring.ports import Gone

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTION, TOPIC, TOPICS = "CONNECTION", "TOPIC", "topics"
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
        for topic_key in answer.get("Attributes", {}).get(TOPICS, {}).get("SS", []):
            self._forget(connection_id, Topic.parse(topic_key))

    def subscribe(self, connection: Connection, topic: Topic, limit: int) -> None:
        """Add a topic to a connection; adding it again does nothing.

        Raises:
            Gone: the connection has been closed.
            Conflict: it holds ``limit`` other topics already.
        """
        row = Row(
            natural_key(TOPIC, topic.key),
            natural_key(CONNECTION, connection.connection_id),
            encode_model(Connection, connection),
            {EXPIRES_AT: seconds(connection.ends_at)},
        )
        room = f"attribute_not_exists({TOPICS}) OR size({TOPICS}) < :limit OR contains({TOPICS}, :key)"
        held = {
            "TableName": self._table.name,
            "Key": _connection_key(connection.connection_id),
            "UpdateExpression": f"ADD {TOPICS} :topic",
            "ConditionExpression": f"attribute_exists({PARTITION_KEY}) AND ({room})",
            "ExpressionAttributeValues": {":topic": {"SS": [topic.key]}, ":key": {"S": topic.key}, ":limit": {"N": str(limit)}},
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
            "UpdateExpression": f"DELETE {TOPICS} :topic",
            "ConditionExpression": f"attribute_exists({PARTITION_KEY})",
            "ExpressionAttributeValues": {":topic": {"SS": [topic.key]}},
        }
        subscriber = {"TableName": self._table.name, "Key": _subscriber_key(connection_id, topic)}
        try:
            self._transact([{"Update": held}, {"Delete": subscriber}])
        except ConditionFailed:
            self._forget(connection_id, topic)

    def subscribers(self, topic: Topic, now: datetime) -> Sequence[Connection]:
        """The connections subscribed to a topic that are within their life, by id."""
        rows = self._table.query(natural_key(TOPIC, topic.key), f"{CONNECTION}#")
        held = [decode_model(Connection, row.body) for row in rows]
        return [connection for connection in held if connection.ends_at > now]

    def _forget(self, connection_id: str, topic: Topic) -> None:
        with translated(f"deleting from table {self._table.name}"):
            self._client.delete_item(TableName=self._table.name, Key=_subscriber_key(connection_id, topic))

    def _transact(self, actions: Sequence[dict[str, Any]]) -> None:
        """All or none; two messages of one connection may meet on its row, and the loser tries again."""
        items: list[Any] = list(actions)
        for retry in range(1, TRIES_UNDER_CONTENTION + 1):
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


def _subscriber_key(connection_id: str, topic: Topic) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": natural_key(TOPIC, topic.key)}, SORT_KEY: {"S": natural_key(CONNECTION, connection_id)}}
