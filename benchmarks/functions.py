"""Cold start's own part: modules imported and time to import each deployed function in a fresh interpreter."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.recording import BenchmarkRow, record
from cdk.functions import EVERY_FUNCTION

PROJECT = Path(__file__).resolve().parents[1]
GOAL_SECONDS = 1.2
ROUNDS = 5
PROGRAM = """
import json, sys, time
before, start = len(sys.modules), time.perf_counter()
__import__(sys.argv[1])
print(json.dumps([time.perf_counter() - start, len(sys.modules) - before]))
"""


def cold_import(module: str) -> tuple[float, int]:
    """Median seconds and the number of modules to import one handler, each round in an interpreter of its own."""
    rounds = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, module],
                capture_output=True,
                text=True,
                check=True,
                env={"PYTHONPATH": f"{PROJECT / 'functions'}:{PROJECT / 'layers/daymark/python'}"},
            ).stdout
        )
        for _ in range(ROUNDS)
    ]
    return statistics.median(seconds for seconds, _ in rounds), int(rounds[0][1])


def main() -> None:
    """Measure every function and record."""
    rows = []
    for definition in EVERY_FUNCTION:
        module = definition.handler.rpartition(".")[0]
        seconds, modules = cold_import(module)
        rows.append(
            BenchmarkRow(
                f"cold_import_{module.replace('.', '_')}",
                round(seconds, 3),
                "s",
                "lower",
                "A function's code is imported well inside its first second or so.",
                GOAL_SECONDS,
                note=f"{modules} modules; median of {ROUNDS} fresh interpreters with byte code cached; not a Lambda figure",
            )
        )
        sys.stdout.write(f"{module:<34} {seconds:6.3f} s  {modules:5d} modules\n")
    sys.stdout.write(f"wrote {record('functions', rows)}\n")


if __name__ == "__main__":
    main()
