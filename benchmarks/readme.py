"""Writes the README's table of figures from the results files, so that no figure is typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.recording import RESULTS

README = Path(__file__).resolve().parents[1] / "README.md"
HEADING = "## Figures\n"
NOTE = """Written by `make bench`; one section per machine. None of these is a figure of the real cloud, whose own share of a tick's way
to the screen is budgeted in [Architecture](docs/architecture.md#stream).
"""
# Which layer a file's figures belong to; a reader must never take one for another.
LAYERS = {"local-day": "emulated", "live-path-emulated": "emulated", "functions": "this machine", "operations": "this machine"}


def table() -> str:
    """One section per machine, one row per figure."""
    parts = [HEADING, NOTE]
    for machine in sorted(path for path in RESULTS.iterdir() if path.is_dir()):
        parts.append(f"### {machine.name}\n")
        parts.append("| figure | measured | goal | best peer | layer |\n| --- | ---: | ---: | ---: | --- |")
        for file in sorted(machine.glob("*.json")):
            parts.extend(_row(row, LAYERS.get(file.stem, "this machine")) for row in json.loads(file.read_text()))
        parts.append("")
    return "\n".join(parts)


def _row(row: dict[str, Any], layer: str) -> str:
    goal = "" if row["limit"] is None else f"{_number(row['limit'])} {row['unit']}"
    peer = ""
    if row["peers"]:
        name, best = min(row["peers"].items(), key=lambda item: item[1]["value"] * (1 if row["better"] == "lower" else -1))
        peer = f"{_number(best['value'])} ({name}), {row['ratio_to_best_peer']:.1f}x"
    return f"| {row['name'].replace('_', ' ')} | {_number(row['value'])} {row['unit']} | {goal} | {peer} | {layer} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main() -> None:
    """Replace everything from the heading to the end of the README."""
    text = README.read_text(encoding="utf-8")
    README.write_text(text[: text.index(HEADING)] + table(), encoding="utf-8")


if __name__ == "__main__":
    main()
