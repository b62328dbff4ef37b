"""Ticks in memory: the equal columns that everything on the stream shares, quotes and trades of many symbols in one order.

Units: times are nanoseconds since 1970 in UTC, prices are whole 1e-9 of the currency, sizes are shares. All columns are integers, so
there is no NaN: a price that a row does not have is :data:`~daymark.contracts.dbn_records.UNDEFINED_PRICE`, a time
:data:`~daymark.contracts.dbn_records.UNDEFINED_TIME`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.columns import check_columns
from daymark.contracts.dbn_records import MBP_1, Records, RecordType, new_records
from daymark.core.errors import InvalidInput

NO_SIDE = b"N"[0]
_CACHED_ROWS = 8192


@dataclass(frozen=True)
class Ticks:
    """``(n,)`` rows in the order in which they are to be taken; ``n`` may be 0.

    Attributes:
        instrument: uint32, the symbol's number in a ``SymbolTable``.
        publisher: uint16, who published the row.
        sequence: uint32, the publisher's number of the row; rises within publisher and instrument, with holes.
        ts_event: uint64, when it happened.
        ts_recv: uint64, when it was received.
        bid: int64, best bid after the row.
        ask: int64, best ask after the row.
        price: int64, of the trade or book change that ``action`` tells.
        bid_size: uint32, at the best bid.
        ask_size: uint32, at the best ask.
        size: uint32, of the trade or book change.
        action: uint8, a letter of :class:`~daymark.contracts.dbn_records.Action`.
        flags: uint8, bits of :class:`~daymark.contracts.dbn_records.RecordFlag`.

    Raises:
        InvalidInput: a column is not contiguous, or of another type, dimension or length; it is named.
    """

    instrument: npt.NDArray[np.uint32]
    publisher: npt.NDArray[np.uint16]
    sequence: npt.NDArray[np.uint32]
    ts_event: npt.NDArray[np.uint64]
    ts_recv: npt.NDArray[np.uint64]
    bid: npt.NDArray[np.int64]
    ask: npt.NDArray[np.int64]
    price: npt.NDArray[np.int64]
    bid_size: npt.NDArray[np.uint32]
    ask_size: npt.NDArray[np.uint32]
    size: npt.NDArray[np.uint32]
    action: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        check_columns("ticks", self.columns(), COLUMNS)

    def __len__(self) -> int:
        return len(self.instrument)

    def columns(self) -> Mapping[str, npt.NDArray[Any]]:
        """The columns by name, in the order above."""
        return {name: getattr(self, name) for name in COLUMNS}

    def take(self, index: npt.NDArray[Any] | slice) -> Ticks:
        """The rows of an index, a mask or a slice, in its order."""
        return Ticks(**{name: np.ascontiguousarray(column[index]) for name, column in self.columns().items()})

    @classmethod
    def empty(cls) -> Ticks:
        """No rows."""
        return cls(**{name: np.empty(0, dtype) for name, dtype in COLUMNS.items()})

    @classmethod
    def concatenate(cls, parts: Sequence[Ticks]) -> Ticks:
        """The rows of all parts, one part after the other; none give no rows."""
        if not parts:
            return cls.empty()
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})

    @classmethod
    def from_mbp1(cls, records: Records, numbers: Mapping[int, int] | None = None) -> Ticks:
        """The rows of mbp-1 records (tbbo records are of that layout too).

        Args:
            records: ``(n,)`` of :data:`~daymark.contracts.dbn_records.MBP_1`.
            numbers: The symbol's number for each ``instrument_id``; ``None`` when the ids already are the numbers.

        Raises:
            InvalidInput: records of another layout, or an ``instrument_id`` that ``numbers`` does not have.
        """
        if records.dtype != MBP_1:
            raise InvalidInput("ticks come from mbp-1 records", field="records")
        columns = {name: np.empty(len(records), dtype) for name, dtype in COLUMNS.items()}
        # Part by part, so that a part's records are still in the cache when its last column is taken.
        for first in range(0, len(records), _CACHED_ROWS):
            part = slice(first, first + _CACHED_ROWS)
            for name, field in _OF_MBP_1.items():
                columns[name][part] = records[field][part]
        if numbers is not None:
            columns["instrument"] = _numbered(columns["instrument"], numbers)
        return cls(**columns)

    def to_mbp1(self) -> Records:
        """``(n,)`` mbp-1 records; what ticks do not hold is 0 (depth, counts, ``ts_in_delta``) or none (side)."""
        records = new_records(RecordType.MBP_1, len(self))
        for name, field in _OF_MBP_1.items():
            records[field] = getattr(self, name)
        records["side"] = NO_SIDE
        return records


COLUMNS: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        **{"instrument": np.dtype("u4"), "publisher": np.dtype("u2"), "sequence": np.dtype("u4")},
        **{"ts_event": np.dtype("u8"), "ts_recv": np.dtype("u8")},
        **{"bid": np.dtype("i8"), "ask": np.dtype("i8"), "price": np.dtype("i8")},
        **{"bid_size": np.dtype("u4"), "ask_size": np.dtype("u4"), "size": np.dtype("u4")},
        **{"action": np.dtype("u1"), "flags": np.dtype("u1")},
    }
)
_OF_MBP_1 = MappingProxyType(
    {
        **{name: name for name in ("sequence", "ts_event", "ts_recv", "price", "size", "action", "flags")},
        **{"instrument": "instrument_id", "publisher": "publisher_id"},
        **{"bid": "bid_px", "ask": "ask_px", "bid_size": "bid_sz", "ask_size": "ask_sz"},
    }
)


def _numbered(ids: npt.NDArray[np.uint32], numbers: Mapping[int, int]) -> npt.NDArray[np.uint32]:
    known = np.array(sorted(numbers), np.uint32)
    found = np.array([numbers[number] for number in known.tolist()], np.uint32)
    places = np.searchsorted(known, ids)
    missing = np.flatnonzero((places == len(known)) | (known.take(places, mode="clip") != ids)) if len(known) else np.arange(len(ids))
    if missing.size:
        row = int(missing[0])
        raise InvalidInput(f"instrument_id {int(ids[row])} has no symbol", field=f"records[{row}].instrument_id", got=int(ids[row]))
    return found[places]
