"""The list that gives every symbol its number in tick and quote blocks: its place, in the order of the texts."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from daymark.core.errors import InvalidInput, NotFound

MAX_SYMBOLS = 1 << 17
MAX_SYMBOL_BYTES = 71
_SYMBOL = re.compile(f"[!-~]{{1,{MAX_SYMBOL_BYTES}}}")


def is_symbol(text: str) -> bool:
    """Whether the streams can carry a symbol of this text.

    >>> is_symbol("BRK.B"), is_symbol("BRK B"), is_symbol("")
    (True, False, False)
    """
    return _SYMBOL.fullmatch(text) is not None


@dataclass(frozen=True)
class SymbolTable:
    """Symbols in strictly rising order; a symbol's number is its place from 0.

    >>> table = SymbolTable.of(["XOM", "KO", "KO"])
    >>> table.symbols, table.number("XOM")
    (('KO', 'XOM'), 1)

    Raises:
        InvalidInput: a symbol is empty, longer than 71 characters or not of visible ASCII; they are not strictly rising; too many.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.symbols) > MAX_SYMBOLS:
            raise InvalidInput(f"a table has at most {MAX_SYMBOLS} symbols, got {len(self.symbols)}", field="symbols", limit=MAX_SYMBOLS)
        for place, symbol in enumerate(self.symbols):
            if not is_symbol(symbol):
                message = f"a symbol has 1 to {MAX_SYMBOL_BYTES} visible ASCII characters, got {symbol[:80]!r}"
                raise InvalidInput(message, field=f"symbols[{place}]")
        for place, (before, symbol) in enumerate(pairwise(self.symbols), 1):
            if symbol <= before:
                raise InvalidInput(f"symbols must be strictly rising, {symbol} follows {before}", field=f"symbols[{place}]")

    @classmethod
    def of(cls, symbols: Iterable[str]) -> SymbolTable:
        """The table of these symbols, in any order and any number of times."""
        return cls(tuple(sorted(set(symbols))))

    @classmethod
    def from_text(cls, text: bytes) -> SymbolTable:
        """The table that :attr:`text` wrote.

        Raises:
            InvalidInput: the text is not ASCII, or its lines are no table.
        """
        try:
            return cls(tuple(text.decode("ascii").split("\n")) if text else ())
        except UnicodeDecodeError:
            raise InvalidInput("symbols must be ASCII", field="symbols") from None

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def text(self) -> bytes:
        """One symbol a line."""
        return "\n".join(self.symbols).encode("ascii")

    @cached_property
    def checksum(self) -> int:
        """The first 64 bits of the text's SHA-256: equal tables number alike."""
        return int.from_bytes(hashlib.sha256(self.text).digest()[:8], "little")

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(self.symbols)}

    def number(self, symbol: str) -> int:
        """A symbol's number.

        Raises:
            NotFound: the table does not hold it.
        """
        try:
            return self._numbers[symbol]
        except KeyError:
            raise NotFound(f"symbol {symbol[:80]!r} is not in the table", field="symbol") from None
