"""Records of the Databento Binary Encoding as packed little-endian NumPy dtypes: trades, mbp-1, bbo and ohlcv.

Source: Databento's DBN specification, versions 1 to 3, which write these records alike. Prices are int64 in units of 1e-9 of the
currency, times are uint64 nanoseconds since 1970 in UTC. There is no NaN: what is not there is :data:`UNDEFINED_PRICE` or
:data:`UNDEFINED_TIME`.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

PRICE_SCALE = 1_000_000_000
UNDEFINED_PRICE = 2**63 - 1
UNDEFINED_TIME = 2**64 - 1
# A record's length byte counts words of 32 bits.
WORD = 4

Records = npt.NDArray[np.void]


class RecordType(IntEnum):
    """The record types that are read into columns, by the byte that marks them."""

    TRADES = 0x00
    MBP_1 = 0x01
    OHLCV_1S = 0x20
    OHLCV_1M = 0x21
    OHLCV_1H = 0x22
    OHLCV_1D = 0x23
    BBO_1S = 0xC3
    BBO_1M = 0xC4


class Action(IntEnum):
    """What an event did to the book, as the letter's code."""

    ADD = b"A"[0]
    MODIFY = b"M"[0]
    CANCEL = b"C"[0]
    CLEAR = b"R"[0]
    TRADE = b"T"[0]
    FILL = b"F"[0]
    NONE = b"N"[0]


class RecordFlag(IntEnum):
    """Bits of a record's ``flags``."""

    LAST = 0x80
    TOP_OF_BOOK = 0x40
    SNAPSHOT = 0x20
    MARKET_BY_PRICE = 0x10
    BAD_TS_RECV = 0x08
    MAYBE_BAD_BOOK = 0x04


_HEADER = (("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"), ("ts_event", "<u8"))
_LEVEL = (("bid_px", "<i8"), ("ask_px", "<i8"), ("bid_sz", "<u4"), ("ask_sz", "<u4"), ("bid_ct", "<u4"), ("ask_ct", "<u4"))
_TRADE = (
    *_HEADER,
    *(("price", "<i8"), ("size", "<u4"), ("action", "u1"), ("side", "u1"), ("flags", "u1"), ("depth", "u1")),
    *(("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")),
)
_BBO = (
    *_HEADER,
    *(("price", "<i8"), ("size", "<u4"), ("reserved1", "u1"), ("side", "u1"), ("flags", "u1"), ("reserved2", "u1")),
    *(("ts_recv", "<u8"), ("reserved3", "<u4"), ("sequence", "<u4")),
    *_LEVEL,
)

TRADES = np.dtype([*_TRADE])
MBP_1 = np.dtype([*_TRADE, *_LEVEL])
BBO = np.dtype([*_BBO])
OHLCV = np.dtype([*_HEADER, ("open", "<i8"), ("high", "<i8"), ("low", "<i8"), ("close", "<i8"), ("volume", "<u8")])

DTYPES: MappingProxyType[RecordType, np.dtype[np.void]] = MappingProxyType(
    {
        RecordType.TRADES: TRADES,
        RecordType.MBP_1: MBP_1,
        RecordType.OHLCV_1S: OHLCV,
        RecordType.OHLCV_1M: OHLCV,
        RecordType.OHLCV_1H: OHLCV,
        RecordType.OHLCV_1D: OHLCV,
        RecordType.BBO_1S: BBO,
        RecordType.BBO_1M: BBO,
    }
)


def record_dtype(kind: RecordType, ts_out: bool = False) -> np.dtype[Any]:
    """A record's layout; with ``ts_out`` the time it was sent at follows it, as a live gateway may be asked to add.

    >>> record_dtype(RecordType.MBP_1).itemsize, record_dtype(RecordType.MBP_1, ts_out=True).itemsize
    (80, 88)
    """
    plain = DTYPES[kind]
    return np.dtype([*plain.descr, ("ts_out", "<u8")]) if ts_out else plain


def new_records(kind: RecordType, count: int, ts_out: bool = False) -> Records:
    """``(count,)`` zeroed records with length and type filled in.

    >>> [int(value) for value in new_records(RecordType.TRADES, 1)[0][["length", "rtype"]]]
    [12, 0]

    Raises:
        InvalidInput: ``count`` is negative.
    """
    if count < 0:
        raise InvalidInput(f"count must not be negative, got {count}", field="count")
    dtype = record_dtype(kind, ts_out)
    records = np.zeros(count, dtype)
    records["length"] = dtype.itemsize // WORD
    records["rtype"] = kind
    return records
