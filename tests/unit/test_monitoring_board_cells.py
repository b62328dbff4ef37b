"""A board's numbers of the symbols of blocks: looked up once for each table of symbols, for so many tables and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from daymark.contracts.symbols import SymbolTable
from daymark.monitoring.board_cells import RowNumbers


@dataclass
class Watched:
    """A table of symbols that tells when it is looked through."""

    table: SymbolTable
    seen: list[str] = field(default_factory=list)

    @property
    def checksum(self) -> int:
        return self.table.checksum

    @property
    def symbols(self) -> tuple[str, ...]:
        self.seen.append("".join(self.table.symbols))
        return self.table.symbols


def test_tables_are_looked_through_once_and_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr("daymark.monitoring.board_cells.TABLES_KEPT", 2)
    numbers, seen = RowNumbers(("A", "B", "C", "D")), []
    tables = {names: Watched(SymbolTable(tuple(names)), seen) for names in ("BD", "C", "ABC")}

    def of(names: str) -> list[int]:
        quotes = SimpleNamespace(instrument=np.arange(len(names), dtype=np.uint32))
        return numbers.of(SimpleNamespace(symbols=tables[names], quotes=quotes, bucket=3)).tolist()

    expected = {"BD": [1, 3], "C": [2], "ABC": [0, 1, 2]}
    # Two are kept. A third forgets both, and so does every third after it.
    for names in ("BD", "C", "BD", "C", "ABC", "ABC", "C", "ABC", "BD", "C"):
        assert of(names) == expected[names]
    assert seen == ["BD", "C", "ABC", "C", "BD", "C"]
