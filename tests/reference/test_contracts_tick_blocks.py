"""The documented layout of a tick block, written by hand and read row by row here: the packed columns must agree with both.

The reader below follows the documentation alone: plain Python integers, one row after the other, nothing of ours but the names.
"""

import hashlib
import struct
import zlib
from datetime import date

import numpy as np
import pytest
import zstandard

from benchmarks.ticks import synthetic_block
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks

BITS = {name: 8 * dtype.itemsize for name, dtype in COLUMNS.items()}
NAMES = list(COLUMNS)


def read_slowly(content: bytes) -> dict[str, list[int]]:
    """The columns of a version 1 block that carries its symbols."""
    magic, version, kind, _, rows, _, _, symbol_bytes, _, body_bytes, payload_bytes = struct.unpack_from("<4sBBHIIIIQII", content)
    assert (magic, version, kind) == (b"DMBK", 1, 1)
    assert struct.unpack("<I", content[-4:]) == (zlib.crc32(content[:-4]),)
    body = zstandard.ZstdDecompressor().decompress(content[64 : 64 + payload_bytes])
    assert len(body) == body_bytes
    place, columns = symbol_bytes + 20 * len(NAMES), {}
    for number, name in enumerate(NAMES):
        flags, reference, width, base, step = struct.unpack_from("<BBBxQQ", body, symbol_bytes + 20 * number)
        modulus, undefined = 1 << BITS[name], (1 << 64) - 1 if name.startswith("ts_") else (1 << 63) - 1
        order = list(range(rows))
        if flags & 1:
            order.sort(key=lambda row: (columns["instrument"][row], columns["publisher"][row]))
        defined = order
        if flags & 4:
            octets = body[place : place + (rows + 7) // 8]
            place += len(octets)
            defined = [row for nth, row in enumerate(order) if not octets[nth // 8] >> (7 - nth % 8) & 1]
        groups = [(columns["instrument"][row], columns["publisher"][row]) if flags & 1 else 0 for row in defined]
        starts = [nth for nth in range(len(defined)) if flags & 2 and (nth == 0 or groups[nth] != groups[nth - 1])]
        jumps, place = planes(body, place, BITS[name] // 8, len(starts))
        codes, place = planes(body, place, width, len(defined))
        read, value = dict.fromkeys(order, undefined), 0
        for nth, row in enumerate(defined):
            change = jumps[starts.index(nth)] if nth in starts else codes[nth] * step + base
            value = change + (value if flags & 2 else 0)
            read[row] = (value + (columns[NAMES[reference]][row] if reference != 255 else 0)) % modulus
        columns[name] = [read[row] for row in range(rows)]
    assert place == len(body)
    return columns


def planes(body: bytes, place: int, width: int, count: int) -> tuple[list[int], int]:
    numbers = [sum(body[place + plane * count + nth] << 8 * plane for plane in range(width)) for nth in range(count)]
    return numbers, place + width * count


def unsigned(ticks: Ticks) -> dict[str, list[int]]:
    return {name: column.view(f"u{column.itemsize}").tolist() for name, column in ticks.columns().items()}


@pytest.mark.parametrize(("rows", "symbols"), [(0, 1), (1, 1), (700, 5), (1_500, 60)])
def test_a_block_of_quotes_is_read_alike_by_a_plain_reader(rows, symbols):
    block = synthetic_block(rows, symbols)
    assert read_slowly(encode_block(block)) == unsigned(block.ticks)


@pytest.mark.parametrize("seed", range(6))
def test_a_block_of_any_values_is_read_alike_by_a_plain_reader(seed):
    draw, rows = np.random.default_rng(seed), 400
    columns = {name: np.frombuffer(draw.bytes(rows * dtype.itemsize), dtype).copy() for name, dtype in COLUMNS.items()}
    columns["instrument"] %= np.uint32(7)
    columns["publisher"] %= np.uint16(2)
    for name in ("bid", "price", "ts_recv"):
        columns[name][draw.random(rows) < 0.3] = np.iinfo(columns[name].dtype).max
    if seed % 2:
        # Steps within a group, so that the grouped ways are chosen.
        by_group = columns["instrument"].astype(np.int64) * 10**12
        for name in ("sequence", "bid", "ask", "price", "bid_size", "ask_size"):
            steps = by_group + np.cumsum(draw.integers(-5, 9, rows)) * 100
            columns[name] = np.where(columns[name] == 2**63 - 1, columns[name], steps).astype(COLUMNS[name])
    block = TickBlock(Ticks(**columns), SymbolTable.of("ABCDEFG"), date(2018, 2, 5), synthetic=True)
    content = encode_block(block)
    assert read_slowly(content) == unsigned(block.ticks)


def test_the_plain_reader_meets_every_way_to_write_a_column():
    seen = set()
    for seed in range(4):
        draw, rows = np.random.default_rng(seed), 500
        block = synthetic_block(rows, 5)
        columns = dict(block.ticks.columns())
        if seed % 2:
            wide = columns["instrument"].astype(np.int64) * 10**12
            columns["ask"] = wide + np.cumsum(draw.integers(0, 2, rows)) * 10**7 * draw.choice([-1, 1], rows)
            columns["ts_recv"] = columns["ts_event"] + np.uint64(3)
        content = encode_block(TickBlock(Ticks(**columns), block.symbols, block.session_date, synthetic=True))
        body = zstandard.ZstdDecompressor().decompress(content[64:-4])
        start = len(block.symbols.text)
        seen |= {tuple(body[start + 20 * number : start + 20 * number + 2]) for number in range(len(NAMES))}
        assert read_slowly(content) == unsigned(Ticks(**columns))
    flags = {flag for flag, _ in seen}
    assert any(flag & 1 for flag in flags)
    assert any(flag & 2 and not flag & 1 for flag in flags)
    assert any(flag & 4 for flag in flags)
    assert {reference for _, reference in seen} == {255, NAMES.index("ts_event"), NAMES.index("bid")}


@pytest.mark.parametrize("instruments", [[0, 65_536], [1, 65_536], [0, 65_535], [5, 69_999]])
def test_groups_of_large_numbers_are_read_alike_by_a_plain_reader(instruments):
    ticks = synthetic_block(60, 4).ticks
    large = np.where(ticks.instrument > 1, *instruments).astype(np.uint32)
    table = SymbolTable(tuple(f"{number:05d}" for number in range(70_000)))
    content = encode_block(TickBlock(Ticks(**{**ticks.columns(), "instrument": large}), table, date(2018, 2, 5), synthetic=True))
    assert read_slowly(content)["sequence"] == ticks.sequence.tolist()


def test_a_block_written_by_hand_is_read():
    # Two trades of KO by publisher 9: 45.01 and 45.02 dollars between 45.00 and 45.03, the second 5 ns after the first.
    entries, sections = [], []

    def column(base: int, codes: list[int], *, flags: int = 0, reference: int = 255, step: int = 1, jumps: bytes = b"") -> None:
        entries.append(struct.pack("<BBBxQQ", flags, reference, 1 if any(codes) else 0, base, step))
        sections.append(jumps + (bytes(codes) if any(codes) else b""))

    cent = 10_000_000
    column(0, [0, 0])  # instrument
    column(9, [0, 0])  # publisher
    column(0, [0, 1], flags=1 | 2, jumps=(70).to_bytes(4, "little"))  # sequence 70, then one more
    column(4, [0, 1], flags=2, jumps=(1000).to_bytes(8, "little"))  # ts_event 1000, then 4 + 1 later
    column(3, [0, 4], reference=3)  # ts_recv 3 and 7 later
    column(4500 * cent, [0, 0])  # bid
    column(3 * cent, [0, 0], reference=5)  # ask above bid
    column(1 * cent, [0, 1], reference=5, step=cent)  # price 1 and 2 cents above bid
    column(100, [0, 2], step=100)  # bid_size 100, 300
    column(200, [0, 0])  # ask_size
    column(1, [0, 6])  # size 1, 7
    column(84, [0, 0])  # action T
    column(192, [0, 0])  # flags
    body = b"KO" + b"".join(entries) + b"".join(sections)
    payload = zstandard.ZstdCompressor().compress(body)
    table = hashlib.sha256(b"KO").digest()[:8]
    content = b"DMBK" + bytes([1, 1, 1, 0]) + struct.pack("<IIII", 2, 20180205, 1, 2) + table
    content += struct.pack("<II", len(body), len(payload)) + struct.pack("<H6xQQ", 9, 1000, 1005) + payload
    content += struct.pack("<I", zlib.crc32(content))

    block = decode_block(content)

    assert (block.symbols.symbols, block.session_date, block.synthetic) == (("KO",), date(2018, 2, 5), True)
    assert unsigned(block.ticks) == {
        **{"instrument": [0, 0], "publisher": [9, 9], "sequence": [70, 71], "ts_event": [1000, 1005], "ts_recv": [1003, 1012]},
        **{"bid": [45_000_000_000, 45_000_000_000], "ask": [45_030_000_000, 45_030_000_000]},
        **{"price": [45_010_000_000, 45_020_000_000], "bid_size": [100, 300], "ask_size": [200, 200], "size": [1, 7]},
        **{"action": [84, 84], "flags": [192, 192]},
    }
    assert read_slowly(content) == unsigned(block.ticks)
