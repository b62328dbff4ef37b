"""Epochs and claims, each decided by one conditional update of one item.

A scope's epoch and its claims live in the same items, so one update can ask for both: is this still the epoch, and is the key free
or held for the same content? Claims are spread over a fixed number of items per scope by the key's hash, because an item holds
400 KB and its writes cost its size. Opening an epoch raises every one of the scope's items before it returns: from then on no
earlier fence can claim anything. The table is replicated with strong consistency and therefore knows no transaction and no TTL.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.adapters.dynamodb.items import SCHEMA_VERSION
from daymark.adapters.dynamodb.tables import PARTITION_KEY
from daymark.core.errors import Conflict, NotFound, StaleFence
from daymark.core.fence import Claim, Fence

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ITEMS_PER_SCOPE = 8


class DynamoFenceLedger:
    """The fence table.

    Args:
        table_name: A table of single items, keyed by ``pk``.
        client: A DynamoDB client with bounded time-outs.
    """

    def __init__(self, table_name: str, client: DynamoDBClient) -> None:
        self._table = table_name
        self._client = client

    def current(self, scope: str) -> Fence:
        """The fence in force.

        Raises:
            NotFound: no epoch was ever opened for the scope.
        """
        with translated(f"reading table {self._table}"):
            item = self._client.get_item(TableName=self._table, Key=_key(scope, 0), ConsistentRead=True).get("Item")
        if item is None:
            raise NotFound(f"no epoch was ever opened for {scope}", field="scope")
        return Fence(scope, item["region"]["S"], int(item["epoch"]["N"]))

    def open(self, scope: str, region: str) -> Fence:
        """Take the scope over under the next epoch; on return every earlier fence is stale."""
        Fence(scope, region, 1)  # refuses an empty scope or region before anything is written
        with translated(f"writing table {self._table}"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(scope, 0),
                UpdateExpression="SET #region = :region, #version = :version ADD epoch :one",
                ExpressionAttributeNames={"#region": "region", "#version": "version"},
                ExpressionAttributeValues={":region": {"S": region}, ":version": {"N": str(SCHEMA_VERSION)}, ":one": {"N": "1"}},
                ReturnValues="ALL_NEW",
            )
        fence = Fence(scope, region, int(answer["Attributes"]["epoch"]["N"]))
        for place in range(1, ITEMS_PER_SCOPE):
            self._raise_epoch(fence, place)
        return fence

    def claim(self, key: str, fingerprint: str, fence: Fence) -> Claim:
        """Claim a business key for one content under the fence's epoch.

        Raises:
            StaleFence: the fence is not the scope's present epoch.
            NotFound: no epoch was ever opened for the scope.
            Conflict: the key was claimed for another fingerprint.
            InvalidInput: the scope holds more claims than its items take.
        """
        place = int(_digest(key)[:8], 16) % ITEMS_PER_SCOPE
        refused = self._try_claim(key, fingerprint, fence, place)
        if isinstance(refused, Claim):
            return refused
        if _holder(refused)[0] < fence.epoch:
            # The opener stopped before it reached this item; finish its work, unless nobody ever opened this epoch.
            if self.current(fence.scope) != fence:
                raise _stale(fence)
            self._raise_epoch(fence, place)
            refused = self._try_claim(key, fingerprint, fence, place)
            if isinstance(refused, Claim):
                return refused
        if _holder(refused) != (fence.epoch, fence.region):
            raise _stale(fence)
        raise Conflict(f"{key} was claimed for other content", field="key", scope=fence.scope)

    def _try_claim(self, key: str, fingerprint: str, fence: Fence, place: int) -> Claim | dict[str, Any]:
        """The claim, or the item that refused it."""
        # The nonce tells this very call's claim from an earlier one, even when the client sent the call twice.
        nonce = secrets.token_hex(8)
        claim = {
            "M": {"key": {"S": key}, "fingerprint": {"S": fingerprint}, "epoch": {"N": str(fence.epoch)}, "nonce": {"S": nonce}},
        }
        name = f"claim_{_digest(key)}"
        try:
            with translated(f"claiming {key} in table {self._table}"):
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_key(fence.scope, place),
                    UpdateExpression="SET #claim = if_not_exists(#claim, :claim)",
                    ConditionExpression=(
                        "epoch = :epoch AND #region = :region"
                        " AND (attribute_not_exists(#claim) OR (#claim.#fingerprint = :fingerprint AND #claim.#key = :key))"
                    ),
                    ExpressionAttributeNames={
                        "#claim": name,
                        "#fingerprint": "fingerprint",
                        "#key": "key",
                        "#region": "region",
                    },
                    ExpressionAttributeValues={
                        ":claim": claim,
                        ":epoch": {"N": str(fence.epoch)},
                        ":fingerprint": {"S": fingerprint},
                        ":key": {"S": key},
                        ":region": {"S": fence.region},
                    },
                    ReturnValues="UPDATED_NEW",
                )
        except ConditionFailed:
            with translated(f"reading table {self._table}"):
                standing = self._client.get_item(TableName=self._table, Key=_key(fence.scope, place), ConsistentRead=True)
            return {**standing.get("Item", {})}
        standing_claim: Any = answer.get("Attributes", {}).get(name, {})
        return Claim.FIRST if standing_claim.get("M", {}).get("nonce") == {"S": nonce} else Claim.REPEAT

    def _raise_epoch(self, fence: Fence, place: int) -> None:
        """Bring one of the scope's items up to the epoch; one that is already beyond stays."""
        try:
            with translated(f"writing table {self._table}"):
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(fence.scope, place),
                    UpdateExpression="SET epoch = :epoch, #region = :region, #version = :version",
                    ConditionExpression="attribute_not_exists(epoch) OR epoch < :epoch",
                    ExpressionAttributeNames={"#region": "region", "#version": "version"},
                    ExpressionAttributeValues={
                        ":epoch": {"N": str(fence.epoch)},
                        ":region": {"S": fence.region},
                        ":version": {"N": str(SCHEMA_VERSION)},
                    },
                )
        except ConditionFailed:
            return


def _holder(item: dict[str, Any]) -> tuple[int, str]:
    return int(item.get("epoch", {}).get("N", "0")), str(item.get("region", {}).get("S", ""))


def _stale(fence: Fence) -> StaleFence:
    return StaleFence(f"epoch {fence.epoch} of {fence.scope} is not the one in force", field="epoch", scope=fence.scope)


def _key(scope: str, place: int) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": f"SCOPE#{scope}#{place}"}}


def _digest(key: str) -> str:
    """128 bits of the key's hash: enough that no two keys ever meet, and short as an attribute name."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
