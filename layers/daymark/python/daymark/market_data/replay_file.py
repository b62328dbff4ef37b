"""Replayed ticks as a Databento file of mbp-1 records; the data set's name says that they are synthetic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain

from daymark.contracts.compression import compress
from daymark.contracts.dbn_metadata import DbnMetadata, MappingInterval, SymbolMapping, encode_metadata
from daymark.contracts.dbn_records import RecordType
from daymark.contracts.ticks import Ticks
from daymark.market_data.tick_replay import TickReplay

DATASET = "SYNTHETIC.REPLAY"
_RAW_SYMBOL, _INSTRUMENT_ID = 1, 0
_LEVEL = 1


def replay_metadata(replay: TickReplay) -> DbnMetadata:
    """The metadata that opens the file: the session's hours, and each symbol's number for that day."""
    day = replay.session.session_date
    names = replay.symbols.symbols
    return DbnMetadata(
        dataset=DATASET,
        schema=int(RecordType.MBP_1),
        start=replay.session_start,
        end=replay.session_end + 1,
        stype_in=_RAW_SYMBOL,
        stype_out=_INSTRUMENT_ID,
        symbols=names,
        mappings=tuple(
            SymbolMapping(name, (MappingInterval(day, day + timedelta(days=1), str(number)),)) for number, name in enumerate(names)
        ),
    )


def file_sections(replay: TickReplay, blocks: Iterable[Ticks], *, compressed: bool) -> Iterator[bytes]:
    """The file, piece by piece: metadata, then the records of each block; compressed, every piece is a Zstandard frame of its own."""
    sections = chain([encode_metadata(replay_metadata(replay))], (block.to_mbp1().tobytes() for block in blocks))
    return (compress([section], len(section), _LEVEL) if compressed else section for section in sections)
