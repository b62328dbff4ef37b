"""A table of the suite's time by system and kind of test, beside the budgets of the quick suite. It tells; it fails nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "layers" / "daymark" / "python" / "daymark"
# A system is a folder of the package, or of the deployment's definitions; a test is named after its system.
SYSTEMS = sorted({folder.parent.name for folder in PACKAGE.glob("*/__init__.py")} | {"architecture", "cdk"}, key=len, reverse=True)
TIERS = (
    "doctests",
    "architecture",
    "unit",
    "properties",
    "reference",
    "contracts",
    "handlers",
    "workflows",
    "infra",
    "simulation",
    "local",
)
# Seconds on two cores. The first sum is the whole suite's, the others are each system's own.
SHARED = ("doctests", "architecture", "contracts", "handlers", "workflows", "infra")
SHARED_BUDGET = 120.0
BUDGETS = {("unit", "properties", "reference"): 25.0, ("simulation",): 10.0, ("local",): 5.0}
SET_UP = "set-up"

Times = Counter[tuple[str, str]]


def place(node_id: str) -> tuple[str, str]:
    """System and kind of a test.

    >>> place("tests/unit/test_market_data_price_desk.py::test_a")
    ('market_data', 'unit')
    >>> place("layers/daymark/python/daymark/core/money.py::daymark.core.money.Money")
    ('core', 'doctests')
    >>> place("tests/unit/test_examples.py::test_every_example_runs")
    ('-', 'unit')
    """
    parts = node_id.split("::", maxsplit=1)[0].split("/")
    if parts[0] != "tests":
        return next((part for part in parts if part in SYSTEMS), "-"), "doctests"
    noun = parts[-1].removeprefix("test_").removesuffix(".py")
    return next((system for system in SYSTEMS if f"{noun}_".startswith(f"{system}_")), "-"), parts[1]


def charged(node_id: str, when: str) -> tuple[str, str]:
    """Where a test's time counts: the installation that the first local test starts is every system's, not its own."""
    system, tier = place(node_id)
    return (SET_UP, tier) if tier == "local" and when != "call" else (system, tier)


def lines(times: Times) -> list[str]:
    """The table's lines, in seconds; ``!`` marks a sum above its budget."""
    tiers = [tier for tier in TIERS if any(time for (_, kind), time in times.items() if kind == tier)]
    tiers += sorted({tier for _, tier in times} - {*TIERS})
    systems = sorted({system for system, _ in times})
    wide = max(len(SET_UP), *map(len, systems)) if systems else 0
    heads = [f"{'+'.join(kinds)} of {budget:g}" for kinds, budget in BUDGETS.items()]
    rows = [" | ".join([" ".join([f"{'':<{wide}}", *(f"{tier:>{_width(tier)}}" for tier in tiers)]), *heads])]
    for system in systems:
        cells = [f"{_cell(times[system, tier]):>{_width(tier)}}" for tier in tiers]
        sums = [_sum(times, system, kinds, budget) for kinds, budget in BUDGETS.items()]
        judged = [f"{text:>{len(head)}}" for text, head in zip(sums, heads, strict=True)]
        rows.append(" | ".join([" ".join([f"{system:<{wide}}", *cells]), *judged]))
    totals = [f"{_cell(_total(times, (tier,))):>{_width(tier)}}" for tier in tiers]
    rows.append(" ".join([f"{'all':<{wide}}", *totals]))
    shared = _total(times, SHARED) + times[SET_UP, "local"]
    mark = " !" if shared > SHARED_BUDGET else ""
    return [*rows, f"shared ({', '.join(SHARED)} and the local set-up): {shared:.1f} of {SHARED_BUDGET:g}{mark}"]


def _total(times: Times, kinds: Iterable[str]) -> float:
    wanted = set(kinds)
    return sum(time for (_, tier), time in times.items() if tier in wanted)


def _sum(times: Times, system: str, kinds: tuple[str, ...], budget: float) -> str:
    spent = sum(times[system, kind] for kind in kinds) if system != SET_UP else 0.0
    return _cell(spent) + (" !" if spent > budget else "  ")


def _cell(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 0.05 else "-"


def _width(tier: str) -> int:
    return max(len(tier), 6)


class TimeTable:
    """Collects the time of every test's set-up, call and end; prints the table after the slowest tests."""

    def __init__(self) -> None:
        self._times: Times = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one part of one test."""
        self._times[charged(report.nodeid, report.when or "call")] += report.duration

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table when the slowest tests are asked for too."""
        if terminalreporter.config.getoption("durations"):
            terminalreporter.section("seconds by system and kind of test")
            for line in lines(self._times):
                terminalreporter.write_line(line)
