"""Where templates are read from: an assembly of the CDK, what is deployed now, or a revision of the repository, synthesised anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from daymark.core.errors import InvalidInput

PROJECT = Path(__file__).resolve().parents[2]
# Any account will do: both sides have the same.
ACCOUNT = "111122223333"
DEPLOYED = "deployed"
Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
_MISSING = "does not exist"


def assembly(folder: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The templates of an assembly by region and stack name.

    Raises:
        InvalidInput: there is none.
    """
    found = {}
    for manifest in sorted(folder.glob("**/manifest.json")):
        for artifact in json.loads(manifest.read_text(encoding="utf-8")).get("artifacts", {}).values():
            if artifact["type"] == "aws:cloudformation:stack":
                properties = artifact["properties"]
                region = artifact["environment"].rpartition("/")[2]
                template = json.loads((manifest.parent / properties["templateFile"]).read_text(encoding="utf-8"))
                found[region, properties["stackName"]] = template
    if not found:
        raise InvalidInput(f"{folder} holds no assembly: nothing was synthesised into it", field="folder")
    return found


def deployed(like: Mapping[tuple[str, str], Any], run: Run) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The templates that are deployed of the stacks of an assembly; a stack that does not exist yet has none.

    Args:
        like: The assembly's templates, for the names.
        run: Runs the AWS command line.

    Raises:
        InvalidInput: AWS refuses to tell.
    """
    found = {}
    for region, stack in sorted(like):
        asked = run(["aws", "cloudformation", "get-template", "--region", region, "--stack-name", stack, "--output", "json"])
        if asked.returncode and _MISSING in asked.stderr:
            continue
        if asked.returncode:
            raise InvalidInput(f"the template of {stack} in {region} cannot be read: {asked.stderr.strip()}", field="stack")
        body = json.loads(asked.stdout)["TemplateBody"]
        found[region, stack] = json.loads(body) if isinstance(body, str) else body
    return found


def revision(name: str, context: Mapping[str, str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The templates of a revision of the repository, synthesised with this environment's packages.

    Raises:
        InvalidInput: there is no such revision, or nothing is synthesised from it.
    """
    with tempfile.TemporaryDirectory() as checkout, tempfile.TemporaryDirectory() as out:
        archive = Path(checkout) / "archive.tar"
        taken = command(["git", "-C", str(PROJECT), "archive", "--output", str(archive), name])
        if taken.returncode:
            raise InvalidInput(f"{name!r} is neither a folder nor a revision: {taken.stderr.strip()}", field="base")
        subprocess.run(["tar", "-xf", str(archive), "-C", checkout], check=True)  # noqa: S603, S607
        return synthesised(Path(checkout), Path(out), context)


def synthesised(checkout: Path, out: Path, context: Mapping[str, str]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The templates of a checkout, as the CDK's command line has them synthesised; layers are declared, not built.

    Raises:
        InvalidInput: nothing is synthesised.
    """
    # Findings of the rule pack end a synthesis when all is written; another's findings are not judged here.
    defaults = json.loads((checkout / "cdk.json").read_text(encoding="utf-8"))["context"]
    environment = {
        **os.environ,
        "CDK_CONTEXT_JSON": json.dumps(defaults | {"layers": "declared"} | dict(context)),
        "CDK_OUTDIR": str(out),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "PYTHONPATH": os.pathsep.join(str(checkout / each) for each in ("layers/daymark/python", "functions", ".")),
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
    }
    done = subprocess.run([sys.executable, "-m", "cdk.app"], cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    try:
        return assembly(out)
    except InvalidInput:
        raise InvalidInput(f"nothing was synthesised: {done.stderr.strip()[-2000:]}", field="base") from None


def command(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a command and take what it says."""
    return subprocess.run(arguments, capture_output=True, text=True, check=False)  # noqa: S603
