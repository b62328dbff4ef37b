"""A system's operations as one class, a method for each, and for lists that go on one more that reads to their end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from daymark.client.writing.description import Description, good_answer, references
from daymark.client.writing.types import attribute, docstring, kind_of, optional, prose, section

_OWN_KEY = " One is made if none is given."


@dataclass(frozen=True)
class Input:
    """One argument of a method: where it is sent, and as what."""

    place: str
    name: str
    schema: Mapping[str, Any]
    required: bool
    says: str

    @property
    def argument(self) -> str:
        """The argument with its type, and ``None`` where it may be left out."""
        if self.place == "header":
            return f"{attribute(self.name)}: str | None = None"
        kind = kind_of(self.schema)
        return f"{attribute(self.name)}: {kind}" if self.required else f"{attribute(self.name)}: {optional(kind)} = None"


def client_class(description: Description, system: str) -> list[str]:
    """The class of a system's calls."""
    says = next(tag["description"] for tag in description.document["tags"] if tag["name"] == system)
    lines = [f"class {client_name(system)}:", f'    """{says}"""', "", "    def __init__(self, transport: Transport) -> None:"]
    lines.append("        self._transport = transport")
    for tag, verb, path, operation in description.operations():
        if tag == system:
            inputs = _inputs(description, operation)
            lines += ["", *_method(inputs, verb, path, operation), *_iterator(description, inputs, operation)]
    return lines


def client_name(system: str) -> str:
    """What a system's class is called: ``MarketDataClient``."""
    return "".join(word.capitalize() for word in system.split("_")) + "Client"


def answer_of(operation: Mapping[str, Any]) -> str:
    """The type of what an operation answers when all went well."""
    return kind_of(good_answer(operation)["content"]["application/json"]["schema"])


def _inputs(description: Description, operation: Mapping[str, Any]) -> list[Input]:
    """Those that must be given first; a body's members stand beside the others."""

    def says(name: str, *parts: Mapping[str, Any]) -> str:
        named = [description.schemas[each] for part in parts for each in references(part)]
        found = [part["description"] for part in (*parts, *named) if part.get("description")]
        return found[0] if found else f"The {name.replace('_', ' ')}."

    found = []
    for each in operation.get("parameters", []):
        said = says(each["name"], each, each["schema"]) + _OWN_KEY * (each["in"] == "header")
        found.append(Input(each["in"], each["name"], each["schema"], each.get("required", False), said))
    for name in references(operation.get("requestBody", {})):
        schema = description.schemas[name]
        for member, inner in schema.get("properties", {}).items():
            found.append(Input("body", member, inner, member in schema.get("required", []), says(member, inner)))
    return sorted(found, key=lambda each: (each.place == "header", not each.required))


def _method(inputs: Sequence[Input], verb: str, path: str, operation: Mapping[str, Any]) -> list[str]:
    answer = answer_of(operation)
    arguments = section("Args:", [(attribute(each.name), each.says) for each in inputs], 8)
    says = prose(operation.get("description", ""), 8)
    lines = _signature(_name(operation), inputs, answer)
    lines += docstring(f"{operation['summary']}.", [*says, *([""] if arguments else []), *arguments], 8)
    filled = re.sub(r"{(\w+)}", lambda found: f"{{quote(str({attribute(found[1])}), safe='')}}", path)
    call = [f"            {answer},", f'            "{verb.upper()}",', f'            {"f" if filled != path else ""}"{filled}",']
    for place in ("query", "body"):
        given = ", ".join(f'"{each.name}": {attribute(each.name)}' for each in inputs if each.place == place)
        call += [f"            {place}={{{given}}},"] if given else []
    if any(each.place == "header" for each in inputs):
        call.append('            headers={"Idempotency-Key": idempotency_key or new_key()},')
    return [*lines, "        return self._transport.call(", *call, "        )"]


def _name(operation: Mapping[str, Any]) -> str:
    name: str = operation["operationId"].removeprefix(f"{operation['tags'][0]}_")
    return name


def _signature(name: str, inputs: Sequence[Input], answer: str) -> list[str]:
    if not inputs:
        return [f"    def {name}(self) -> {answer}:"]
    places = [each.argument for each in inputs if each.place == "path"]
    named = [each.argument for each in inputs if each.place != "path"]
    arguments = ["self", *places, *(["*"] if named else []), *named]
    return [f"    def {name}(", *(f"        {each}," for each in arguments), f"    ) -> {answer}:"]


def _iterator(description: Description, inputs: Sequence[Input], operation: Mapping[str, Any]) -> list[str]:
    """For a list that goes on: its rows, page after page."""
    rest = [each for each in inputs if each.name != "cursor"]
    if len(rest) == len(inputs):
        return []
    page = good_answer(operation)["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    row = kind_of(description.schemas[page]["properties"]["items"]["items"])
    places = [attribute(each.name) for each in rest if each.place == "path"]
    named = [f"{attribute(each.name)}={attribute(each.name)}" for each in rest if each.place != "path"]
    given = ", ".join([*places, *named, "cursor=cursor"])
    name = _name(operation)
    says = f"Every row of :meth:`{name}`, read page by page as they are asked for."
    return [
        "",
        *_signature(f"iterate_{name.removeprefix('list_')}", rest, f"Iterator[{row}]"),
        *docstring(says, section("Args:", [(attribute(each.name), each.says) for each in rest], 8), 8),
        f"        return pages(lambda cursor: self.{name}({given}))",
    ]
