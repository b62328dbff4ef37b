"""Epochs and claims, decided by conditional updates of single items.

A scope's epoch and its claims live in the same items, so one update can ask for both: is this still the epoch, and is each key free
or held for the same content? A key belongs to one item, by its hash, for ever: that is why it never holds two contents. Opening a
later epoch raises every one of the scope's items before it returns: from then on no earlier fence can claim anything. A first epoch
has no earlier fence, so opening it writes one item, and claims under it create the others. The table is replicated with strong
consistency and therefore knows no transaction and no TTL.

Capacity: a claim takes 102 bytes (38 of name, 64 of SHA-256 in hexadecimal) and an item holds 400 KB, so 64 items take some 250,000
claims. A phase over 10,000 portfolios makes about 50,000 in each attempt: 800 to an item, 80 KB. Every write costs its whole item,
which is why claims of one item are made together, up to ``KEYS_PER_UPDATE``: 50,000 in batches of 2,000 take 25 x 64 updates of
40 KB on average. More items would make those cheaper and every takeover dearer. A full item refuses further claims.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.adapters.dynamodb.items import SCHEMA_VERSION
from daymark.adapters.dynamodb.tables import PARTITION_KEY
from daymark.core.errors import DaymarkError, InvalidInput, NotFound, StaleFence
from daymark.core.fence import Fence, claimed_otherwise

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ITEMS_PER_SCOPE = 64
# The service takes 300 operators and 4 KB of expression: five operators for each key and six for the fence make 256.
KEYS_PER_UPDATE = 50

Part = TypeVar("Part")


class DynamoFenceLedger:
    """The fence table.

    Args:
        table_name: A table of single items, keyed by ``pk``.
        client: A DynamoDB client with bounded time-outs; its connections serve the workers.
        workers: How many of a scope's items are written at once; 1 keeps every call in the caller's thread, in order.

    Raises:
        InvalidInput: ``workers`` is below 1.
    """

    def __init__(self, table_name: str, client: DynamoDBClient, workers: int = 8) -> None:
        if workers < 1:
            raise InvalidInput(f"workers must be at least 1, got {workers}", field="workers")
        self._table = table_name
        self._client = client
        self._workers = workers
        self._opened: set[Fence] = set()

    def current(self, scope: str) -> Fence:
        """The fence in force.

        Raises:
            NotFound: no epoch was ever opened for the scope.
        """
        item = self._item(scope, 0)
        if not item:
            raise NotFound(f"no epoch was ever opened for {scope}", field="scope")
        return Fence(scope, item["region"]["S"], int(item["epoch"]["N"]))

    def open(self, scope: str, region: str) -> Fence:
        """Take the scope over under the next epoch; on return every earlier fence is stale.

        Raises:
            InvalidInput: the scope or the region is empty; nothing was written.
        """
        Fence(scope, region, 1)  # refuses empty names before anything is written
        with translated(f"writing table {self._table}"):
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(scope, 0),
                UpdateExpression="SET #region = :region, #version = :version ADD epoch :one",
                ExpressionAttributeNames={"#region": "region", "#version": "version"},
                ExpressionAttributeValues={":region": {"S": region}, ":version": {"N": str(SCHEMA_VERSION)}, ":one": {"N": "1"}},
                ReturnValues="UPDATED_NEW",
            )
        fence = Fence(scope, region, int(answer["Attributes"]["epoch"]["N"]))
        if fence.epoch > 1:
            self._each(lambda place: self._raise_epoch(fence, place), range(1, ITEMS_PER_SCOPE))
        self._opened.add(fence)
        return fence

    def claim(self, fingerprints: Mapping[str, str], fence: Fence) -> None:
        """Claim business keys, each for one content, under the fence's epoch.

        The keys of one update are claimed together or not at all; when one is refused, other updates' keys may stay claimed.

        Raises:
            StaleFence: the fence is not the scope's present epoch.
            NotFound: no epoch was ever opened for the scope.
            Conflict: a key was claimed for another fingerprint; the context names it.
            InvalidInput: the scope holds more claims than its items take.
        """
        if fingerprints:
            self._require_opened(fence)
            self._each(lambda part: self._claim_at(*part, fence), list(_by_place(fingerprints).items()))

    def _require_opened(self, fence: Fence) -> None:
        """Refuse an invented fence, by epoch or region. That one was opened stays true, so one look is enough."""
        if fence not in self._opened:
            if self.current(fence.scope) != fence:
                raise _stale(fence)
            self._opened.add(fence)

    def _claim_at(self, place: int, fingerprints: Mapping[str, str], fence: Fence) -> None:
        """Claim keys of one item, one update after the other, so that no call competes with itself for the item."""
        keys = sorted(fingerprints)
        for start in range(0, len(keys), KEYS_PER_UPDATE):
            self._claim_together(place, {key: fingerprints[key] for key in keys[start : start + KEYS_PER_UPDATE]}, fence)

    def _claim_together(self, place: int, fingerprints: Mapping[str, str], fence: Fence) -> None:
        """Claim keys of one item by one update; finish an opening that has not reached the item."""
        if self._try_claim(place, fingerprints, fence):
            return
        # The opener may not have come here, or stopped before: do its work. An item that is at the epoch or beyond stays.
        self._raise_epoch(fence, place)
        # Epochs only rise and claims stay, so whatever refuses the keys now is still to be read afterwards.
        if not self._try_claim(place, fingerprints, fence):
            raise self._refusal(place, fingerprints, fence)

    def _try_claim(self, place: int, fingerprints: Mapping[str, str], fence: Fence) -> bool:
        """Claim all the keys if the item is at the fence's epoch and each is free or held for the same content."""
        try:
            with translated(f"claiming keys in table {self._table}"):
                self._client.update_item(TableName=self._table, Key=_key(fence.scope, place), **claim_update(fingerprints, fence))
        except ConditionFailed:
            return False
        return True

    def _refusal(self, place: int, fingerprints: Mapping[str, str], fence: Fence) -> DaymarkError:
        item = self._item(fence.scope, place)
        if int(item["epoch"]["N"]) != fence.epoch:
            return _stale(fence)
        held = {key: item.get(claim_name(key), {}).get("S", fingerprint) for key, fingerprint in fingerprints.items()}
        key = next(key for key, fingerprint in sorted(fingerprints.items()) if held[key] != fingerprint)
        return claimed_otherwise(key, fence.scope)

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

    def _item(self, scope: str, place: int) -> Mapping[str, Any]:
        """One of a scope's items as it stands, empty if it does not exist."""
        with translated(f"reading table {self._table}"):
            answer = self._client.get_item(TableName=self._table, Key=_key(scope, place), ConsistentRead=True)
        return answer.get("Item", {})

    def _each(self, work: Callable[[Part], None], parts: Sequence[Part]) -> None:
        """Do the work for every part, several at once; the first failure ends what has not begun."""
        if self._workers == 1 or len(parts) < 2:
            for part in parts:
                work(part)
            return
        with ThreadPoolExecutor(self._workers) as pool:
            for _ in pool.map(work, parts):
                pass


def claim_update(fingerprints: Mapping[str, str], fence: Fence) -> dict[str, Any]:
    """The arguments of one update that claims keys of one item, all or none.

    Writing a key that is held for the same content changes nothing, so a repeat needs no case of its own.
    """
    names = {"#region": "region", "#version": "version"}
    values = {":epoch": {"N": str(fence.epoch)}, ":region": {"S": fence.region}, ":version": {"N": str(SCHEMA_VERSION)}}
    # Nobody ever claimed in a missing item, and a later epoch whose opening has returned left none missing.
    conditions = ["(attribute_not_exists(epoch) OR epoch = :epoch)"]
    writes = ["epoch = :epoch", "#region = :region", "#version = :version"]
    for number, (key, fingerprint) in enumerate(sorted(fingerprints.items())):
        names[f"#{number}"], values[f":{number}"] = claim_name(key), {"S": fingerprint}
        conditions.append(f"(attribute_not_exists(#{number}) OR #{number} = :{number})")
        writes.append(f"#{number} = :{number}")
    return {
        "UpdateExpression": "SET " + ", ".join(writes),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def claim_name(key: str) -> str:
    """The attribute that holds a key's claim: 128 bits of its hash, enough that no two keys ever meet."""
    return f"claim_{_digest(key)}"


def place_of(key: str) -> int:
    """Which of its scope's items a key is claimed in, whatever the epoch."""
    return int(_digest(key)[:8], 16) % ITEMS_PER_SCOPE


def _by_place(fingerprints: Mapping[str, str]) -> dict[int, dict[str, str]]:
    by_place: dict[int, dict[str, str]] = {}
    for key, fingerprint in fingerprints.items():
        by_place.setdefault(place_of(key), {})[key] = fingerprint
    return by_place


def _stale(fence: Fence) -> StaleFence:
    return StaleFence(f"epoch {fence.epoch} of {fence.scope} is not the one in force", field="epoch", scope=fence.scope)


def _key(scope: str, place: int) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": f"SCOPE#{scope}#{place}"}}


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
