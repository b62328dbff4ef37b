"""The trading day on one machine: `daymark run --once` from nothing, and again with everything deployed and loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.recording import BenchmarkRow, record
from daymark.local.emulator import free_port

COMMAND = Path(sys.executable).parent / "daymark"


def run_day(home: str, port: int) -> float:
    """Seconds of one whole command, which must succeed."""
    environment = os.environ | {"DAYMARK_HOME": home, "DAYMARK_PORT": str(port)}
    start = time.perf_counter()
    subprocess.run([str(COMMAND), "run", "--once"], check=True, env=environment, stdout=subprocess.DEVNULL, timeout=900)
    return time.perf_counter() - start


def main() -> None:
    """Measure one cold and one warm run and record."""
    with tempfile.TemporaryDirectory(prefix="daymark-") as home:
        port = free_port()
        cold, warm = run_day(home, port), run_day(home, port)
    note = "wall time of the whole command, one run: start, synthesis, deployment, loading, five phases, clean stop; emulated"
    rows = [
        BenchmarkRow("make_run_once_cold", round(cold, 1), "s", "lower", "A stranger sees the day within minutes.", 240.0, note=note),
        BenchmarkRow("make_run_once_warm", round(warm, 1), "s", "lower", "The next day starts at once.", 60.0, note=note),
    ]
    sys.stdout.write(f"cold {cold:.1f} s, warm {warm:.1f} s\nwrote {record('local_day', rows)}\n")


if __name__ == "__main__":
    main()
