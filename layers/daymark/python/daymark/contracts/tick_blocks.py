"""Tick blocks: one record of the ``ticks`` stream is one block of many ticks, as compressed columns, version 1.

In the envelope of ``block_envelope`` stand, as details, the publisher (0 when there are several) and the first and last event time,
and as body the columns of ``column_layout``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from daymark.contracts.block_envelope import MAX_BLOCK_BYTES, MAX_ROWS, BlockKind, Envelope, open_block, seal
from daymark.contracts.column_decoding import decode_columns
from daymark.contracts.column_encoding import encode_columns
from daymark.contracts.column_layout import BlockLayout, Way
from daymark.contracts.dbn_records import UNDEFINED_TIME
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput

VERSION = 1
_DETAILS = struct.Struct("<H6xQQ")

_AS_IS, _CHANGE, _CHANGE_IN_GROUP = Way(), Way(previous=True), Way(grouped=True, previous=True)
_TO_BID = Way(reference="bid")
_WAYS: Mapping[str, tuple[Way, ...]] = MappingProxyType(
    {
        "sequence": (_CHANGE, _CHANGE_IN_GROUP),
        "ts_event": (_CHANGE,),
        "ts_recv": (_CHANGE, Way(reference="ts_event")),
        "bid": (_AS_IS, _CHANGE_IN_GROUP),
        "ask": (_TO_BID, _CHANGE_IN_GROUP),
        "price": (_TO_BID, _CHANGE_IN_GROUP),
        "bid_size": (_AS_IS, _CHANGE_IN_GROUP),
        "ask_size": (_AS_IS, _CHANGE_IN_GROUP),
    }
)
_LAYOUT = BlockLayout.of(COLUMNS, _WAYS, group_by=("instrument", "publisher"))


@dataclass(frozen=True)
class TickBlock:
    """A block's content; ``synthetic`` tells ticks that no market made.

    Raises:
        InvalidInput: an instrument's number is not in the table.
    """

    ticks: Ticks
    symbols: SymbolTable
    session_date: date
    synthetic: bool

    def __post_init__(self) -> None:
        highest = int(self.ticks.instrument.max(initial=0))
        if len(self.ticks) and highest >= len(self.symbols):
            raise InvalidInput(f"instrument {highest} is not among the block's {len(self.symbols)} symbols", field="ticks.instrument")


def encode_block(block: TickBlock, *, inline_symbols: bool = True) -> bytes:
    """The block as one record of the stream.

    Args:
        block: Its ticks may stand in any order; they are read back in the same.
        inline_symbols: Whether the block carries its symbols; otherwise whoever reads it must have the table.

    Raises:
        InvalidInput: the block has more rows or bytes than a reader takes.
    """
    details = _DETAILS.pack(*_summary(block.ticks))
    rows, session_date = len(block.ticks), block.session_date
    envelope = Envelope(BlockKind.TICKS, VERSION, rows, session_date, block.synthetic, block.symbols, details)
    return seal(envelope, encode_columns(_LAYOUT, block.ticks.columns()), inline_symbols=inline_symbols)


def _summary(ticks: Ticks) -> tuple[int, int, int]:
    """The publisher, 0 when there are several or none, and the first and last event time, undefined without rows."""
    if not len(ticks):
        return 0, UNDEFINED_TIME, UNDEFINED_TIME
    lowest, highest = int(ticks.publisher.min()), int(ticks.publisher.max())
    return lowest if lowest == highest else 0, int(ticks.ts_event.min()), int(ticks.ts_event.max())


def decode_block(
    content: bytes, symbols: SymbolTable | None = None, *, max_rows: int = MAX_ROWS, max_bytes: int = MAX_BLOCK_BYTES
) -> TickBlock:
    """The block of a record.

    Args:
        content: The record's data.
        symbols: The table that it must be numbered by; needed when the block does not carry its own.
        max_rows: The most ticks it may hold; this bounds the memory.
        max_bytes: The most bytes it may have.

    Raises:
        InvalidInput: no tick block, of a later version, damaged, cut short, too large, numbered by another table, or its header
            contradicts its ticks; the field is named.
    """
    envelope, body, place = open_block(
        content,
        BlockKind.TICKS,
        _READERS,
        _DETAILS.size,
        symbols,
        max_rows=max_rows,
        max_bytes=max_bytes,
        most_column_bytes=_LAYOUT.most_bytes,
    )
    return _READERS[envelope.version](envelope, body, place)


def _read_version_1(envelope: Envelope, body: bytes, place: int) -> TickBlock:
    columns, end = decode_columns(_LAYOUT, body, place, envelope.rows)
    if end != len(body):
        raise InvalidInput(f"{len(body) - end} bytes follow the block's columns", field="block.body_bytes")
    ticks = Ticks(**columns)
    if _DETAILS.unpack(envelope.details) != _summary(ticks):
        raise InvalidInput("the header's publisher or times are not those of the ticks", field="block.details")
    return TickBlock(ticks, envelope.symbols, envelope.session_date, envelope.synthetic)


# A later version is added here and the earlier ones stay, so that what is on the stream or in the archive can be read.
_READERS: Mapping[int, Callable[[Envelope, bytes, int], TickBlock]] = MappingProxyType({1: _read_version_1})
