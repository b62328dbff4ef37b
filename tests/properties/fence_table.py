"""The fence table as the ledger sees it: single items, changed one call at a time by the expressions that the ledger really sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FenceTable:
    """Single items, updated one call at a time as the service's expressions say."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: int = 0
    claims: list[tuple[int, int, str]] = field(default_factory=list)  # (call, epoch, attribute) of every claim that was added

    def get_item(self, **call: Any) -> dict[str, Any]:
        assert call["ConsistentRead"]
        self.calls += 1
        item = self.items.get(call["Key"]["pk"]["S"])
        return {} if item is None else {"Item": dict(item)}

    def update_item(self, **call: Any) -> dict[str, Any]:
        self.calls += 1
        key, names, values = call["Key"]["pk"]["S"], call["ExpressionAttributeNames"], call["ExpressionAttributeValues"]
        item = dict(self.items.get(key, {}))
        if not holds(call.get("ConditionExpression", ""), item, names, values):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        assignments, _, addition = call["UpdateExpression"].removeprefix("SET ").partition(" ADD ")
        for assignment in assignments.split(", "):
            name, value = assignment.split(" = ")
            name = names.get(name, name)
            if name.startswith("claim_") and name not in item:
                self.claims.append((self.calls, int(values[":epoch"]["N"]), name))
            item[name] = values[value]
        if addition:
            name, value = addition.split(" ")
            item[name] = {"N": str(int(item.get(name, {"N": "0"})["N"]) + int(values[value]["N"]))}
        self.items[key] = item
        return {"Attributes": item}


def holds(condition: str, item: Mapping[str, Any], names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    """Evaluate a condition of ``=``, ``<``, ``attribute_not_exists``, AND, OR and parentheses on an item."""

    def plain(value: Any) -> Any:
        return None if value is None else int(value["N"]) if "N" in value else value["S"]

    def python(token: str) -> str:
        if token in ("AND", "OR", "(", ")", "<", "="):
            return {"=": "=="}.get(token, token.lower())
        if token.startswith("attribute_not_exists"):
            name = token[len("attribute_not_exists(") : -1]
            return repr(names.get(name, name) not in item)
        return repr(plain(values[token] if token.startswith(":") else item.get(names.get(token, token), {"N": "0"})))

    tokens = re.findall(r"attribute_not_exists\([^)]*\)|[()=<]|[#:\w]+", condition)
    return not tokens or bool(eval(" ".join(map(python, tokens))))  # every token was made above
