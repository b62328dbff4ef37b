"""One table: strongly consistent reads that page to the end, and appends that never overwrite."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed, Contended, translated
from daymark.adapters.dynamodb.items import Row, decode, encode, item_bytes
from daymark.adapters.dynamodb.tables import PARTITION_KEY, SORT_KEY
from daymark.adapters.rows import claim_rows, unique_contents
from daymark.core.errors import Conflict, Unavailable
from daymark.core.fence import Fence, FenceLedger
from daymark.core.retry import full_jitter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS_PER_READ = 100
ACTIONS_PER_TRANSACTION = 100
# The service takes 4 MB in one transaction; keys and conditions need some of it.
BYTES_PER_TRANSACTION = 3_500_000
ROUNDS_WITHOUT_PROGRESS = 6
TRIES_UNDER_CONTENTION = 5
NOTHING_THERE = f"attribute_not_exists({PARTITION_KEY})"


def wait_before(retry_number: int) -> None:
    """Sleep before a retry: full jitter below 50 ms, 100 ms, ... up to a second."""
    time.sleep(full_jitter(0.05, 1.0, retry_number, lambda: secrets.randbelow(1 << 30) / (1 << 30)))


class Table:
    """Reads and appends of one DynamoDB table, with its errors translated.

    Args:
        wait: Called before a retry with its number, from 1.
    """

    def __init__(self, name: str, client: DynamoDBClient, wait: Callable[[int], None] = wait_before) -> None:
        self.name = name
        self._client = client
        self._wait = wait

    def read(self, pk: str, sk: str) -> Row | None:
        """One row, or ``None``."""
        with translated(f"reading table {self.name}"):
            answer = self._client.get_item(TableName=self.name, Key=_key(pk, sk), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else decode(item)

    def query(
        self, pk: str, prefix: str, *, before: str | None = None, newest_first: bool = False, limit: int | None = None
    ) -> Iterator[Row]:
        """Rows of a partition whose sort key begins with ``prefix``, in key order, page after page.

        Args:
            pk: The partition.
            prefix: What the sort keys begin with; empty for all of them.
            before: Only sort keys strictly below ``prefix + before``.
            newest_first: In falling instead of rising key order.
            limit: At most so many rows.
        """
        names, values = {"#pk": PARTITION_KEY}, {":pk": {"S": pk}}
        condition = "#pk = :pk"
        if prefix or before is not None:
            names["#sk"] = SORT_KEY
            # A key attribute is never empty, so neither may be what it is compared with.
            values[":from"] = {"S": prefix or " "}
            condition += " AND begins_with(#sk, :from)"
        if before is not None:
            # BETWEEN includes its end, so the end itself is left out below.
            values[":to"] = {"S": prefix + before}
            condition = "#pk = :pk AND #sk BETWEEN :from AND :to"
        arguments: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if limit is not None:
            arguments["Limit"] = limit + 1
        given = 0
        while True:
            with translated(f"querying table {self.name}"):
                page = self._client.query(**arguments)
            for item in page["Items"]:
                row = decode(item)
                if before is not None and row.sk >= prefix + before:
                    continue
                if limit is not None and given >= limit:
                    return
                given += 1
                yield row
            if not page.get("LastEvaluatedKey"):
                return
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def read_many(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Row]:
        """The rows that exist among many keys, a hundred per round trip; what the service left out is asked for again.

        Raises:
            Unavailable: several rounds in a row brought nothing.
        """
        found: dict[tuple[str, str], Row] = {}
        for start in range(0, len(keys), KEYS_PER_READ):
            asked: list[dict[str, Any]] = [_key(*key) for key in keys[start : start + KEYS_PER_READ]]
            fruitless = 0
            while asked:
                with translated(f"reading table {self.name}"):
                    answer = self._client.batch_get_item(RequestItems={self.name: {"Keys": asked, "ConsistentRead": True}})
                rows = [decode(item) for item in answer["Responses"].get(self.name, [])]
                found.update((row.key, row) for row in rows)
                left = _left(answer, self.name)
                fruitless = fruitless + 1 if len(left) == len(asked) else 0
                if fruitless == ROUNDS_WITHOUT_PROGRESS:
                    raise Unavailable(f"reading table {self.name}: {len(left)} keys stay unprocessed")
                if fruitless:
                    self._wait(fruitless)
                asked = left
        return found

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows that must not exist yet; an identical row that stands is a repeat.

        Rows that fit one transaction appear together. A longer batch is compared with what stands before anything is written,
        and what a crash left half-way is completed by appending the same batch again.

        Raises:
            Conflict: another content stands under one of the keys.
        """
        items = [(row, encode(row)) for row in rows]
        groups = list(_transactions(items))
        if len(groups) > 1:
            self._refuse_other_content(rows)
        for group in groups:
            self._append_together(group)

    def append_claimed(self, rows: Sequence[Row], ledger: FenceLedger | None, fence: Fence) -> None:
        """Claim a batch of rows, then :meth:`append` it; rows that could never be stored are refused before the claim.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
            Conflict: the rows were claimed, or stand, with other content.
            InvalidInput: the batch names a key twice, or a row is too large.
        """
        contents = unique_contents([(f"{row.pk} {row.sk}", row.body) for row in rows])
        for row in rows:
            encode(row)
        claim_rows(ledger, contents, fence)
        self.append(rows)

    def _append_together(self, group: Sequence[tuple[Row, dict[str, Any]]]) -> None:
        """Add rows of one transaction; after each refusal, those that another writer has not added meanwhile."""
        missing = {row.key for row, _ in group}
        while missing:
            try:
                self.transact([self.put(item, NOTHING_THERE) for row, item in group if row.key in missing])
            except ConditionFailed:
                free = self._refuse_other_content([row for row, _ in group])
                if free == missing:
                    raise
                missing = free
            else:
                return

    def _refuse_other_content(self, rows: Sequence[Row]) -> set[tuple[str, str]]:
        """Keys that are still free; Conflict if a taken one holds other content."""
        standing = self.read_many([row.key for row in rows])
        for row in rows:
            if row.key in standing and standing[row.key].body != row.body:
                raise Conflict(f"other content stands under {row.pk} {row.sk}", field="body", key=f"{row.pk} {row.sk}")
        return {row.key for row in rows} - set(standing)

    def put(
        self,
        item: Mapping[str, Any],
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One conditional put, as :meth:`transact` takes it."""
        action: dict[str, Any] = {"TableName": self.name, "Item": dict(item)}
        if condition:
            action["ConditionExpression"] = condition
        if values:
            action["ExpressionAttributeValues"] = dict(values)
        if names:
            action["ExpressionAttributeNames"] = dict(names)
        return action

    def transact(self, puts: Sequence[dict[str, Any]]) -> None:
        """Perform conditional puts, all or none.

        Raises:
            ConditionFailed: a condition does not hold; nothing was written.
            Contended: other transactions held the rows at every try.
        """
        for retry in range(1, TRIES_UNDER_CONTENTION + 1):
            try:
                self._transact_once(puts)
            except Contended:
                if retry == TRIES_UNDER_CONTENTION:
                    raise
                self._wait(retry)
            else:
                return

    def _transact_once(self, puts: Sequence[dict[str, Any]]) -> None:
        with translated(f"writing table {self.name}"):
            if len(puts) == 1:
                self._client.put_item(**puts[0])
            elif puts:
                actions: list[Any] = [{"Put": put} for put in puts]
                self._client.transact_write_items(TransactItems=actions)


def _left(answer: Mapping[str, Any], table: str) -> list[dict[str, Any]]:
    return list(answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", []))


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {PARTITION_KEY: {"S": pk}, SORT_KEY: {"S": sk}}


def _transactions(items: Sequence[tuple[Row, dict[str, Any]]]) -> Iterator[list[tuple[Row, dict[str, Any]]]]:
    """The items in order, cut where a transaction would pass its limit of actions or bytes."""
    group: list[tuple[Row, dict[str, Any]]] = []
    size = 0
    for row, item in items:
        more = item_bytes(item)
        if group and (len(group) == ACTIONS_PER_TRANSACTION or size + more > BYTES_PER_TRANSACTION):
            yield group
            group, size = [], 0
        group.append((row, item))
        size += more
    if group:
        yield group
