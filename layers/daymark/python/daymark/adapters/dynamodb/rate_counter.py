"""Counts of calls: one conditional update raises a count, and is refused where the count has reached its limit.

Layout of the rates table, which is of one region and not replicated (partition key | sort key)::

    RATE#<tenant>/<system>/<kind>  |  WINDOW#<first second>     ``used``: calls counted in the window

A call that is refused writes nothing. Rows end an hour after their window; time to live may lag, which costs nothing, because a window
never comes again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.connections import EXPIRES_AT, seconds
from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.adapters.dynamodb.items import SCHEMA_VERSION
from daymark.adapters.dynamodb.tables import PARTITION_KEY, SORT_KEY
from daymark.adapters.rows import natural_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RATE, WINDOW = "RATE", "WINDOW"
_KEPT_AFTER = timedelta(hours=1)


class DynamoRateCounter:
    """``RateCounter`` over the rates table.

    Args:
        table_name: The rates table.
        client: A DynamoDB client with short time-outs and one attempt: a call is admitted rather than kept waiting, and one that is
            sent again after a lost answer would count twice.
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table_name, self._client = table_name, client

    @classmethod
    def connect(cls, table_name: str, region: str) -> DynamoRateCounter:
        """A counter over a client that waits 0.8 s at most."""
        return cls(table_name, dynamodb_client(region, connect_seconds=0.3, read_seconds=0.5, attempts=1))

    def count(self, subject: str, starts_at: datetime, ends_at: datetime, limit: int) -> int | None:
        """Count one call, unless ``limit`` calls are counted already.

        Raises:
            Unavailable: the table did not answer. The call may have been counted.
            Misconfigured: there is no such table, or no right to it.
        """
        key = {PARTITION_KEY: natural_key(RATE, subject), SORT_KEY: natural_key(WINDOW, str(seconds(starts_at)))}
        values = {":one": 1, ":limit": limit, ":ends": seconds(ends_at + _KEPT_AFTER), ":version": SCHEMA_VERSION}
        try:
            with translated(f"counting in table {self._table_name}"):
                answer = self._client.update_item(
                    TableName=self._table_name,
                    Key={name: {"S": value} for name, value in key.items()},
                    UpdateExpression=f"SET {EXPIRES_AT} = :ends, version = :version ADD used :one",
                    ConditionExpression="attribute_not_exists(used) OR used < :limit",
                    ExpressionAttributeValues={name: {"N": str(value)} for name, value in values.items()},
                    ReturnValues="UPDATED_NEW",
                )
        except ConditionFailed:
            return None
        return int(answer["Attributes"]["used"]["N"])
