"""The client is what the checked-in description makes of it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from daymark.client.writing.calls import client_class
from daymark.client.writing.description import Description
from daymark.client.writing.modules import FOLDER, modules
from daymark.client.writing.types import dataclass_of, kind_of, names_of
from daymark.http.app import checked_in_openapi


@pytest.mark.parametrize("file", modules())
def test_a_generated_module_is_what_the_description_makes_of_it(file: str) -> None:
    assert (FOLDER / file).read_text() == modules()[file], "run: make openapi"


def test_every_generated_module_names_the_description_it_was_made_from() -> None:
    digest = hashlib.sha256(checked_in_openapi()).hexdigest()
    marked = {path.name: path.read_text() for path in FOLDER.glob("*.py") if "do not edit" in path.read_text()}
    assert set(marked) == set(modules())
    assert all(f"SHA-256 of the description: {digest}" in text for text in marked.values())


def test_every_operation_has_its_method() -> None:
    document = json.loads(checked_in_openapi())
    for operations in document["paths"].values():
        for operation in operations.values():
            system = operation["tags"][0]
            text = (FOLDER / f"{system}.py").read_text()
            assert f"    def {operation['operationId'].removeprefix(system + '_')}(" in text


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string"}, "str"),
        ({"type": "string", "format": "decimal"}, "Decimal"),
        ({"type": "string", "format": "date-time"}, "datetime"),
        ({"type": "string", "format": "uuid"}, "str"),
        ({"type": "number"}, "float"),
        ({"$ref": "#/components/schemas/LotBody"}, "Lot"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Page_LotBody_"}}, "tuple[LotPage, ...]"),
        ({"anyOf": [{"type": "string", "format": "decimal"}, {"type": "null"}]}, "Decimal | None"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "Mapping[str, int]"),
        ({"type": "object", "additionalProperties": True}, "Mapping[str, Any]"),
        ({}, "Any"),
    ],
)
def test_a_schema_is_the_python_type_that_holds_all_of_it(schema: dict[str, Any], kind: str) -> None:
    assert kind_of(schema) == kind


def test_what_may_be_missing_comes_last_and_is_none() -> None:
    members = {"next": {"type": "string"}, "return": {"type": "number"}}
    lines = dataclass_of("DayBody", {"description": "A day.", "properties": members, "required": ["return"]})
    assert lines[-2:] == ["    return_: float", "    next: str | None = None"] or lines[-2:] == [
        "    return_: float",
        "    next_: str | None = None",
    ]


def test_many_names_stand_one_on_a_line() -> None:
    many = [f"NAME_{number:02d}" for number in range(20)]
    assert names_of("Kind", {"enum": many})[0] == "Kind = Literal["
    assert names_of("Kind", {"enum": many[:2], "description": "Kinds."}) == ["# Kinds.", 'Kind = Literal["NAME_00", "NAME_01"]']


def test_a_system_of_two_words_and_a_schema_of_two_systems_find_their_places() -> None:
    def operation(system: str, name: str) -> dict[str, Any]:
        content = {"application/json": {"schema": {"$ref": "#/components/schemas/PriceBody"}}}
        answer = {"200": {"description": "", "content": content}}
        return {"tags": [system], "operationId": f"{system}_{name}", "summary": "Prices", "description": "", "responses": answer}

    document = {
        "tags": [{"name": "market_data", "description": "Prices."}, {"name": "book", "description": "Books."}],
        "paths": {
            "/v1/market_data/prices": {"get": operation("market_data", "read_price")},
            "/v1/book/prices": {"get": operation("book", "read_price")},
        },
        "components": {"schemas": {"PriceBody": {"type": "object", "properties": {}}}},
    }
    description = Description(document, "0" * 64)
    assert description.homes() == {"PriceBody": "shared"}
    lines = client_class(description, "market_data")
    assert lines[0] == "class MarketDataClient:"
    assert "    def read_price(self) -> Price:" in lines
