"""Reads a cloud assembly, the folder that ``cdk synth`` writes: the templates of both regions. Nothing is synthesised here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from daymark.core.errors import InvalidInput, NotFound
from daymark.recovery.templates import Deployment, Template, listed

MANIFEST = "manifest.json"
_STACK, _NESTED = "aws:cloudformation:stack", "cdk:cloud-assembly"
_UNKNOWN_REGION = "unknown-region"


def read_assembly(folder: Path, primary: str | None = None) -> Deployment:
    """The deployment that an assembly describes.

    Args:
        folder: Where its ``manifest.json`` lies.
        primary: The leading region; without it, the one whose templates declare the replicated tables.

    Raises:
        NotFound: there is no assembly in the folder, or a file of it is missing.
        InvalidInput: a file is no JSON, a stack has no region, there are not two regions, or which of them leads cannot be told.
    """
    if not (folder / MANIFEST).is_file():
        raise NotFound(f"no cloud assembly in {folder}: run cdk synth, or say where it is with --templates", field="templates")
    templates: dict[tuple[str, str], Template] = {}
    accounts, protected = set(), set()
    for where, artifact in _stacks(folder):
        account, region = str(artifact.get("environment", "")).removeprefix("aws://").rpartition("/")[::2]
        properties = artifact["properties"]
        name = _name(artifact, str(properties.get("stackName", properties["templateFile"])))
        if not region or region == _UNKNOWN_REGION:
            raise InvalidInput(f"stack {name} is for no region in particular: synthesise it for an account and a region", field="templates")
        templates[region, name] = _document(where / properties["templateFile"])
        accounts.add(account)
        if properties.get("terminationProtection"):
            protected.add((region, name))
    account = accounts.pop() if len(accounts) == 1 else "{account}"
    return Deployment(templates, primary or _leading(templates), account, frozenset(protected))


def _stacks(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every stack's entry and the folder it lies in; stages are assemblies of their own."""
    for artifact in _document(folder / MANIFEST).get("artifacts", {}).values():
        if artifact.get("type") == _STACK:
            yield folder, artifact
        elif artifact.get("type") == _NESTED:
            yield from _stacks(folder / artifact["properties"]["directoryName"])


def _name(artifact: Mapping[str, Any], stack_name: str) -> str:
    """``Data`` of ``us-east-1/Data (daymark-data)``: the same in both regions, which ``stackName`` need not be."""
    return str(artifact.get("displayName") or stack_name).split(" ")[0].rpartition("/")[2]


def _document(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{path} is missing from the assembly: run cdk synth again", field="templates") from None
    except ValueError:
        raise InvalidInput(f"{path} is no JSON: run cdk synth again", field="templates") from None
    if not isinstance(found, Mapping):
        raise InvalidInput(f"{path} holds no object: run cdk synth again", field="templates")
    return found


def _leading(templates: Mapping[tuple[str, str], Template]) -> str:
    """The one region in whose templates tables have replicas elsewhere."""
    if len({region for region, _ in templates}) != 2:
        return ""  # what is wrong then is not which region leads
    found = {
        region
        for (region, _), template in templates.items()
        for body in template.get("Resources", {}).values()
        if body.get("Type") == "AWS::DynamoDB::GlobalTable" and len(listed(body.get("Properties", {}).get("Replicas"))) > 1
    }
    if len(found) != 1:
        regions = ", ".join(sorted(found)) or "neither region"
        raise InvalidInput(f"replicated tables are declared in {regions}: say which region leads with --primary", field="primary")
    return found.pop()
