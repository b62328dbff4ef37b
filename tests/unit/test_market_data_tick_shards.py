"""Groups of symbols: as many as a record can carry the quotes of, and no more."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from daymark.contracts.quote_blocks import COLUMNS, QuoteBlock, Quotes, StreamPosition, encode_quotes
from daymark.contracts.symbols import MAX_SYMBOL_BYTES, SymbolTable
from daymark.core.errors import InvalidInput
from daymark.market_data.tick_ports import MAX_RECORD_BYTES
from daymark.market_data.tick_shards import MAX_GROUP_SYMBOLS, check_groups


def test_a_full_groups_quotes_fit_a_record_whatever_they_and_their_symbols_are():
    """Noise in every column and the longest symbols there may be: nothing compresses."""
    draw = np.random.default_rng(11)
    letters = draw.integers(33, 127, (MAX_GROUP_SYMBOLS, MAX_SYMBOL_BYTES), dtype=np.uint8)
    symbols = SymbolTable.of(row.tobytes().decode("ascii") for row in letters)
    noise = {name: draw.integers(0, np.iinfo(dtype).max, len(symbols), dtype, endpoint=True) for name, dtype in COLUMNS.items()}
    quotes = Quotes(**noise | {"instrument": np.arange(len(symbols), dtype=np.uint32)})
    position = StreamPosition("x" * 128, 10**55, 10**56 - 1)
    content = encode_quotes(QuoteBlock(quotes, symbols, date(2018, 2, 5), 1, 0, (position,), synthetic=True))
    assert 0.7 * MAX_RECORD_BYTES < len(content) < MAX_RECORD_BYTES - 256


def test_symbols_are_not_spread_over_too_few_groups():
    symbols = [f"S{number}" for number in range(MAX_GROUP_SYMBOLS)]
    check_groups(symbols, 1)
    check_groups([], 1)
    with pytest.raises(InvalidInput, match="group 0 of 1 has 8193 symbols, at most 8192") as refused:
        check_groups([*symbols, "one more"], 1)
    assert refused.value.field == "groups"
    check_groups([*symbols, "one more"], 2)
