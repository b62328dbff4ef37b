"""Items: every one carries its schema version beside its keys and its canonical JSON body.

Bodies are text, so that a ``Decimal`` stays the decimal string it was and two equal contents are two equal texts. A reader accepts
the present version and any earlier one it is given an upgrade for; a later version is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from daymark.adapters.dynamodb.tables import PARTITION_KEY, SORT_KEY
from daymark.core.errors import InvalidInput

SCHEMA_VERSION = 1
MAX_ITEM_BYTES = 400 * 1024  # DynamoDB's limit, names and values together
Upgrades = Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One item: its keys, its body as canonical JSON text, and whole numbers that conditions look at."""

    pk: str
    sk: str
    body: str
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Partition and sort key."""
        return self.pk, self.sk


def encode(row: Row) -> dict[str, Any]:
    """The item as DynamoDB takes it.

    Raises:
        InvalidInput: the item would pass 400 KB; the message names its keys.
    """
    item: dict[str, Any] = {
        PARTITION_KEY: {"S": row.pk},
        SORT_KEY: {"S": row.sk},
        "version": {"N": str(SCHEMA_VERSION)},
        "body": {"S": row.body},
    }
    for name, number in row.numbers.items():
        item[name] = {"N": str(number)}
    size = item_bytes(item)
    if size > MAX_ITEM_BYTES:
        raise InvalidInput(f"item {row.pk} {row.sk} has {size} bytes; at most {MAX_ITEM_BYTES} fit", field="item")
    return item


def item_bytes(item: Mapping[str, Mapping[str, str]]) -> int:
    """Size as DynamoDB counts it: UTF-8 lengths of names and texts; numbers are counted by digit, which is never too little.

    >>> item_bytes({"pk": {"S": "é"}, "n": {"N": "12"}})
    7
    """
    return sum(len(name.encode()) + sum(len(text.encode()) for text in value.values()) for name, value in item.items())


def decode(item: Mapping[str, Any], upgrades: Upgrades | None = None) -> Row:
    """The row back from an item, brought up from an earlier version step by step.

    Args:
        item: An item in DynamoDB's own form.
        upgrades: Per earlier version, how its body becomes the next version's.

    Raises:
        InvalidInput: no version, a later version, or an earlier one without an upgrade.
    """
    version_text = item.get("version", {}).get("N")
    keys = item.get(PARTITION_KEY, {}).get("S", ""), item.get(SORT_KEY, {}).get("S", "")
    if version_text is None:
        raise InvalidInput(f"item {keys[0]} {keys[1]} carries no version", field="version")
    version = int(version_text)
    if version > SCHEMA_VERSION:
        raise InvalidInput(f"item {keys[0]} {keys[1]} has version {version}; this reader knows up to {SCHEMA_VERSION}", field="version")
    body = item["body"]["S"]
    if version < SCHEMA_VERSION:
        content = json.loads(body)
        for step in range(version, SCHEMA_VERSION):
            if upgrades is None or step not in upgrades:
                raise InvalidInput(f"item {keys[0]} {keys[1]} has version {version}, which nothing here can upgrade", field="version")
            content = upgrades[step](content)
        body = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    numbers = {name: int(value["N"]) for name, value in item.items() if "N" in value and name != "version"}
    return Row(keys[0], keys[1], body, numbers)
