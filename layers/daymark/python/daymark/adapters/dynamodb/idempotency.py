"""Calls by idempotency key: one conditional put each, which fails if the key is taken and not yet expired."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed
from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.dynamodb.table import NOTHING_THERE, Table
from daymark.adapters.rows import fingerprint, natural_key
from daymark.core.audit import canonical_json
from daymark.core.clock import Clock
from daymark.core.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIFETIME = timedelta(hours=24)
# The table's time-to-live attribute: whole seconds since 1970. Deletion may lag, so readers compare for themselves.
EXPIRES_AT = "expires_at"


class DynamoIdempotencyKeys:
    """``IdempotencyKeys`` over the operations table: ``CALLER#<tenant>/<user>`` | ``CALL#<hash of key>``.

    Args:
        table_name: The operations table.
        client: A DynamoDB client with bounded time-outs.
        clock: Wall time, for the keys' lifetime.
    """

    def __init__(self, table_name: str, client: DynamoDBClient, clock: Clock) -> None:
        self._table = Table(table_name, client)
        self._clock = clock

    def answer(self, scope: str, key: str, payload_hash: str) -> Mapping[str, Any] | None:
        """The answer given before, or ``None`` if the key is new or expired.

        Raises:
            Conflict: the key was used for another payload.
        """
        row = self._table.read(*_keys(scope, key))
        if row is None or row.numbers[EXPIRES_AT] <= self._now():
            return None
        call = json.loads(row.body)
        if call["payload_hash"] != payload_hash:
            raise Conflict("this Idempotency-Key was used for another call", field="header.Idempotency-Key")
        answer: Mapping[str, Any] = call["answer"]
        return answer

    def claim(self, scope: str, key: str, payload_hash: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Claim a key for one payload and return the answer that stands: ``answer`` if first, else the one stored.

        Raises:
            Conflict: the key was used for another payload.
            Unavailable: the key was taken and expired in between; the call may be repeated.
        """
        now = self._now()
        body = canonical_json({"payload_hash": payload_hash, "answer": dict(answer)})
        row = Row(*_keys(scope, key), body, {EXPIRES_AT: now + int(LIFETIME.total_seconds())})
        condition = f"{NOTHING_THERE} OR {EXPIRES_AT} <= :now"
        try:
            self._table.transact([self._table.put(encode(row), condition, {":now": {"N": str(now)}})])
        except ConditionFailed:
            standing = self.answer(scope, key, payload_hash)
            if standing is None:
                raise Unavailable("the call's key expired just now; send the call again") from None
            return standing
        return answer

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _keys(scope: str, key: str) -> tuple[str, str]:
    return natural_key("CALLER", scope), natural_key("CALL", fingerprint(key))
