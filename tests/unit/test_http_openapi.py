"""The checked-in description of the interface is current, and its page loads nothing from anywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from daymark.core.errors import InvalidInput
from daymark.http.app import checked_in_openapi, create_app
from daymark.http.docs_page import docs_page
from daymark.http.openapi import as_text, merged_openapi
from tests.unit.http_world import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def test_the_checked_in_document_is_current() -> None:
    assert checked_in_openapi().decode() == as_text(merged_openapi()), "run: make openapi"


# An unused ticket is gone within seconds, so a repeated call may well get another.
WITHOUT_LASTING_EFFECT = {"/v1/monitoring/tickets"}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    document = json.loads(checked_in_openapi())
    return [(path, verb, each) for path, verbs in document["paths"].items() for verb, each in verbs.items()]


def test_the_document_keeps_the_rules_of_openapi_31() -> None:
    """The specification's own schema, as another project carries it."""
    document = json.loads(checked_in_openapi())
    assert document["openapi"].startswith("3.1")
    OPENAPI_31_VALIDATOR.validate(document)
    document["paths"]["/v1/book/portfolios"]["get"]["parameters"][0].pop("in")
    assert not OPENAPI_31_VALIDATOR.is_valid(document)


def test_every_schema_and_example_is_one() -> None:
    """Each schema is one of JSON Schema 2020-12, and each example fits the schema that it stands beside."""
    document = json.loads(checked_in_openapi())
    # References are looked up from the root of what is validated against.
    root = {"components": document["components"]}
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
        for member in schema.get("properties", {}).values():
            for example in member.get("examples", []):
                Draft202012Validator(root | member).validate(example)
    problem = Draft202012Validator(root | {"$ref": "#/components/schemas/Problem"})
    for response in document["components"]["responses"].values():
        for example in response["content"]["application/problem+json"]["examples"].values():
            problem.validate(example["value"])


def test_every_route_describes_its_problems_and_needs_a_token() -> None:
    document = json.loads(checked_in_openapi())
    assert document["security"] == [{"idToken": []}]
    responses = document["components"]["responses"]
    for path, verb, operation in operations():
        refusals = {status: answer for status, answer in operation["responses"].items() if status[0] in "45"}
        assert {"401", "429", "500", "503"} <= set(refusals), path
        for status, answer in refusals.items():
            name = answer["$ref"].removeprefix("#/components/responses/")
            (example,) = responses[name]["content"]["application/problem+json"]["examples"].values()
            assert str(example["value"]["status"]) == status, path
        assert "Retry-After" in responses["TooManyCalls"]["headers"]
        assert "application/problem+json" in operation["responses"]["default"]["content"], path
        assert operation["summary"] and operation["description"], path
        headers = {each["name"] for each in operation.get("parameters", []) if each["in"] == "header"}
        assert headers == ({"Idempotency-Key"} if verb == "post" and path not in WITHOUT_LASTING_EFFECT else set()), path


def test_operations_are_named_after_system_verb_and_noun_and_no_two_alike() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names)) >= 16
    for path, _, operation in operations():
        system = path.split("/")[2]
        assert operation["tags"] == [system]
        assert re.fullmatch(rf"{system}_(list|read|start|resume|retry|issue)_[a-z_]+", operation["operationId"]), path


def test_a_list_that_goes_on_takes_the_cursor_it_gives() -> None:
    schemas = json.loads(checked_in_openapi())["components"]["schemas"]
    paged = 0
    for path, _, operation in operations():
        names = {each["name"] for each in operation.get("parameters", [])}
        answer = operation["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
        members = schemas.get(answer.get("$ref", "").rpartition("/")[2], {}).get("properties", {})
        assert ("cursor" in names) == ("next_cursor" in members), path
        paged += "cursor" in names
    assert paged >= 4


def test_every_reference_of_the_document_resolves() -> None:
    document = json.loads(checked_in_openapi())
    for kind, name in re.findall(r'"#/components/(\w+)/(\w+)"', checked_in_openapi().decode()):
        assert name in document["components"][kind]


class Loads(HTMLParser):
    """Collects whatever a page would load, and its tags in order."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "embed"):
            self.loads.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "srcset", "background", "onclick", "onload")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_every_route_and_loads_nothing(world: World) -> None:
    status, page, headers = world.ask("/docs", None)
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    reader = Loads()
    reader.feed(page)
    assert (reader.loads, reader.open) == ([], [])
    assert "url(" not in page and "@import" not in page
    for path in json.loads(checked_in_openapi())["paths"]:
        assert path in page


def test_the_page_escapes_what_the_document_says() -> None:
    nasty = "<script>alert(1)</script>"
    schema = {"type": "object", "properties": {nasty: {"type": "string", "description": nasty}}}
    answer = {"description": "", "content": {"application/json": {"schema": schema}}}
    operation = {"tags": [nasty], "summary": nasty, "description": nasty, "responses": {"200": answer}}
    page = docs_page({"info": {"title": nasty, "summary": nasty}, "paths": {f"/{nasty}": {"get": operation}}})
    assert "<script" not in page


def test_the_document_is_served_as_it_is_checked_in(world: World) -> None:
    status, body, _ = world.ask("/openapi.json", None)
    assert status == 200 and body == json.loads(checked_in_openapi())


def test_a_function_serves_only_its_own_systems(world: World) -> None:
    services = world.app.state.services
    given: dict[str, Any] = {
        "book": services.book, "marks": services.marks, "records": services.records, "identity": services.identity, "rates": services.rates,
        "cursor_key": b"k" * 32,
    }  # fmt: skip
    one = make_world()
    one.app = create_app(**given, systems=("book",))
    assert one.ask("/v1/book/portfolios", "risk")[0] == 200
    assert one.ask("/v1/operations/days/2018-02-05", "risk")[0] == 404
    for systems in (("bok",), ("operations",)):  # unknown, and one whose collaborators are missing
        with pytest.raises(InvalidInput) as refused:
            create_app(**given, systems=systems)
        assert refused.value.field == "systems"


def test_the_book_alone_loads_nothing_of_operations() -> None:
    """Checked in a fresh interpreter: a cold start must not pay for routes that the function does not serve."""
    code = "import sys; from daymark.http.app import routes_of; routes_of(('book',)); print([m for m in sys.modules if 'operations' in m])"
    path = os.pathsep.join(path for path in sys.path if path)
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": path})
    assert answer.stdout.strip() == "[]"
