"""Tick blocks: small, labelled, and refused by name when they are damaged, too large, of another table or contradict themselves."""

import struct
import zlib
from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
import zstandard

from benchmarks.ticks import synthetic_block
from daymark.contracts.block_envelope import session_of
from daymark.contracts.column_encoding import encode_columns
from daymark.contracts.column_layout import BlockLayout, Way
from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput

DAY = date(2018, 2, 5)
TABLE = SymbolTable(("GE", "KO", "XOM"))
# Places in the header, by hand: 4 magic, version, kind, 2 flags, then 4 bytes each of rows, session, symbols, symbol bytes; 8 of the
# table's checksum; 4 each of body and payload bytes; as details publisher 2, 6 of nothing, first and last time 8 each; the payload.
VERSION, KIND, FLAGS, ROWS, SESSION, SYMBOLS, SYMBOL_BYTES, TABLE_CHECKSUM, BODY, PAYLOAD, DETAILS = 4, 5, 6, 8, 12, 16, 20, 24, 32, 36, 40
FIRST, LAST, START = DETAILS + 8, DETAILS + 16, DETAILS + 24


def small(rows: int = 6) -> Ticks:
    columns = {name: np.zeros(rows, dtype) for name, dtype in COLUMNS.items()}
    columns["instrument"][:] = np.arange(rows) % 3
    columns["publisher"][:] = 2
    columns["ts_event"][:] = 1_000 + 10 * np.arange(rows)
    columns["bid"][:] = 100 + np.arange(rows) % 3
    columns["price"][:] = UNDEFINED_PRICE
    columns["flags"][:] = np.arange(rows)
    return Ticks(**columns)


def block(ticks: Ticks | None = None, synthetic: bool = True) -> TickBlock:
    return TickBlock(small() if ticks is None else ticks, TABLE, DAY, synthetic)


def resealed(content: bytes, place: int, by: bytes) -> bytes:
    """The block with other bytes at a place and a checksum that fits them."""
    changed = content[:place] + by + content[place + len(by) : -4]
    return changed + struct.pack("<I", zlib.crc32(changed))


def with_body(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The block with another body, and sizes and checksum that fit it."""
    body = change(zstandard.ZstdDecompressor().decompress(content[START:-4]))
    payload = zstandard.ZstdCompressor().compress(body)
    changed = content[:BODY] + struct.pack("<II", len(body), len(payload)) + content[DETAILS:START] + payload
    return changed + struct.pack("<I", zlib.crc32(changed))


def put(place: int, by: bytes) -> Callable[[bytes], bytes]:
    return lambda body: body[:place] + by + body[place + len(by) :]


def refused(content: bytes, symbols: SymbolTable | None = None, **limits: int) -> str | None:
    with pytest.raises(InvalidInput) as error:
        decode_block(content, symbols, **limits)
    return error.value.field


def same(one: Ticks, other: Ticks) -> bool:
    return all(column.tolist() == getattr(other, name).tolist() for name, column in one.columns().items())


@pytest.mark.parametrize("synthetic", [True, False])
@pytest.mark.parametrize("inline", [True, False])
def test_a_block_says_its_session_its_symbols_and_whether_it_is_synthetic(synthetic, inline):
    content = encode_block(block(synthetic=synthetic), inline_symbols=inline)
    read = decode_block(content, None if inline else TABLE)
    assert (read.session_date, read.symbols, read.synthetic) == (DAY, TABLE, synthetic)
    assert same(read.ticks, small())
    assert content == encode_block(read, inline_symbols=inline)


def test_the_header_says_what_is_inside():
    content = encode_block(block())
    rows, session, symbols, symbol_bytes = struct.unpack_from("<IIII", content, ROWS)
    publisher, first, last = struct.unpack_from("<H6xQQ", content, DETAILS)
    assert (content[:4], content[VERSION], content[KIND], content[FLAGS]) == (b"DMBK", 1, 1, 1)
    assert (rows, session, symbols, symbol_bytes) == (6, 20180205, 3, len(b"GE\nKO\nXOM"))
    assert (publisher, first, last) == (2, 1_000, 1_050)


@pytest.mark.parametrize("inline", [True, False])
def test_a_block_may_be_empty(inline):
    for table in (TABLE, SymbolTable(())):
        content = encode_block(TickBlock(Ticks.empty(), table, DAY, synthetic=False), inline_symbols=inline)
        read = decode_block(content, table)
        assert (len(read.ticks), read.symbols) == (0, table)
        assert struct.unpack_from("<H6xQQ", content, DETAILS) == (0, 2**64 - 1, 2**64 - 1)


def test_a_tick_takes_at_most_twelve_bytes_of_a_realistic_block():
    for symbols in (20, 500):
        full = synthetic_block(65_536, symbols)
        content = encode_block(full)
        assert len(content) <= 12 * 65_536
        assert same(decode_block(content).ticks, full.ticks)


def test_a_column_that_never_changes_takes_no_bytes():
    sizes = []
    for rows in (10_000, 20_000):
        columns = {name: np.full(rows, 7, dtype) for name, dtype in COLUMNS.items()}
        sizes.append(len(encode_block(TickBlock(Ticks(**columns), SymbolTable.of("ABCDEFGH"), DAY, synthetic=True))))
    assert sizes[0] == sizes[1] < 250


@pytest.mark.parametrize(("middle", "flags"), [(np.arange(4096) * 1000, 2), (np.arange(4096) % 2, 0)])
def test_of_many_rows_the_middle_says_how_a_column_is_written(middle, flags):
    """A rise of always as much is nothing as changes, and two numbers in turn are no less than their changes; both ends say neither."""
    ends = np.full(4096, 7)
    layout = BlockLayout.of({"x": np.dtype("i8")}, {"x": (Way(), Way(previous=True))})
    directory, *_ = encode_columns(layout, {"x": np.concatenate([ends, middle, ends])})
    assert directory[0] == flags


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda content: b"", "block.magic"),
        (lambda content: b"DBN\x03" + content[4:], "block.magic"),
        (lambda content: content[:39], "block"),
        (lambda content: content[:40], "block.payload_bytes"),
        (lambda content: content[:START], "block.payload_bytes"),
        (lambda content: content[:-1], "block.payload_bytes"),
        (lambda content: content + b"\0", "block.payload_bytes"),
        (lambda content: resealed(content, VERSION, b"\x02"), "block.version"),
        (lambda content: resealed(content, VERSION, b"\x00"), "block.version"),
        (lambda content: resealed(content, KIND, b"\x02"), "block.kind"),
        (lambda content: resealed(content, KIND, b"\x09"), "block.kind"),
        (lambda content: content[:START] + b"\0" + content[START + 1 :], "block.checksum"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "block.checksum"),
        (lambda content: resealed(content, FLAGS, b"\x02"), "block.flags"),
        (lambda content: resealed(content, FLAGS + 1, b"\x80"), "block.flags"),
        (lambda content: resealed(content, ROWS, struct.pack("<I", 2**32 - 1)), "block.rows"),
        (lambda content: resealed(content, SESSION, struct.pack("<I", 20180230)), "block.session"),
        (lambda content: resealed(content, SYMBOLS, struct.pack("<I", 1 << 31)), "block.symbols"),
        (lambda content: resealed(content, SYMBOL_BYTES, struct.pack("<I", 3 * 72 + 1)), "block.symbols"),
        (lambda content: resealed(content, TABLE_CHECKSUM, bytes(8)), "block.symbol_checksum"),
        (lambda content: resealed(content, SYMBOLS, struct.pack("<I", 2)), "block.symbol_checksum"),
        (lambda content: resealed(content, BODY, struct.pack("<I", 2**32 - 1)), "block.body_bytes"),
        (lambda content: resealed(content, BODY, struct.pack("<I", 300)), "block.payload"),
        (lambda content: resealed(content, START, bytes(4)), "block.payload"),
        (lambda content: resealed(content, DETAILS, b"\x03"), "block.details"),
        (lambda content: resealed(content, FIRST, b"\x01"), "block.details"),
        (lambda content: resealed(content, LAST, b"\x01"), "block.details"),
        (lambda content: with_body(content, lambda body: body + b"\0"), "block.body_bytes"),
        (lambda content: with_body(content, lambda body: body[:-1]), "columns.flags"),
        (lambda content: with_body(content, lambda body: body[:60]), "columns"),
        (lambda content: with_body(content, lambda body: body[:9]), "columns"),
        (lambda content: with_body(content, lambda body: body[:5]), "block.symbol_bytes"),
        (lambda content: with_body(content, put(0, b"KO\nGE")), "symbols[1]"),
        (lambda content: with_body(content, put(0, b"KO\nKO")), "symbols[1]"),
        (lambda content: with_body(content, put(0, b"GA")), "block.symbol_checksum"),
    ],
)  # fmt: skip
def test_a_block_that_is_not_whole_and_sound_is_refused_by_name(change, field):
    assert refused(change(encode_block(block()))) == field


def test_the_session_is_read_of_a_header_alone():
    content = encode_block(block())
    assert session_of(content) == session_of(content[:40]) == DAY
    for wrong, field in ((b"", "block.magic"), (content[:39], "block"), (b"X" + content[1:], "block.magic")):
        with pytest.raises(InvalidInput) as error:
            session_of(wrong)
        assert error.value.field == field
    with pytest.raises(InvalidInput) as error:
        session_of(resealed(content, SESSION, struct.pack("<I", 20180230)))
    assert error.value.field == "block.session"


# The directory follows the 9 bytes of symbols; an entry has flags, reference, width, one byte of nothing, base 8, step 8: 20 bytes.
ENTRY = {name: 9 + 20 * place for place, name in enumerate(COLUMNS)}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (put(ENTRY["bid"], b"\x08"), "columns.bid"),
        (put(ENTRY["instrument"], b"\x01"), "columns.instrument"),
        (put(ENTRY["publisher"], b"\x01"), "columns.publisher"),
        (put(ENTRY["size"], b"\x04"), "columns.size"),
        (put(ENTRY["bid"] + 1, b"\x05"), "columns.bid"),
        (put(ENTRY["bid"] + 1, b"\x06"), "columns.bid"),
        (put(ENTRY["bid"] + 1, b"\x00"), "columns.bid"),
        (put(ENTRY["bid"] + 2, b"\x09"), "columns.bid"),
        (put(ENTRY["flags"] + 2, b"\x02"), "columns.flags"),
        (put(ENTRY["flags"] + 4, b"\x00\x01"), "columns.flags"),
        (put(ENTRY["flags"] + 12, b"\x00"), "columns.flags"),
        (put(ENTRY["flags"] + 12, b"\x00\x01"), "columns.flags"),
        (put(ENTRY["instrument"] + 4, b"\x01"), "ticks.instrument"),
    ],
)
def test_a_directory_that_breaks_the_layout_is_refused_by_column(change, field):
    assert refused(with_body(encode_block(block()), change)) == field


def test_a_block_without_symbols_needs_their_table_and_no_other():
    content = encode_block(block(), inline_symbols=False)
    assert refused(content) == "symbols"
    assert refused(content, SymbolTable(("GE", "KO", "XON"))) == "block.symbol_checksum"
    assert refused(encode_block(block()), SymbolTable(("GE", "KO", "XON"))) == "block.symbol_checksum"


def test_the_symbols_carried_must_be_those_of_the_header_whoever_reads():
    content = with_body(encode_block(block()), put(0, b"GA"))
    assert refused(content) == "block.symbol_checksum"
    assert refused(content, TABLE) == "block.symbol_checksum"


def test_limits_are_kept_to_the_row_and_the_byte():
    content = encode_block(block())
    assert len(decode_block(content, max_rows=6, max_bytes=len(content)).ticks) == 6
    assert refused(content, max_rows=5) == "block.rows"
    assert refused(content, max_bytes=len(content) - 1) == "block"


def test_an_instrument_must_be_in_the_table():
    ticks = small()
    ticks.instrument[4] = 3
    with pytest.raises(InvalidInput) as error:
        block(ticks)
    assert error.value.field == "ticks.instrument"


def test_a_block_of_several_publishers_says_none():
    ticks = small()
    ticks.publisher[4] = 3
    content = encode_block(block(ticks))
    assert struct.unpack_from("<H", content, DETAILS) == (0,)
    assert decode_block(content).ticks.publisher.tolist() == [2, 2, 2, 2, 3, 2]


def test_no_block_is_written_that_no_reader_takes():
    rows = (1 << 20) + 1
    constant = Ticks(**{name: np.zeros(rows, dtype) for name, dtype in COLUMNS.items()})
    with pytest.raises(InvalidInput) as error:
        encode_block(block(constant))
    assert error.value.field == "block.rows"
    assert len(decode_block(encode_block(block(constant.take(slice(1, None))))).ticks) == 1 << 20

    draw = np.random.default_rng(1)
    noise = {name: np.frombuffer(draw.bytes(200_000 * dtype.itemsize), dtype) for name, dtype in COLUMNS.items()}
    with pytest.raises(InvalidInput) as error:
        encode_block(block(Ticks(**{**noise, "instrument": noise["instrument"] % np.uint32(3)})))
    assert error.value.field == "block"


def test_a_body_has_at_most_what_its_rows_can_take():
    # 9 bytes of symbols, 13 entries of 20; the columns have 64 bytes a row, twice for planes and starts, and a byte each of sentinels.
    most = 9 + 13 * 20 + 8 * 2 * 64 + 13
    content = encode_block(block(small(8)))
    assert refused(resealed(content, BODY, struct.pack("<I", most + 1))) == "block.body_bytes"
    assert refused(resealed(content, BODY, struct.pack("<I", most))) == "block.payload"


def test_a_reader_takes_ten_mebibytes_and_a_million_rows_unasked():
    content = encode_block(block())
    assert refused(b"DMBK" + bytes((10 << 20) - 3)) == "block"
    assert refused(b"DMBK" + bytes((10 << 20) - 4)) == "block.version"
    assert refused(resealed(content, ROWS, struct.pack("<I", (1 << 20) + 1))) == "block.rows"


@pytest.mark.parametrize(
    ("way", "values", "planes"),
    [
        # Changes of one up and down, and differences of one to 100 on either side, are small numbers with a sign; where a group starts
        # is no change.
        (Way(previous=True), [10**9, 10**9 + 1, 10**9, 10**9 + 1, 10**9 + 2], 1),
        (Way(reference="bid"), [99, 101, 100, 100, 99], 1),
        # A number as it is has none: these two stand beside each other.
        (Way(), [2**63 - 1, 2**63, 2**63, 2**63 - 1, 2**63], 1),
        (Way(), [10**9] * 5, 0),
    ],
)
def test_a_column_takes_a_byte_of_each_row_for_small_steps_and_none_when_it_is_constant(way, values, planes):
    dtype = np.dtype("u8")
    layout = BlockLayout.of({"bid": dtype, "x": dtype}, {"x": (way,)})
    directory, *_ = encode_columns(layout, {"bid": np.full(5, 100, dtype), "x": np.array(values, dtype)})
    # The second entry of 20 bytes; its third byte counts the planes.
    assert directory[22] == planes


@pytest.mark.parametrize("table", [[letter * 71 for letter in "ABC"], [f"{number:06d}" for number in range(1 << 17)]])
def test_the_longest_symbols_and_the_longest_table_are_carried(table):
    table = SymbolTable(tuple(table))
    assert decode_block(encode_block(TickBlock(small(), table, DAY, synthetic=True))).symbols == table
