"""Faults injected by kind and call, as a table that names its empty cells."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

Cell = tuple[str, str]


@dataclass(frozen=True)
class FaultTable:
    """The faults that there are.

    Attributes:
        kinds: Faults that may come at every call.
        calls: The calls.
        elsewhere: Other faults, each with where it comes.
    """

    kinds: Sequence[str]
    calls: Sequence[str]
    elsewhere: Collection[Cell]

    @property
    def cells(self) -> set[Cell]:
        """Every fault and where it may come."""
        return {(kind, call) for kind in self.kinds for call in self.calls} | set(self.elsewhere)

    def empty(self, faults: Mapping[Cell, int]) -> list[str]:
        """The cells that no fault fell into."""
        return sorted(f"{kind} in {state}" for kind, state in self.cells if not faults.get((kind, state)))

    def lines(self, heading: str, faults: Mapping[Cell, int]) -> list[str]:
        """The table, with a heading."""
        columns = f"{'':<23}" + "".join(f"{call:>19}" for call in self.calls)
        rows = [f"{kind:<23}" + "".join(f"{faults.get((kind, call), 0):>19}" for call in self.calls) for kind in self.kinds]
        others = ", ".join(f"{kind} ({state}) {faults.get((kind, state), 0)}" for kind, state in self.elsewhere)
        return [heading, columns, *rows, f"elsewhere: {others}", f"empty cells: {', '.join(self.empty(faults)) or 'none'}"]
