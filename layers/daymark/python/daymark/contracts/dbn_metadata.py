"""The metadata that opens a file of the Databento Binary Encoding, versions 1 to 3: what was asked for and how symbols map.

Layout (little-endian), from Databento's DBN specification::

    "DBN" version:u8 length:u32 | dataset:char[16] schema:u16 start:u64 end:u64 limit:u64 [record_count:u64, version 1 only]
    stype_in:u8 stype_out:u8 ts_out:u8 [symbol_cstr_len:u16, from version 2] reserved, to 100 bytes | schema_definition_length:u32 (0)
    symbols, partial, not_found: each count:u32 and as many char[n] | mappings: count:u32, each char[n] count:u32 and as many
    {start:u32 end:u32 (yyyymmdd) char[n]} | zeros to a multiple of 8 bytes, from version 3

A symbol's field has 22 bytes in version 1 and 71 from version 2, the closing zero included.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from daymark.contracts.dates import date_from_number, number_of_date
from daymark.contracts.dbn_records import UNDEFINED_TIME
from daymark.core.errors import InvalidInput

MAGIC = b"DBN"
VERSIONS = (1, 2, 3)
NO_SCHEMA, NO_STYPE = 0xFFFF, 0xFF
_PREFIX = struct.Struct("<3sBI")
_FIXED_1 = struct.Struct("<16sHQQQQBBB47x")
_FIXED = struct.Struct("<16sHQQQBBBH53x")
_SYMBOL_BYTES = {1: 22, 2: 71, 3: 71}
_COUNT = struct.Struct("<I")

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class MappingInterval:
    """A symbol's name in the output symbology from ``start`` up to, without, ``end``."""

    start: date
    end: date
    symbol: str


@dataclass(frozen=True, slots=True)
class SymbolMapping:
    """What a symbol that was asked for is called in the data, over time."""

    raw_symbol: str
    intervals: tuple[MappingInterval, ...]


@dataclass(frozen=True, slots=True)
class DbnMetadata:
    """The metadata of one file.

    Attributes:
        dataset: Code of the publisher's data set, up to 16 ASCII characters.
        schema: Number of the one schema of the file; ``None`` for a mixed or live stream.
        start: First instant asked for, nanoseconds since 1970 in UTC.
        end: The instant it ends before; ``None`` when open.
        limit: Most records asked for; ``None`` without limit.
        stype_in: Number of the symbology asked in; ``None`` when mixed.
        stype_out: Number of the symbology of ``instrument_id``.
        ts_out: Whether every record is followed by the time it was sent at.
        symbols: Symbols asked for.
        partial: Symbols that did not resolve on some day.
        not_found: Symbols that resolved on no day.
    """

    dataset: str
    start: int
    schema: int | None = None
    end: int | None = None
    limit: int | None = None
    stype_in: int | None = None
    stype_out: int = 0
    ts_out: bool = False
    symbols: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    not_found: tuple[str, ...] = ()
    mappings: tuple[SymbolMapping, ...] = ()
    version: int = 3


def encode_metadata(metadata: DbnMetadata) -> bytes:
    """The metadata as it opens a file.

    Raises:
        InvalidInput: a version, text or number that the format cannot hold; the field is named.
    """
    version = _known_version(metadata.version)
    dataset = _text_field(metadata.dataset, 16, "metadata.dataset")
    schema = NO_SCHEMA if metadata.schema is None else metadata.schema
    end = UNDEFINED_TIME if metadata.end is None else metadata.end
    stype_in = NO_STYPE if metadata.stype_in is None else metadata.stype_in
    times = (metadata.start, end, metadata.limit or 0)
    try:
        if version == 1:
            fixed = _FIXED_1.pack(dataset, schema, *times, UNDEFINED_TIME, stype_in, metadata.stype_out, metadata.ts_out)
        else:
            size = _SYMBOL_BYTES[version]
            fixed = _FIXED.pack(dataset, schema, *times, stype_in, metadata.stype_out, metadata.ts_out, size)
    except struct.error as error:
        raise InvalidInput(f"metadata has a number that its field cannot hold: {error}", field="metadata") from None
    body = fixed + _COUNT.pack(0) + _encode_lists(metadata, _SYMBOL_BYTES[version])
    if version >= 3:
        body += bytes(-(_PREFIX.size + len(body)) % 8)
    return _PREFIX.pack(MAGIC, version, len(body)) + body


def _encode_lists(metadata: DbnMetadata, size: int) -> bytes:
    parts = []
    for name, symbols in (("symbols", metadata.symbols), ("partial", metadata.partial), ("not_found", metadata.not_found)):
        parts.append(_COUNT.pack(len(symbols)))
        parts += [_text_field(symbol, size - 1, f"metadata.{name}[{place}]") + b"\0" for place, symbol in enumerate(symbols)]
    parts.append(_COUNT.pack(len(metadata.mappings)))
    for place, mapping in enumerate(metadata.mappings):
        name = f"metadata.mappings[{place}]"
        parts.append(_text_field(mapping.raw_symbol, size - 1, f"{name}.raw_symbol") + b"\0" + _COUNT.pack(len(mapping.intervals)))
        for interval in mapping.intervals:
            parts.append(_COUNT.pack(number_of_date(interval.start)) + _COUNT.pack(number_of_date(interval.end)))
            parts.append(_text_field(interval.symbol, size - 1, f"{name}.intervals.symbol") + b"\0")
    return b"".join(parts)


def _text_field(text: str, size: int, field: str) -> bytes:
    if not text.isascii() or "\0" in text or len(text) > size:
        raise InvalidInput(f"{field} must be at most {size} ASCII characters, got {text[:80]!r}", field=field)
    return text.encode("ascii").ljust(size, b"\0")


def _known_version(version: int) -> int:
    if version not in VERSIONS:
        raise InvalidInput(f"DBN version {version} is not known; this reader knows 1 to 3", field="metadata.version", got=version)
    return version


def decode_metadata(content: bytes) -> tuple[DbnMetadata, int]:
    """The metadata that opens ``content``, and the number of bytes it takes: there the records begin.

    Raises:
        InvalidInput: no DBN, an unknown version, cut short, a count beyond the buffer, a text that is not ASCII, a date that is none;
            the field is named.
    """
    if content[: len(MAGIC)] != MAGIC:
        raise InvalidInput(f"content must begin with DBN, got {bytes(content[:3])!r}", field="metadata.magic")
    if len(content) < _PREFIX.size:
        raise InvalidInput("the metadata is cut short inside its first 8 bytes", field="metadata.length")
    _, version, length = _PREFIX.unpack_from(content)
    _known_version(version)
    end = _PREFIX.size + length
    if end > len(content):
        raise InvalidInput(f"the metadata has {length} bytes, only {len(content) - _PREFIX.size} are there", field="metadata.length")
    return _Reader(content[:end], _PREFIX.size, _SYMBOL_BYTES[version]).metadata(version), end


class _Reader:
    """Reads the metadata front to back and never past its end."""

    def __init__(self, content: bytes, place: int, symbol_bytes: int) -> None:
        self.content, self.place, self.symbol_bytes = content, place, symbol_bytes

    def metadata(self, version: int) -> DbnMetadata:
        if version == 1:
            dataset, schema, start, end, limit, _, stype_in, stype_out, ts_out = _FIXED_1.unpack(self.take(_FIXED_1.size, "fixed"))
        else:
            dataset, schema, start, end, limit, stype_in, stype_out, ts_out, size = _FIXED.unpack(self.take(_FIXED.size, "fixed"))
            if size != self.symbol_bytes:
                raise InvalidInput(f"symbols have {size} bytes, version {version} has 71", field="metadata.symbol_cstr_len")
        if ts_out > 1:
            raise InvalidInput(f"metadata.ts_out must be 0 or 1, got {ts_out}", field="metadata.ts_out")
        if self.count("schema_definition_length", 1):
            raise InvalidInput("a schema definition is not known to versions 1 to 3", field="metadata.schema_definition_length")
        symbols, partial, not_found = (self.symbols(name) for name in ("symbols", "partial", "not_found"))
        mappings = self.repeated("mappings", self.symbol_bytes + _COUNT.size, self.mapping)
        self.padding(version)
        return DbnMetadata(
            dataset=_ascii(dataset, "metadata.dataset"),
            start=start,
            schema=None if schema == NO_SCHEMA else schema,
            end=None if end == UNDEFINED_TIME else end,
            limit=limit or None,
            stype_in=None if stype_in == NO_STYPE else stype_in,
            stype_out=stype_out,
            ts_out=bool(ts_out),
            symbols=symbols,
            partial=partial,
            not_found=not_found,
            mappings=mappings,
            version=version,
        )

    def take(self, size: int, name: str) -> bytes:
        if size > len(self.content) - self.place:
            raise InvalidInput(f"the metadata ends inside {name}", field=f"metadata.{name}")
        self.place += size
        return self.content[self.place - size : self.place]

    def count(self, name: str, item_bytes: int) -> int:
        (count,) = _COUNT.unpack(self.take(_COUNT.size, name))
        if count * item_bytes > len(self.content) - self.place:
            raise InvalidInput(f"metadata.{name} says {count} entries, more than the metadata holds", field=f"metadata.{name}")
        return int(count)

    def repeated(self, name: str, item_bytes: int, read: Callable[[str], Item]) -> tuple[Item, ...]:
        return tuple(read(f"{name}[{place}]") for place in range(self.count(name, item_bytes)))

    def symbols(self, name: str) -> tuple[str, ...]:
        return self.repeated(name, self.symbol_bytes, self.symbol)

    def symbol(self, name: str) -> str:
        return _ascii(self.take(self.symbol_bytes, name), f"metadata.{name}")

    def mapping(self, name: str) -> SymbolMapping:
        raw_symbol = self.symbol(f"{name}.raw_symbol")
        return SymbolMapping(raw_symbol, self.repeated(f"{name}.intervals", self.symbol_bytes + 2 * _COUNT.size, self.interval))

    def interval(self, name: str) -> MappingInterval:
        start, end = (date_from_number(_COUNT.unpack(self.take(_COUNT.size, name))[0], f"metadata.{name}") for _ in range(2))
        return MappingInterval(start, end, self.symbol(f"{name}.symbol"))

    def padding(self, version: int) -> None:
        rest = self.content[self.place :]
        if len(rest) > (7 if version >= 3 else 0) or any(rest):
            raise InvalidInput(f"{len(rest)} bytes follow the metadata's mappings", field="metadata.length")


def _ascii(content: bytes, field: str) -> str:
    text, _, rest = content.partition(b"\0")
    try:
        if any(rest):
            raise InvalidInput(f"{field} has bytes after its closing zero", field=field)
        return text.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput(f"{field} must be ASCII, got {text!r}", field=field) from None
