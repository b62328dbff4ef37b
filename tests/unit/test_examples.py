"""Every example runs as its first lines say, and prints what a reader would check by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# VIX closed at 37.32 on 2018-02-05; the other lines name what each example is about.
EXPECTED = {
    "book.py": "synthetic book, real closes",
    "live_portfolio.py": "equals the last one above",
    "market_data.py": "VIX 37.32",
    "operations.py": "MARKET_CLOSE",
    "monitoring.py": "progress",
}


def test_every_example_is_listed() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_example_runs(name: str) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert EXPECTED[name] in done.stdout
