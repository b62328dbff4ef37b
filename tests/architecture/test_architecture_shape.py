"""Sizes, names, what runs at import, and the constructs that have one home or none."""

import ast
from collections.abc import Iterable, Iterator

import pytest

from tests.architecture.source import (
    FUNCTIONS_ROOT,
    PACKAGE_ROOT,
    PROJECT,
    Module,
    all_python,
    function_modules,
    package_modules,
    read,
)

HARD_MODULE_LINES, MODULE_LINES, FUNCTION_LINES, ENTRY_POINT_LINES = 400, 300, 60, 60
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "shared"}
SHIPPED = (*package_modules().values(), *function_modules().values())
PRODUCT = tuple(module for module in all_python() if not module.where.startswith("tests/"))


def long_modules(modules: Iterable[Module], limit: int) -> list[str]:
    return [f"{module.where}: {module.lines} lines" for module in modules if module.lines >= limit]


def long_functions(modules: Iterable[Module]) -> list[str]:
    return [
        f"{module.where}:{node.lineno} {node.name}: {length} lines"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - min([node.lineno, *(item.lineno for item in node.decorator_list)]) + 1) >= FUNCTION_LINES
    ]


def test_no_module_reaches_the_hard_limit():
    assert long_modules(all_python(), HARD_MODULE_LINES) == []


def test_no_module_of_the_product_is_over_its_size():
    assert long_modules(PRODUCT, MODULE_LINES) == []


def test_no_function_is_over_its_size():
    assert long_functions(all_python()) == []


def test_entry_points_are_thin():
    entries = [module for module in function_modules().values() if module.path.name not in ("bootstrap.py", "settings.py")]
    assert long_modules(entries, ENTRY_POINT_LINES) == []


def test_entry_points_are_named_by_what_they_do():
    found = [
        module.where
        for module in function_modules().values()
        if module.path.parent != FUNCTIONS_ROOT
        and module.path.stem not in ("__init__", "api", "settings", "bootstrap")
        and "_" not in module.path.stem
    ]
    assert found == [], "functions/<system>/<verb>_<noun>.py"


def test_no_module_is_a_drawer_for_everything():
    assert [module.where for module in all_python() if FORBIDDEN_NAMES & set(module.path.relative_to(PROJECT).with_suffix("").parts)] == []


# What a definition may call when a module is imported: constructors of constants, types and routers, none of which does any work.
CONSTRUCTORS = {
    *("str", "int", "float", "dict.fromkeys", "math.log", "math.sqrt", "np.log", "np.sqrt", "Path(__file__).with_name"),
    *("frozenset", "set", "dict", "tuple", "list", "range", "object", "zip", "enumerate", "sorted", "len", "min", "max", "sum"),
    *("Decimal", "Context", "Fraction", "date", "datetime", "time", "timedelta", "timezone", "MappingProxyType", "re.compile"),
    *("TypeVar", "ParamSpec", "NewType", "namedtuple", "NamedTuple", "field", "dataclass", "auto", "Enum", "property", "partial"),
    *("np.dtype", "np.array", "np.float64", "np.int64", "logging.getLogger", "Struct", "struct.Struct", "ContextVar"),
    *("APIRouter", "HTTPBearer", "Depends", "Query", "Path", "Header", "Body", "Security", "Field", "ConfigDict", "SettingsConfigDict"),
    *("PlainSerializer", "AfterValidator", "BeforeValidator", "StringConstraints", "WithJsonSchema", "Annotated", "TypeAdapter"),
    *("typer.Typer", "typer.Option", "typer.Argument", "Literal"),
}


def own_names(module: Module) -> set[str]:
    """Classes and functions the module defines, and names it takes from the project: defined elsewhere, under the same rule."""
    names = {node.name for node in module.tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    for node in module.tree.body:
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "daymark"):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def work_at_import(module: Module) -> list[str]:
    """Statements that do more than define when the module is imported."""
    known = own_names(module)
    return [
        f"{module.where}:{getattr(node, 'lineno', 0)} {what}"
        for value in executed(module.tree.body)
        for node, what in effects(value, known)
    ]


def executed(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """What an import evaluates: values, defaults and class bodies; any statement that is no definition as it stands."""
    for node in body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from (default for default in [*node.args.defaults, *node.args.kw_defaults] if default is not None)
            case ast.ClassDef():
                yield from executed(node.body)
            case ast.Assign() | ast.AnnAssign():
                yield from [] if node.value is None else [node.value]
            case ast.If() if ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
                continue
            case _:
                yield node


def effects(value: ast.AST, known: set[str]) -> Iterator[tuple[ast.AST, str]]:
    """What of an evaluated part does work: a statement, a read of the process's surroundings, a call of no constructor."""
    if isinstance(value, ast.stmt):
        yield value, f"runs {type(value).__name__} at import"
        return
    for node in eager(value):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "sys.argv", "sys.stdin"):
            yield node, f"reads {ast.unparse(node)} at import"
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            method_of_a_constant = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Constant)
            if name not in CONSTRUCTORS and name.split("[")[0].split(".")[0] not in known and not method_of_a_constant:
                yield node, f"calls {name} at import"


def eager(value: ast.AST) -> Iterator[ast.AST]:
    """The parts of an expression that are evaluated now; the inside of a lambda is not."""
    yield value
    for child in ast.iter_child_nodes(value):
        if not isinstance(value, ast.Lambda) or child is not value.body:
            yield from eager(child)


def test_nothing_but_definitions_runs_at_import():
    assert [entry for module in SHIPPED for entry in work_at_import(module)] == []


# Calls that have one home or none: a second calendar, naive instants, the machine's own date.
NO_SECOND_CALENDAR = {"weekday", "isoweekday", "isocalendar", "is_busday", "busday_count", "busday_offset", "bdate_range"}
NAIVE = {"utcnow", "utcfromtimestamp"}
# Lengths and names of months say nothing about trading days.
MONTHS = {"calendar.monthrange", "calendar.isleap", "calendar.month_name"}


def calendar_breaches(modules: Iterable[Module]) -> list[str]:
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in NO_SECOND_CALENDAR | NAIVE:
                found.append(f"{module.where}:{node.lineno} {ast.unparse(node)}")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value).split(".")[-1]
                named = {keyword.arg for keyword in node.keywords}
                if node.func.attr == "now" and owner == "datetime" and not node.args and "tz" not in named:
                    found.append(f"{module.where}:{node.lineno} naive datetime.now()")
                if node.func.attr == "today" and owner in ("date", "datetime"):
                    found.append(f"{module.where}:{node.lineno} the machine's own date")
                if node.func.attr == "fromtimestamp" and len(node.args) < 2 and "tz" not in named:
                    found.append(f"{module.where}:{node.lineno} naive fromtimestamp()")
        found += [f"{module.where}:{entry.line} imports {entry.target}" for entry in module.imports if is_calendar(entry.target)]
    return found


def is_calendar(target: str) -> bool:
    return target.split(".", maxsplit=1)[0] == "calendar" and target not in MONTHS


def test_one_calendar_and_no_naive_time():
    assert calendar_breaches(PRODUCT) == []


def test_exchange_calendars_is_an_oracle_of_tests_alone():
    assert [module.where for module in PRODUCT for entry in module.imports if entry.target.startswith("exchange_calendars")] == []


def planted(text: str) -> Module:
    return read(PACKAGE_ROOT / "daymark/core/planted.py", PACKAGE_ROOT, text)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nREGION = os.environ['AWS_REGION']",
        "import os\nREGION = os.getenv('AWS_REGION')",
        "import boto3\nCLIENT = boto3.client('s3')",
        "from pathlib import Path\nTEXT = Path('x').read_text()",
        "from datetime import UTC, datetime\nSTARTED = datetime.now(UTC)",
        "TABLE = open('x').read()",
        "print('hello')",
        "for number in range(3):\n    pass",
        "with open('x') as file:\n    pass",
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None",
        "class Holder:\n    import os\n    region = os.getenv('X')",
        "def read(text=open('x').read()):\n    return text",
        "import random\nSEED = random.random()",
        "from zoneinfo import ZoneInfo\nZONE = ZoneInfo('America/New_York')",
        "import os\nif os.name == 'nt':\n    X = 1",
        "X = 1\nX += 1",
    ],
)
def test_planted_work_at_import_is_found(text: str):
    assert work_at_import(planted(text))


@pytest.mark.parametrize(
    "text",
    [
        "from decimal import Decimal\nCENT = Decimal('0.01')\nNAMES = frozenset({'a'}) | {'b'}",
        "def _row(x):\n    return x\nROWS = tuple(_row(number) for number in (1, 2))",
        "class A:\n    '''Doc.'''\n    x: int = 1\n    def f(self):\n        return open('x')",
        "LATER = lambda: open('x')",
        "from daymark.core.money import Money\nZERO = Money.zero()",
        "if __name__ == '__main__':\n    print('hello')",
    ],
)
def test_definitions_are_let_through(text: str):
    assert work_at_import(planted(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "if day.weekday() < 5:\n    pass",
        "datetime.utcnow()",
        "datetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "date.today()",
        "datetime.fromtimestamp(0)",
        "day.isoweekday()",
        "import calendar",
        "from calendar import weekday",
        "np.busday_count(a, b)",
    ],
)
def test_planted_calendar_breaches_are_found(text: str):
    assert calendar_breaches([planted(text)])


@pytest.mark.parametrize(
    "text",
    [
        "from calendar import monthrange",
        "settings.today",
        "clock.now()",
        "datetime.now(UTC)",
        "datetime.now(tz=UTC)",
        "datetime.fromtimestamp(0, UTC)",
    ],
)
def test_aware_time_is_let_through(text: str):
    assert calendar_breaches([planted(text)]) == []


def test_planted_sizes_are_found():
    body = "\n".join(f"    x{number} = {number}" for number in range(59))
    assert long_functions([planted(f"def f():\n{body}\n")])
    assert not long_functions([planted(f"def f():\n{body[: body.rindex(chr(10))]}\n")])
    assert long_modules([planted("x = 1\n" * 400)], HARD_MODULE_LINES)
    assert not long_modules([planted("x = 1\n" * 399)], HARD_MODULE_LINES)
