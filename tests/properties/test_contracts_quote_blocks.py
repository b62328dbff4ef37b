"""Laws of quote blocks: every value comes back, and no flipped bit, no part and no noise passes."""

from contextlib import suppress
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.quote_blocks import COLUMNS, QuoteBlock, Quotes, StreamPosition, decode_quotes, encode_quotes
from daymark.contracts.symbols import SymbolTable
from daymark.core.errors import InvalidInput

SYMBOLS = SymbolTable(tuple(f"S{number:04d}" for number in range(2_000)))
SHARD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)
NUMBERS = st.tuples(st.integers(0, 10**64 - 1), st.integers(0, 10**64 - 1)).map(sorted)
POSITIONS = st.dictionaries(SHARD, NUMBERS, max_size=4).map(
    lambda shards: tuple(StreamPosition(shard, *numbers) for shard, numbers in sorted(shards.items()))
)


def values(dtype: np.dtype) -> st.SearchStrategy[int]:
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return st.sampled_from([low, 0, high, high - 1]) | st.integers(low, high)


@st.composite
def blocks(draw) -> QuoteBlock:
    instruments = sorted(draw(st.sets(st.integers(0, len(SYMBOLS) - 1), max_size=12)))
    rows = len(instruments)
    columns = {name: draw(st.lists(values(dtype), min_size=rows, max_size=rows)) for name, dtype in COLUMNS.items() if name != "instrument"}
    quotes = Quotes(**{name: np.array({"instrument": instruments, **columns}[name], dtype) for name, dtype in COLUMNS.items()})
    day, bucket, as_of = draw(st.dates()), draw(st.integers(0, 2**32 - 1)), draw(st.integers(0, 2**64 - 1))
    return QuoteBlock(quotes, SYMBOLS, day, bucket, as_of, draw(POSITIONS), draw(st.booleans()))


@given(blocks(), st.booleans())
@settings(max_examples=60)
def test_everything_comes_back_exactly(block, inline):
    read = decode_quotes(encode_quotes(block, inline_symbols=inline), SYMBOLS)
    for name, column in block.quotes.columns().items():
        np.testing.assert_array_equal(column, getattr(read.quotes, name), err_msg=name)
    assert replace(block, quotes=read.quotes) == read


@given(blocks(), st.data())
@settings(max_examples=30)
def test_no_flipped_bit_and_no_part_of_a_block_passes(block, data):
    content = bytearray(encode_quotes(block, inline_symbols=False))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    with pytest.raises(InvalidInput):
        decode_quotes(bytes(content[: bit // 8]), SYMBOLS)
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(InvalidInput):
        decode_quotes(bytes(content), SYMBOLS)


@pytest.mark.parametrize("day", [date(1, 1, 1), date(2020, 2, 29), date(9999, 12, 31)])
def test_any_date_comes_back(day):
    quotes = Quotes(**{name: np.empty(0, dtype) for name, dtype in COLUMNS.items()})
    block = QuoteBlock(quotes, SYMBOLS, day, 0, 0, (), synthetic=False)
    assert decode_quotes(encode_quotes(block)).session_date == day


@given(st.binary(max_size=200), st.sampled_from([b"", b"DMBK", b"DMBK\x01\x02\x01\x00"]))
@settings(max_examples=60)
def test_no_bytes_at_all_break_the_reader(noise, start):
    with suppress(InvalidInput):
        decode_quotes(start + noise, SYMBOLS)
