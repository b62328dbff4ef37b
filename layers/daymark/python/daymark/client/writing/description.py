"""The description as the writer reads it: its operations, and whose schemas are whose."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

SHARED = "shared"


@dataclass(frozen=True)
class Description:
    """The description, and who uses which of its schemas."""

    document: Mapping[str, Any]
    digest: str

    @property
    def schemas(self) -> Mapping[str, Any]:
        """Schemas by the name that the description has for them."""
        schemas: Mapping[str, Any] = self.document["components"]["schemas"]
        return schemas

    def operations(self) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
        """Every operation: system, verb, path, and itself."""
        for path, verbs in self.document["paths"].items():
            for verb, operation in verbs.items():
                yield operation["tags"][0], verb, path, operation

    def homes(self) -> dict[str, str]:
        """The module of every schema that some call takes or gives: its system's, or the shared one."""
        users: dict[str, set[str]] = {}
        for system, _, _, operation in self.operations():
            parts = [operation.get("parameters", []), operation.get("requestBody", {}), good_answer(operation)]
            waiting = references(parts)
            while waiting:
                name = waiting.pop()
                if system not in users.setdefault(name, set()):
                    users[name].add(system)
                    waiting |= references(self.schemas[name])
        return {name: next(iter(systems)) if len(systems) == 1 else SHARED for name, systems in users.items()}

    @classmethod
    def checked_in(cls) -> Description:
        """The description as it is checked in."""
        content = files("daymark.http").joinpath("openapi.json").read_bytes()
        return cls(json.loads(content), hashlib.sha256(content).hexdigest())


def good_answer(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an operation answers when all went well."""
    return next(answer for status, answer in operation["responses"].items() if status.startswith("2"))


def references(part: Any) -> set[str]:
    """The schemas that a part of the description refers to by name."""
    return set(re.findall(r"\"#/components/schemas/(\w+)\"", json.dumps(part)))
