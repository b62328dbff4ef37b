"""Quote blocks: one record of the ``quotes`` stream is the latest quotes of one portfolio bucket's symbols, version 1.

In the envelope of ``block_envelope`` stand, as details, the bucket and the instant the quotes are of, and as body the positions of
the ``ticks`` stream that they cover (one shard a line) and the columns of ``column_layout``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.block_envelope import MAX_BLOCK_BYTES, MAX_ROWS, BlockKind, Envelope, open_block, seal
from daymark.contracts.column_decoding import decode_columns
from daymark.contracts.column_encoding import encode_columns
from daymark.contracts.column_layout import BlockLayout, Way
from daymark.contracts.columns import check_columns
from daymark.contracts.symbols import SymbolTable
from daymark.core.errors import InvalidInput

VERSION = 1
MAX_POSITION_BYTES = 1 << 20
_DETAILS = struct.Struct("<IIQ")
_POSITION = re.compile(r"([!-~]{1,128}) ([0-9]{1,64}) ([0-9]{1,64})")

COLUMNS: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        **{"instrument": np.dtype("u4"), "bid": np.dtype("i8"), "ask": np.dtype("i8"), "price": np.dtype("i8")},
        **{"ts_event": np.dtype("u8"), "publishers": np.dtype("u2")},
    }
)
_AS_IS, _TO_BID = Way(), Way(reference="bid")
_WAYS: Mapping[str, tuple[Way, ...]] = MappingProxyType(
    {"instrument": (Way(previous=True),), "ask": (_TO_BID,), "price": (_TO_BID, _AS_IS)}
)
_LAYOUT = BlockLayout.of(COLUMNS, _WAYS)


@dataclass(frozen=True)
class Quotes:
    """``(n,)`` latest quotes, one for each instrument, by rising number; units and undefined values as in ``ticks``.

    Attributes:
        instrument: uint32, the symbol's number in a ``SymbolTable``.
        bid: int64, best bid.
        ask: int64, best ask.
        price: int64, of the last trade.
        ts_event: uint64, when the latest of it happened.
        publishers: uint16, how many publishers the quote rests on.

    Raises:
        InvalidInput: a column is not contiguous, or of another type, dimension or length, or instruments are not strictly rising.
    """

    instrument: npt.NDArray[np.uint32]
    bid: npt.NDArray[np.int64]
    ask: npt.NDArray[np.int64]
    price: npt.NDArray[np.int64]
    ts_event: npt.NDArray[np.uint64]
    publishers: npt.NDArray[np.uint16]

    def __post_init__(self) -> None:
        check_columns("quotes", self.columns(), COLUMNS)
        if bool((self.instrument[1:] <= self.instrument[:-1]).any()):
            raise InvalidInput("quotes.instrument must be strictly rising", field="quotes.instrument")

    def __len__(self) -> int:
        return len(self.instrument)

    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns by name, in the order above."""
        return {name: getattr(self, name) for name in COLUMNS}


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """The records of one shard that went in: from the first sequence number to the last, both included."""

    shard: str
    first: int
    last: int

    @property
    def line(self) -> str:
        """The position as one line of text; sequence numbers are decimal and compare as numbers, not as text."""
        return f"{self.shard} {self.first} {self.last}"


@dataclass(frozen=True)
class QuoteBlock:
    """A block's content.

    Attributes:
        bucket: Number of the portfolio bucket, from 0.
        as_of: Nanoseconds since 1970 in UTC: the instant the quotes are of.
        positions: What of the ``ticks`` stream they cover, by rising shard; a bucket's consumer knows by it what it has seen.
        synthetic: Whether no market made them.

    Raises:
        InvalidInput: a number out of range, a position that is none, shards not strictly rising, an instrument not in the table.
    """

    quotes: Quotes
    symbols: SymbolTable
    session_date: date
    bucket: int
    as_of: int
    positions: tuple[StreamPosition, ...]
    synthetic: bool

    def __post_init__(self) -> None:
        for name, bits in (("bucket", 32), ("as_of", 64)):
            if not 0 <= getattr(self, name) < 1 << bits:
                raise InvalidInput(f"{name} must be from 0 to 2**{bits} - 1, got {getattr(self, name)}", field=name)
        for place, position in enumerate(self.positions):
            if not _POSITION.fullmatch(position.line) or position.first > position.last:
                raise InvalidInput(f"not a position of a stream: {position.line[:200]!r}", field=f"positions[{place}]")
        for place, (before, position) in enumerate(pairwise(self.positions), 1):
            if position.shard <= before.shard:
                raise InvalidInput("positions must be by strictly rising shard", field=f"positions[{place}].shard")
        if len(self.quotes) and int(self.quotes.instrument[-1]) >= len(self.symbols):
            message = f"instrument {self.quotes.instrument[-1]} is not among the block's {len(self.symbols)} symbols"
            raise InvalidInput(message, field="quotes.instrument")


def encode_quotes(block: QuoteBlock, *, inline_symbols: bool = True) -> bytes:
    """The block as one record of the stream.

    Args:
        block: What it shall hold.
        inline_symbols: Whether the block carries its symbols; otherwise whoever reads it must have the table.

    Raises:
        InvalidInput: the positions have more than 1 MiB, or the block has more rows or bytes than a reader takes.
    """
    positions = "\n".join(position.line for position in block.positions).encode("ascii")
    if len(positions) > MAX_POSITION_BYTES:
        raise InvalidInput(f"positions have at most {MAX_POSITION_BYTES} bytes, got {len(positions)}", field="positions")
    details = _DETAILS.pack(block.bucket, len(positions), block.as_of)
    rows, session_date = len(block.quotes), block.session_date
    envelope = Envelope(BlockKind.QUOTES, VERSION, rows, session_date, block.synthetic, block.symbols, details)
    sections = [positions, *encode_columns(_LAYOUT, block.quotes.columns())]
    return seal(envelope, sections, inline_symbols=inline_symbols)


def decode_quotes(
    content: bytes, symbols: SymbolTable | None = None, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BLOCK_BYTES
) -> QuoteBlock:
    """The block of a record.

    Args:
        content: The record's data.
        symbols: The table that it must be numbered by; needed when the block does not carry its own.
        max_rows: The most quotes it may hold; this bounds the memory.
        max_bytes: The most bytes it may have.

    Raises:
        InvalidInput: no quote block, of a later version, damaged, cut short, too large, numbered by another table, or a part of it
            breaks a rule; the field is named.
    """
    envelope, body, place = open_block(
        content,
        BlockKind.QUOTES,
        _READERS,
        _DETAILS.size,
        symbols,
        max_rows=max_rows,
        max_bytes=max_bytes,
        most_column_bytes=lambda rows: MAX_POSITION_BYTES + _LAYOUT.most_bytes(rows),
    )
    return _READERS[envelope.version](envelope, body, place)


def _read_version_1(envelope: Envelope, body: bytes, place: int) -> QuoteBlock:
    bucket, position_bytes, as_of = _DETAILS.unpack(envelope.details)
    columns_place = place + position_bytes
    if columns_place > len(body):
        raise InvalidInput("the body ends inside its positions", field="positions")
    positions = _positions(body[place:columns_place])
    columns, end = decode_columns(_LAYOUT, body, columns_place, envelope.rows)
    if end != len(body):
        raise InvalidInput(f"{len(body) - end} bytes follow the block's columns", field="block.body_bytes")
    quotes = Quotes(**columns)
    return QuoteBlock(quotes, envelope.symbols, envelope.session_date, bucket, as_of, positions, envelope.synthetic)


def _positions(text: bytes) -> tuple[StreamPosition, ...]:
    positions = []
    for place, line in enumerate(text.decode("latin-1").split("\n") if text else ()):
        match = _POSITION.fullmatch(line)
        if match is None:
            raise InvalidInput(f"not a position of a stream: {line[:200]!r}", field=f"positions[{place}]")
        positions.append(StreamPosition(match[1], int(match[2]), int(match[3])))
    return tuple(positions)


# A later version is added here and the earlier ones stay, so that what is on the stream can be read.
_READERS: Mapping[int, Callable[[Envelope, bytes, int], QuoteBlock]] = MappingProxyType({1: _read_version_1})
