"""What a test has to tell besides passing, printed after the slowest tests, from whichever worker it comes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

PROPERTY = "findings"


class Findings:
    """Collects what tests told and prints it at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a test told while it ran."""
        if report.when == "call":
            self._lines += [line for name, lines in report.user_properties if name == PROPERTY for line in (*lines, "")]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print it."""
        if self._lines:
            terminalreporter.section("findings")
            for line in self._lines:
                terminalreporter.write_line(line)


class Teller:
    """Takes the lines that one test has to tell."""

    def __init__(self, node: pytest.Item) -> None:
        self._node = node

    def __call__(self, lines: Sequence[str]) -> None:
        """Print these lines at the end of the run."""
        self._node.user_properties.append((PROPERTY, list(lines)))
