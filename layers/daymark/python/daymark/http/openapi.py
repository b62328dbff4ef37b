"""The one OpenAPI document of all systems: checked in, so that a change of the interface is seen in review.

``python -m daymark.http.openapi`` writes it anew beside this module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from daymark.http.app import SYSTEMS, routes_of
from daymark.http.problem_details import Problem

PATH = Path(__file__).with_name("openapi.json")
_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The ID token of a signed-in user, checked by the gateway.",
}


def merged_openapi() -> dict[str, Any]:
    """The document for every system's routes."""
    document = routes_of(SYSTEMS).openapi()
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"].update({"Problem": problem, **problem.pop("$defs")})
    document["components"]["securitySchemes"] = {"idToken": _SCHEME}
    document["security"] = [{"idToken": []}]
    return document


def as_text(document: dict[str, Any]) -> str:
    """The document as it is checked in."""
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(as_text(merged_openapi()), encoding="utf-8")
