"""Benchmark results: one file per machine and system, each row with what it was compared to and what it claims."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from daymark.core.errors import InvalidInput

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Peer:
    """What another implementation took for the same answer."""

    value: float
    version: str


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """One measured figure.

    Attributes:
        unit: Of ``value``, ``limit`` and every peer's value.
        better: Whether ``lower`` or ``higher`` is better.
        claim: What the figure shows, in one sentence.
        limit: The goal it is held to, or ``None``.
        note: How it was measured.
    """

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    claim: str
    limit: float | None = None
    peers: Mapping[str, Peer] = field(default_factory=dict)
    note: str = ""

    @property
    def ratio_to_best_peer(self) -> float | None:
        """How many times better than the best peer: above one we lead. ``None`` without peers.

        >>> row = BenchmarkRow("sum", 2.0, "ms", "lower", "", peers={"numpy": Peer(3.0, "2"), "loop": Peer(50.0, "3.11")})
        >>> row.ratio_to_best_peer
        1.5
        """
        values = [peer.value for peer in self.peers.values()]
        if not values:
            return None
        return min(values) / self.value if self.better == "lower" else self.value / max(values)

    def as_document(self) -> dict[str, object]:
        """The row as plain JSON data."""
        document = asdict(self)
        document["ratio_to_best_peer"] = self.ratio_to_best_peer
        return document


def machine_name() -> str:
    """This machine, as a folder name: processor and cores, or ``DAYMARK_BENCH_MACHINE`` if that is set."""
    told = os.environ.get("DAYMARK_BENCH_MACHINE")
    return _folder_name(told or f"{_processor()} {os.cpu_count()} cores")


def record(system: str, rows: Sequence[BenchmarkRow], results: Path = RESULTS) -> Path:
    """Write a system's rows for this machine, in place of those of an earlier run, and return the file.

    Raises:
        InvalidInput: no rows, or two rows of one name.
    """
    names = [row.name for row in rows]
    if not rows or len(set(names)) != len(names):
        raise InvalidInput(f"rows need different names and at least one, got {names}", field="rows")
    path = results / machine_name() / f"{_folder_name(system)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([row.as_document() for row in rows], indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        match = re.search(r"^model name\s*:\s*(.+)$", information.read_text(encoding="utf-8"), re.MULTILINE)
        if match:
            return match.group(1)
    return platform.processor() or platform.machine()


def _folder_name(text: str) -> str:
    """Lower case, with everything but letters and digits as single dashes.

    >>> _folder_name("Intel(R) Xeon(R) Processor 2 cores")
    'intel-xeon-processor-2-cores'
    """
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", text.lower())).strip("-")
