"""What every block of the streams is wrapped in: kind, version, session date, label, symbols, and a checksum over all of it.

Layout (little-endian)::

    "DMBK" version:u8 kind:u8 flags:u16 rows:u32 session:u32 (yyyymmdd) symbols:u32 symbol_bytes:u32 symbol_checksum:u64
    body_bytes:u32 payload_bytes:u32 | details of the kind | payload: one Zstandard frame of ``body_bytes`` |
    crc32:u32 of everything before it

Flag 1: the data are synthetic; other flags are refused. The body begins with ``symbol_bytes`` of symbols, one a line; when that is 0,
the reader must have the table. Nothing is decompressed before everything else has been checked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from daymark.contracts.compression import compress, decompress_frame
from daymark.contracts.dates import date_from_number, number_of_date
from daymark.contracts.symbols import MAX_SYMBOL_BYTES, MAX_SYMBOLS, SymbolTable
from daymark.core.errors import InvalidInput

MAGIC = b"DMBK"
# A Kinesis record has at most 10 MiB.
MAX_BLOCK_BYTES = 10 << 20
MAX_ROWS = 1 << 20
_PREFIX = struct.Struct("<4sBBHIIIIQII")
_CHECKSUM = struct.Struct("<I")
_SYNTHETIC = 1
# Of Zstandard. Higher levels look for repetitions that byte planes do not have: slower, and no smaller.
_LEVEL = 1


class BlockKind(IntEnum):
    """What a block holds."""

    TICKS = 1
    QUOTES = 2


@dataclass(frozen=True)
class Envelope:
    """A block without its columns; ``details`` are the kind's own header fields, packed."""

    kind: BlockKind
    version: int
    rows: int
    session_date: date
    synthetic: bool
    symbols: SymbolTable
    details: bytes


@dataclass(frozen=True)
class _Header:
    version: int
    kind: int
    flags: int
    rows: int
    session: int
    symbols: int
    symbol_bytes: int
    symbol_checksum: int
    body_bytes: int
    payload_bytes: int


def seal(envelope: Envelope, sections: Sequence[bytes], *, inline_symbols: bool) -> bytes:
    """The block whose body is these sections, behind its symbols when it shall carry them.

    Raises:
        InvalidInput: more than :data:`MAX_ROWS` rows or :data:`MAX_BLOCK_BYTES` bytes, which no reader takes unasked.
    """
    if envelope.rows > MAX_ROWS:
        raise InvalidInput(f"a block has at most {MAX_ROWS} rows, got {envelope.rows}", field="block.rows", limit=MAX_ROWS)
    text = envelope.symbols.text if inline_symbols else b""
    size = len(text) + sum(len(section) for section in sections)
    payload = compress([text, *sections], size, _LEVEL)
    session, symbols = number_of_date(envelope.session_date), envelope.symbols
    flags = _SYNTHETIC * envelope.synthetic
    sizes = (len(symbols), len(text), symbols.checksum, size, len(payload))
    head = _PREFIX.pack(MAGIC, envelope.version, envelope.kind, flags, envelope.rows, session, *sizes)
    sealed = head + envelope.details + payload
    content = sealed + _CHECKSUM.pack(zlib.crc32(sealed))
    if len(content) > MAX_BLOCK_BYTES:
        message = f"a block has at most {MAX_BLOCK_BYTES} bytes, got {len(content)}: take fewer rows"
        raise InvalidInput(message, field="block", limit=MAX_BLOCK_BYTES)
    return content


def session_of(content: bytes) -> date:
    """The session that a block's header names, read without looking at anything else: the block may still be refused.

    Raises:
        InvalidInput: no header of a block, or no date in it; the field is named.
    """
    _check_prefix(content)
    return date_from_number(_Header(*_PREFIX.unpack_from(content)[1:]).session, "block.session")


def open_block(
    content: bytes,
    kind: BlockKind,
    versions: Collection[int],
    details_bytes: int,
    symbols: SymbolTable | None,
    *,
    max_rows: int,
    max_bytes: int,
    most_column_bytes: Callable[[int], int],
) -> tuple[Envelope, bytes, int]:
    """A block's envelope, its body decompressed, and the place in it where the columns begin.

    Args:
        content: The block.
        kind: What it has to hold.
        versions: Those that the caller can read.
        details_bytes: Size of the kind's own header fields.
        symbols: The table it must be numbered by; ``None`` accepts the one that it carries.
        max_rows: The most rows it may have.
        max_bytes: The most bytes it may have.
        most_column_bytes: The most that the columns of so many rows take.

    Raises:
        InvalidInput: no such block, of a version not known, damaged, cut short, too long, with too many rows, or numbered by another
            table; the field is named.
    """
    header = _header(content, kind, versions, details_bytes, max_bytes)
    if header.flags & ~_SYNTHETIC:
        raise InvalidInput(f"the block has flags {header.flags:#x} that this reader does not know", field="block.flags")
    if header.rows > max_rows:
        raise InvalidInput(f"the block has {header.rows} rows, {max_rows} are allowed", field="block.rows", limit=max_rows)
    if header.symbols > MAX_SYMBOLS or header.symbol_bytes > header.symbols * (MAX_SYMBOL_BYTES + 1):
        message = f"{header.symbols} symbols in {header.symbol_bytes} bytes are too many"
        raise InvalidInput(message, field="block.symbols", limit=MAX_SYMBOLS)
    most = header.symbol_bytes + most_column_bytes(header.rows)
    if header.body_bytes > most:
        message = f"a body of {header.rows} rows has at most {most} bytes, not {header.body_bytes}"
        raise InvalidInput(message, field="block.body_bytes", limit=most)
    session_date = date_from_number(header.session, "block.session")
    start = _PREFIX.size + details_bytes
    body = decompress_frame(content[start : -_CHECKSUM.size], header.body_bytes, "block.payload")
    table = _table(header, body, symbols)
    synthetic = bool(header.flags & _SYNTHETIC)
    envelope = Envelope(kind, header.version, header.rows, session_date, synthetic, table, content[_PREFIX.size : start])
    return envelope, body, header.symbol_bytes


def _header(content: bytes, kind: BlockKind, versions: Collection[int], details_bytes: int, max_bytes: int) -> _Header:
    """The header of a block that is whole and undamaged."""
    _check_prefix(content)
    if len(content) > max_bytes:
        raise InvalidInput(f"the block has {len(content)} bytes, {max_bytes} are allowed", field="block", limit=max_bytes)
    header = _Header(*_PREFIX.unpack_from(content)[1:])
    if header.version not in versions:
        known = ", ".join(str(number) for number in sorted(versions))
        raise InvalidInput(f"block version {header.version} is not known; this reader knows {known}", field="block.version")
    if header.kind != kind:
        raise InvalidInput(f"the block is of kind {header.kind}, {kind.name} is {kind:d}", field="block.kind", got=header.kind)
    expected = _PREFIX.size + details_bytes + header.payload_bytes + _CHECKSUM.size
    if len(content) != expected:
        raise InvalidInput(f"the block has {len(content)} bytes, its header says {expected}", field="block.payload_bytes")
    if zlib.crc32(memoryview(content)[: -_CHECKSUM.size]) != _CHECKSUM.unpack_from(content, expected - _CHECKSUM.size)[0]:
        raise InvalidInput("the block does not match its checksum: it was damaged on the way", field="block.checksum")
    return header


def _check_prefix(content: bytes) -> None:
    if content[: len(MAGIC)] != MAGIC:
        raise InvalidInput(f"a block begins with {MAGIC!r}, got {bytes(content[:4])!r}", field="block.magic")
    if len(content) < _PREFIX.size:
        raise InvalidInput(f"the block is cut short inside its header, after {len(content)} bytes", field="block")


def _table(header: _Header, body: bytes, symbols: SymbolTable | None) -> SymbolTable:
    """The reader's table, or the block's own; when there are both they must be the same."""
    if header.symbol_bytes > len(body):
        raise InvalidInput("the body ends inside its symbols", field="block.symbol_bytes")
    text = body[: header.symbol_bytes]
    if symbols is None and header.symbols and not text:
        raise InvalidInput("the block does not carry its symbols; it needs their table", field="symbols")
    table = SymbolTable.from_text(text) if symbols is None else symbols
    if table.checksum != header.symbol_checksum or len(table) != header.symbols or text not in (b"", table.text):
        raise InvalidInput("the block is numbered by another table of symbols", field="block.symbol_checksum")
    return table
