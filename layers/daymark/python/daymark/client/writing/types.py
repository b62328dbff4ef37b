"""Schemas as Python types: dataclasses for objects, and for closed lists of names the names themselves."""

from __future__ import annotations

import builtins
import json
import keyword
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 140
_SCALARS = {"integer": "int", "number": "float", "boolean": "bool", "string": "str"}
_TEXTS = {"date": "date", "date-time": "datetime", "decimal": "Decimal"}


def class_name(schema: str) -> str:
    """What a schema is called here.

    >>> class_name("PortfolioBody"), class_name("Page_LotBody_")
    ('Portfolio', 'LotPage')
    """
    page = re.fullmatch(r"Page_(\w+)_", schema)
    return f"{class_name(page[1])}Page" if page else schema.removesuffix("Body")


def kind_of(schema: Mapping[str, Any]) -> str:
    """A schema as a Python type.

    >>> kind_of({"anyOf": [{"type": "array", "items": {"type": "string", "format": "date"}}, {"type": "null"}]})
    'tuple[date, ...] | None'
    """
    if "$ref" in schema:
        return class_name(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " | ".join("None" if each.get("type") == "null" else kind_of(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"tuple[{kind_of(schema['items'])}, ...]"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties", True)
        return f"Mapping[str, {kind_of(inner) if isinstance(inner, Mapping) else 'Any'}]"
    if schema.get("type") == "string":
        return _TEXTS.get(schema.get("format", ""), "str")
    return _SCALARS.get(schema.get("type", ""), "Any")


def attribute(name: str) -> str:
    """A member or parameter as Python spells it; an underscore keeps it off the language's own words.

    >>> attribute("return"), attribute("open"), attribute("Idempotency-Key")
    ('return_', 'open_', 'idempotency_key')
    """
    text = re.sub(r"\W", "_", name).lower()
    return f"{text}_" if keyword.iskeyword(text) or hasattr(builtins, text) else text


def optional(kind: str) -> str:
    """The type of what may be missing."""
    return kind if kind.endswith("| None") or kind == "Any" else f"{kind} | None"


def docstring(summary: str, more: Sequence[str], indent: int) -> list[str]:
    """A docstring's lines: its first line, and after an empty one the others."""
    pad = " " * indent
    if not more:
        return [f'{pad}"""{summary}"""']
    return [f'{pad}"""{summary}', "", *(f"{pad}{line}".rstrip() for line in more), f'{pad}"""']


def prose(text: str, indent: int) -> list[str]:
    """Text in lines of the project's width."""
    return textwrap.wrap(" ".join(text.split()).replace("`", "``"), WIDTH - indent)


def section(title: str, entries: Sequence[tuple[str, str]], indent: int) -> list[str]:
    """A docstring's section of names and what they mean; nothing without names."""
    lines = [title]
    for name, says in entries:
        first, *rest = prose(f"{name}: {says}", indent + 8)
        lines += [f"    {first}", *(f"        {line}" for line in rest)]
    return lines if entries else []


def is_names(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is a closed list of names."""
    return "enum" in schema


def names_of(name: str, schema: Mapping[str, Any]) -> list[str]:
    """A closed list of names as a ``Literal``, on one line if it fits."""
    values = [json.dumps(value) for value in schema["enum"]]
    line = f"{class_name(name)} = Literal[{', '.join(values)}]"
    lines = [line] if len(line) <= WIDTH else [f"{class_name(name)} = Literal[", *(f"    {value}," for value in values), "]"]
    return [*(f"# {line}" for line in prose(schema.get("description", ""), 2)), *lines]


def dataclass_of(name: str, schema: Mapping[str, Any]) -> list[str]:
    """An object as a dataclass; members that may be missing come last."""
    members, required = schema.get("properties", {}), set(schema.get("required", []))
    said = [(attribute(each), member["description"]) for each, member in members.items() if member.get("description")]
    summary, *rest = prose(schema.get("description", "One page of a list."), 7)
    lines = ["@dataclass(frozen=True, slots=True)", f"class {class_name(name)}:"]
    more = [*rest, *([""] if rest and said else []), *section("Attributes:", said, 4)]
    lines += [*docstring(summary, more, 4), ""]
    lines += [f"    {attribute(each)}: {kind_of(members[each])}" for each in members if each in required]
    return lines + [f"    {attribute(each)}: {optional(kind_of(members[each]))} = None" for each in members if each not in required]
