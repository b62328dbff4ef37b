"""Unused tickets: one conditional delete takes a ticket, so of two who show it one is admitted."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.connections import EXPIRES_AT, seconds
from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.adapters.dynamodb.items import Row, decode, encode
from daymark.adapters.dynamodb.table import NOTHING_THERE, Table
from daymark.adapters.dynamodb.tables import PARTITION_KEY, SORT_KEY
from daymark.adapters.rows import decode_model, encode_model, natural_key
from daymark.core.errors import Conflict
from daymark.monitoring.models import Grant

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TICKET = "TICKET"


class DynamoTickets:
    """``Tickets`` over the connections table: ``TICKET#<sha-256>`` | ``TICKET``.

    Args:
        table_name: The connections table.
        client: A DynamoDB client with bounded time-outs.
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table = Table(table_name, client)
        self._client = client

    def put(self, digest: str, grant: Grant, expires_at: datetime) -> None:
        """Keep a ticket until it is taken or expires.

        Raises:
            Conflict: a ticket of this digest is there already.
        """
        row = Row(natural_key(TICKET, digest), TICKET, encode_model(Grant, grant), {EXPIRES_AT: seconds(expires_at)})
        try:
            self._table.transact([self._table.put(encode(row), NOTHING_THERE)])
        except ConditionFailed:
            raise Conflict("this ticket exists", field="digest") from None

    def take(self, digest: str, now: datetime) -> Grant | None:
        """Remove a ticket and return what it stands for; ``None`` if there is none or it has expired.

        The call is not repeated by itself when its answer is lost: the second would find nothing. The client then asks for
        another ticket.
        """
        try:
            with translated(f"taking a ticket from table {self._table.name}"):
                answer = self._client.delete_item(
                    TableName=self._table.name,
                    Key={PARTITION_KEY: {"S": natural_key(TICKET, digest)}, SORT_KEY: {"S": TICKET}},
                    ConditionExpression=f"{EXPIRES_AT} > :now",
                    ExpressionAttributeValues={":now": {"N": str(seconds(now))}},
                    ReturnValues="ALL_OLD",
                )
        except ConditionFailed:
            return None
        return decode_model(Grant, decode(answer["Attributes"]).body)
