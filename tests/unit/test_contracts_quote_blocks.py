"""Quote blocks: what a bucket's consumer needs to know is in them, and what is damaged or breaks a rule is refused by name."""

import struct
import zlib
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import zstandard

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.quote_blocks import COLUMNS, QuoteBlock, Quotes, StreamPosition, decode_quotes, encode_quotes
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import Ticks
from daymark.core.errors import InvalidInput

TABLE = SymbolTable(("GE", "KO", "MSFT", "XOM"))
# Kinesis sequence numbers have 56 digits and compare as numbers.
FIRST, LAST = 49590338271490256608559692538361571095921575989136588898, 49590338271490256608559692540925702759324208523137515618
QUOTES = Quotes(
    instrument=np.array([0, 1, 3], np.uint32),
    bid=np.array([15_010_000_000, 45_000_000_000, UNDEFINED_PRICE]),
    ask=np.array([15_020_000_000, 45_030_000_000, UNDEFINED_PRICE]),
    price=np.array([15_010_000_000, UNDEFINED_PRICE, 78_350_000_000]),
    ts_event=np.array([1_517_841_000_000_000_001, 1_517_841_000_000_000_002, 1_517_840_999_000_000_000], np.uint64),
    publishers=np.array([3, 2, 1], np.uint16),
)
BLOCK = QuoteBlock(
    quotes=QUOTES,
    symbols=TABLE,
    session_date=date(2018, 2, 5),
    bucket=17,
    as_of=1_517_841_000_500_000_000,
    positions=(StreamPosition("shardId-000000000000", FIRST, LAST), StreamPosition("shardId-000000000006", FIRST, FIRST)),
    synthetic=True,
)
# The header has 40 bytes, then bucket 4, position bytes 4 and as_of 8, then the payload.
BUCKET, POSITION_BYTES, START = 40, 44, 56


def resealed(content: bytes, place: int, by: bytes) -> bytes:
    changed = content[:place] + by + content[place + len(by) : -4]
    return changed + struct.pack("<I", zlib.crc32(changed))


def with_positions(text: bytes) -> bytes:
    """The block with another text of positions, sizes and checksum that fit it."""
    content = encode_quotes(replace(BLOCK, positions=()))
    body = zstandard.ZstdDecompressor().decompress(content[START:-4])
    symbols = len(TABLE.text)
    body = body[:symbols] + text + body[symbols:]
    payload = zstandard.ZstdCompressor().compress(body)
    changed = content[:32] + struct.pack("<II", len(body), len(payload)) + content[40:44] + struct.pack("<I", len(text)) + content[48:START]
    return changed + payload + struct.pack("<I", zlib.crc32(changed + payload))


def refused(content: bytes, symbols: SymbolTable | None = None, **limits: int) -> str | None:
    with pytest.raises(InvalidInput) as error:
        decode_quotes(content, symbols, **limits)
    return error.value.field


def check_same(one: QuoteBlock, other: QuoteBlock) -> None:
    for name, column in one.quotes.columns().items():
        np.testing.assert_array_equal(column, getattr(other.quotes, name), err_msg=name)
    assert replace(one, quotes=other.quotes) == other


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("block", [BLOCK, replace(BLOCK, positions=(), synthetic=False, bucket=0, as_of=2**64 - 1)])
def test_everything_a_consumer_needs_comes_back(block, inline):
    check_same(decode_quotes(encode_quotes(block, inline_symbols=inline), TABLE), block)


def test_the_header_says_bucket_and_instant():
    assert struct.unpack_from("<I4xQ", encode_quotes(BLOCK), BUCKET) == (17, 1_517_841_000_500_000_000)


@pytest.mark.parametrize("table", [TABLE, SymbolTable(())])
def test_a_bucket_may_have_no_news(table):
    quotes = Quotes(**{name: np.empty(0, dtype) for name, dtype in COLUMNS.items()})
    empty = replace(BLOCK, quotes=quotes, symbols=table)
    check_same(decode_quotes(encode_quotes(empty)), empty)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bucket": -1}, "bucket"),
        ({"bucket": 1 << 32}, "bucket"),
        ({"as_of": -1}, "as_of"),
        ({"as_of": 1 << 64}, "as_of"),
        ({"positions": (StreamPosition("a", 2, 1),)}, "positions[0]"),
        ({"positions": (StreamPosition("a", -1, 1),)}, "positions[0]"),
        ({"positions": (StreamPosition("", 1, 1),)}, "positions[0]"),
        ({"positions": (StreamPosition("a b", 1, 1),)}, "positions[0]"),
        ({"positions": (StreamPosition("a", 1, 10**64),)}, "positions[0]"),
        ({"positions": (StreamPosition("a", 1, 1), StreamPosition("a", 2, 2))}, "positions[1].shard"),
        ({"positions": (StreamPosition("b", 1, 1), StreamPosition("a", 2, 2))}, "positions[1].shard"),
        ({"symbols": SymbolTable(("GE", "KO", "XOM"))}, "quotes.instrument"),
    ],
)
def test_a_block_that_breaks_a_rule_cannot_be_made(changes, field):
    with pytest.raises(InvalidInput) as error:
        replace(BLOCK, **changes)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("instrument", np.array([0, 1, 1], np.uint32)),
        ("instrument", np.array([0, 3, 1], np.uint32)),
        ("instrument", np.array([0, 1, 3], np.int64)),
        ("bid", QUOTES.bid[:2]),
        ("price", QUOTES.price.astype(np.float64)),
        ("publishers", QUOTES.publishers[:, np.newaxis]),
    ],
)
def test_quotes_that_are_no_table_of_instruments_are_refused_by_column(name, column):
    with pytest.raises(InvalidInput) as error:
        replace(QUOTES, **{name: column})
    assert error.value.field == f"quotes.{name}"


def test_positions_have_a_mebibyte_and_not_a_byte_more():
    # 61,681 lines of 16 letters and a break between them: 61,681 times 17 less one is 2**20.
    many = tuple(StreamPosition(f"{number:012d}", 1, 1) for number in range(61_681))
    assert decode_quotes(encode_quotes(replace(BLOCK, positions=many))).positions == many
    with pytest.raises(InvalidInput) as error:
        encode_quotes(replace(BLOCK, positions=(*many[:-1], StreamPosition("9" * 12, 1, 10))))
    assert error.value.field == "positions"


def test_a_body_has_at_most_what_its_rows_can_take():
    # 14 bytes of symbols, 2**20 of positions, 6 entries of 20; the columns have 38 bytes a row, twice, and a byte each of sentinels.
    most = 14 + (1 << 20) + 6 * 20 + 3 * 2 * 38 + 6
    content = encode_quotes(BLOCK)
    assert refused(resealed(content, 32, struct.pack("<I", most + 1))) == "block.body_bytes"
    assert refused(resealed(content, 32, struct.pack("<I", most))) == "block.payload"


def test_instruments_without_holes_take_no_bytes():
    sizes = []
    for rows in (10_000, 20_000):
        columns = {name: np.full(rows, 7, dtype) for name, dtype in COLUMNS.items()}
        quotes = Quotes(**{**columns, "instrument": np.arange(rows, dtype=np.uint32)})
        table = SymbolTable(tuple(f"{number:05d}" for number in range(20_000)))
        sizes.append(len(encode_quotes(replace(BLOCK, quotes=quotes, symbols=table), inline_symbols=False)))
    assert sizes[0] == sizes[1] < 300


def test_positions_may_fill_the_body_and_not_pass_it():
    content = encode_quotes(replace(BLOCK, positions=()))
    (size,) = struct.unpack_from("<I", content, 32)
    assert refused(resealed(content, POSITION_BYTES, struct.pack("<I", size - 14))) == "positions[0]"
    assert refused(resealed(content, POSITION_BYTES, struct.pack("<I", size - 13))) == "positions"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda content: content[:START], "block.payload_bytes"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "block.checksum"),
        (lambda content: resealed(content, 4, b"\x02"), "block.version"),
        (lambda content: resealed(content, 5, b"\x01"), "block.kind"),
        (lambda content: resealed(content, POSITION_BYTES, struct.pack("<I", 1 << 31)), "positions"),
        (lambda content: resealed(content, POSITION_BYTES, struct.pack("<I", 3)), "positions[0]"),
        (lambda content: resealed(content, 8, struct.pack("<I", 2)), "block.body_bytes"),
        (lambda content: with_positions(b"a 1"), "positions[0]"),
        (lambda content: with_positions(b"a 1 2\nb 1 x"), "positions[1]"),
        (lambda content: with_positions(b"a 1 2\n"), "positions[1]"),
        (lambda content: with_positions(b"a 1 2\na 3 4"), "positions[1].shard"),
        (lambda content: with_positions(b"a 2 1"), "positions[0]"),
        (lambda content: with_positions("ä 1 2".encode()), "positions[0]"),
    ],
)
def test_a_damaged_block_is_refused_by_name(change, field):
    assert refused(change(encode_quotes(BLOCK))) == field


def test_ticks_are_no_quotes_and_quotes_no_ticks():
    ticks = encode_block(TickBlock(Ticks.empty(), TABLE, date(2018, 2, 5), synthetic=True))
    assert refused(ticks) == "block.kind"
    with pytest.raises(InvalidInput, match="kind"):
        decode_block(encode_quotes(BLOCK))


def test_limits_and_tables_are_kept_to():
    content = encode_quotes(BLOCK)
    check_same(decode_quotes(content, max_rows=3, max_bytes=len(content)), BLOCK)
    assert refused(content, max_rows=2) == "block.rows"
    assert refused(content, max_bytes=len(content) - 1) == "block"
    assert refused(content, SymbolTable(("KO",))) == "block.symbol_checksum"
    assert refused(encode_quotes(BLOCK, inline_symbols=False)) == "symbols"
