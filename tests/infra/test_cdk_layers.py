"""Every handler imports with the packages of its own layers alone; whatever else this environment has is out of its reach."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cdk.constructs.layers import Layer
from cdk.functions import EVERY_FUNCTION, FunctionDefinition
from daymark.http.app import _ROUTERS

PROJECT = Path(__file__).resolve().parents[2]

# Refuses what no allowed distribution owns, then imports each handler's module.
PROGRAM = """
import importlib, importlib.abc, importlib.metadata, json, re, sys
allowed, modules = json.loads(sys.argv[1]), json.loads(sys.argv[2])
owners = {}
for top, names in importlib.metadata.packages_distributions().items():
    owners[top] = {re.sub("[-_.]+", "-", name).lower() for name in names}

class OtherLayers(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        owner = owners.get(name.partition(".")[0])
        if owner and not owner & set(allowed):
            raise ModuleNotFoundError(f"{name} is in none of the layers", name=name)

sys.meta_path.insert(0, OtherLayers())
for module in modules:
    importlib.import_module(module)
print(json.dumps(sorted(name for name in sys.modules if name.partition(".")[0] in owners)))
"""


def packages(layer: str) -> set[str]:
    """Distribution names of a layer's lock."""
    lines = (PROJECT / "requirements" / f"layer-{layer}.txt").read_text().splitlines()
    return {re.sub("[-_.]+", "-", line.split("==")[0]).lower() for line in lines if re.match(r"[A-Za-z0-9]", line)}


def modules(definition: FunctionDefinition) -> list[str]:
    """What a function imports: its handler's module, and of an API the routers, which it imports when it is first asked."""
    routers = list(_ROUTERS[definition.system]) if definition.module == "api" else []
    return [definition.handler.rpartition(".")[0], *routers]


GROUPS: dict[tuple[str, ...], list[str]] = {}
for definition in EVERY_FUNCTION:
    GROUPS.setdefault(tuple(str(layer) for layer in definition.layers), []).extend(modules(definition))

# Imports each function's modules in a process of its own, and says which packages came with them.
APART = """
import importlib, json, os, sys
import aws_lambda_powertools, boto3, pydantic
for modules in json.loads(sys.argv[1]):
    sys.stdout.flush()
    child = os.fork()
    if not child:
        for module in modules:
            importlib.import_module(module)
        print(json.dumps([modules[0], sorted({name.partition(".")[0] for name in sys.modules})]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, modules
"""


@pytest.mark.parametrize("layers", sorted(GROUPS), ids="+".join)
def test_handlers_import_with_their_own_layers_only(layers):
    allowed = sorted({"daymark"}.union(*(packages(layer) for layer in layers)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(allowed), json.dumps(GROUPS[layers])],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": f"{PROJECT / 'functions'}:{PROJECT / 'layers/daymark/python'}"},
    )

    assert done.returncode == 0, done.stderr[-600:]


def test_no_function_carries_a_layer_that_it_does_not_need():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", APART, json.dumps([modules(definition) for definition in EVERY_FUNCTION])],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{PROJECT / 'functions'}:{PROJECT / 'layers/daymark/python'}"},
    )
    imported = {module: set(names) for module, names in map(json.loads, done.stdout.splitlines())}

    assert len(imported) == len(EVERY_FUNCTION)
    for definition in EVERY_FUNCTION:
        found = imported[definition.handler.rpartition(".")[0]]
        assert (Layer.SCIENCE in definition.layers) == bool(found & {"numpy", "zstandard"}), definition.name
        assert (Layer.REPORTS in definition.layers) == ("jinja2" in found), definition.name


def test_a_package_of_another_layer_is_out_of_reach():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(["daymark"]), json.dumps(["numpy"])], capture_output=True, text=True, check=False
    )

    assert "numpy is in none of the layers" in done.stderr


def test_the_layer_keeps_the_description_of_every_service_that_is_called():
    build = (PROJECT / "layers" / "build").read_text()
    adapters = PROJECT / "layers" / "daymark" / "python" / "daymark" / "adapters"
    sources = [path.read_text() for path in adapters.rglob("*.py")]
    called = {name for source in sources for name in re.findall(r'client\("([a-z0-9-]+)"', source)}

    assert called >= {"dynamodb", "events", "apigatewaymanagementapi"}
    # Roles are assumed through sts by botocore itself.
    assert set(re.findall(r"! -name ([a-z0-9-]+)", build)) == called | {"sts"}
