"""Laws of tick blocks: every value of every column comes back, no single flipped bit passes, no bytes at all break the reader."""

import math
from contextlib import suppress
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.contracts.byte_planes import common_step, from_offset, from_planes, offset, to_planes, width_of
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput

SYMBOLS = SymbolTable(tuple(f"S{number:03d}" for number in range(300)))
DAY = date(2018, 2, 5)


def extremes(dtype: np.dtype) -> st.SearchStrategy[int]:
    """Any value of a type, the ends (undefined among them), their neighbours and small steps more often than others."""
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    ends = {number for number in (low, low + 1, -1, 0, 1, 255, 256, 10_000_000, 1 << 31, high - 1, high) if low <= number <= high}
    return (
        st.sampled_from(sorted(ends)) | st.integers(low, high) | st.integers(0, 20).map(lambda number: number * min(high // 20, 10_000_000))
    )


def values(name: str) -> st.SearchStrategy[int]:
    return st.integers(0, len(SYMBOLS) - 1) if name == "instrument" else extremes(COLUMNS[name])


@st.composite
def blocks(draw, max_rows: int = 40) -> TickBlock:
    """Each column constant, of a few values, or of steps from a value that may wrap around."""
    rows, order = draw(st.integers(0, max_rows)), np.random.default_rng(draw(st.integers(0, 2**32)))
    columns = {}
    for name, dtype in COLUMNS.items():
        pool = np.array(draw(st.lists(values(name), min_size=1, max_size=4)), dtype)
        column = order.choice(pool, rows)
        columns[name] = np.cumsum(column, dtype=dtype) if name != "instrument" and draw(st.booleans()) else column
    return TickBlock(Ticks(**columns), SYMBOLS, DAY, draw(st.booleans()))


def check_same(one: Ticks, other: Ticks) -> None:
    for name, column in one.columns().items():
        np.testing.assert_array_equal(column, getattr(other, name), err_msg=name)


@given(blocks(), st.booleans())
@settings(max_examples=60)
def test_every_column_comes_back_exactly(block, inline):
    content = encode_block(block, inline_symbols=inline)
    read = decode_block(content, SYMBOLS)
    check_same(block.ticks, read.ticks)
    assert (read.symbols, read.session_date, read.synthetic) == (SYMBOLS, DAY, block.synthetic)


@pytest.mark.parametrize("rows", [1, 2, 255, 256, 4095, 4097, 20_000])
def test_long_blocks_of_any_values_come_back_exactly(rows):
    draw = np.random.default_rng(rows)
    random = {name: np.frombuffer(draw.bytes(rows * dtype.itemsize), dtype).copy() for name, dtype in COLUMNS.items()}
    random["instrument"] %= np.uint32(len(SYMBOLS))
    random["price"][draw.random(rows) < 0.7] = np.iinfo(np.int64).max
    for few in (False, True):
        if few:
            # Few values, so that wide jumps, wrap-arounds and undefined ones meet in every group.
            random = {name: draw.choice(column[:3], rows) for name, column in random.items()}
        block = TickBlock(Ticks(**random), SYMBOLS, DAY, synthetic=True)
        check_same(block.ticks, decode_block(encode_block(block)).ticks)


def test_more_groups_than_sixteen_bits_hold_come_back_exactly():
    rows, table = 3_000, SymbolTable(tuple(f"{number:05d}" for number in range(70_000)))
    draw = np.random.default_rng(1)
    zeros = {name: np.zeros(rows, dtype) for name, dtype in COLUMNS.items()}
    zeros["instrument"] = draw.choice(np.array([0, 3, 65_535, 65_536, 69_999], np.uint32), rows)
    zeros["publisher"] = draw.choice(np.array([0, 65_535], np.uint16), rows)
    zeros["bid"] = np.cumsum(draw.integers(-3, 4, rows)) + 1_000 * zeros["instrument"].astype(np.int64)
    zeros["sequence"] = np.arange(rows, dtype=np.uint32)
    block = TickBlock(Ticks(**zeros), table, DAY, synthetic=True)
    check_same(block.ticks, decode_block(encode_block(block)).ticks)


@given(blocks(max_rows=8), st.data())
@settings(max_examples=25)
def test_no_single_flipped_bit_passes(block, data):
    content = bytearray(encode_block(block, inline_symbols=False))
    for bit in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=20)):
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidInput) as error:
            decode_block(bytes(content), SYMBOLS)
        assert error.value.field
        content[bit // 8] ^= 1 << bit % 8
    check_same(block.ticks, decode_block(bytes(content), SYMBOLS).ticks)


def test_every_single_bit_of_a_small_block_matters():
    content = bytearray(encode_block(TickBlock(Ticks.empty(), SymbolTable(("KO",)), DAY, synthetic=True)))
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidInput):
            decode_block(bytes(content))
        content[bit // 8] ^= 1 << bit % 8


@given(blocks(max_rows=8), st.data())
@settings(max_examples=25)
def test_no_part_of_a_block_passes(block, data):
    content = encode_block(block, inline_symbols=False)
    with pytest.raises(InvalidInput):
        decode_block(content[: data.draw(st.integers(0, len(content) - 1))], SYMBOLS)


@given(st.binary(max_size=200), st.sampled_from([b"", b"DMBK", b"DMBK\x01\x01\x01\x00"]))
@settings(max_examples=80)
def test_no_bytes_at_all_break_the_reader(noise, start):
    with suppress(InvalidInput):
        decode_block(start + noise, SYMBOLS)


UNSIGNED = st.sampled_from([np.dtype("u1"), np.dtype("u2"), np.dtype("u4"), np.dtype("u8")])


@given(UNSIGNED.flatmap(lambda dtype: st.tuples(st.just(dtype), st.lists(extremes(dtype), max_size=20), st.booleans())))
@settings(max_examples=150)
def test_offset_and_planes_give_every_number_back(case):
    dtype, numbers, signed = case
    rows = len(numbers)
    given_numbers = np.array(numbers, dtype)
    codes, base, step = offset(given_numbers, signed)
    planes = np.array(to_planes(codes, width_of(int(codes.max(initial=0)))), np.uint8).reshape(width_of(int(codes.max(initial=0))), rows)
    assert from_offset(from_planes(planes), base, step, dtype).tolist() == numbers


@given(st.lists(st.integers(0, 2**64 - 1), max_size=600), st.integers(1, 2**20))
@settings(max_examples=60)
def test_the_common_step_is_the_greatest_common_divisor(numbers, factor):
    numbers = [number // factor * factor for number in numbers]
    assert common_step(np.array(numbers, np.uint64)) == (math.gcd(*numbers) or 1)
