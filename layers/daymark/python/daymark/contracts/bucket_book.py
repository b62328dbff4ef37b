"""A bucket's book: what its portfolios hold as the session begins, in columns, as packed arrays under a key made of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.live_session import bucket_key
from daymark.contracts.packed_arrays import pack, require_int64, unpack
from daymark.core.errors import InvalidInput

MAGIC = b"DMBB"
VERSION = 1
IntArray = npt.NDArray[np.int64]
_ROWS = ("instruments", "portfolios", "quantities_1e4")
_BY_INSTRUMENT = ("classes", "prices_1e4")
_BY_PORTFOLIO = ("cash_cents", "opening_cents", "high_water_cents")


@dataclass(frozen=True)
class BucketBook:
    """What the portfolios of one bucket hold.

    Attributes:
        session_date: The session that begins.
        bucket: The bucket's number, from 1.
        owners: ``n`` pairs of tenant and portfolio id, sorted; their places number the portfolios.
        symbols: ``m`` instrument ids, sorted; their places number the instruments.
        class_names: ``k`` asset classes; cash is none of them.
        instruments: ``(rows,)`` int64 instrument of each holding.
        portfolios: ``(rows,)`` int64 portfolio of each holding.
        quantities_1e4: ``(rows,)`` int64 ten-thousandths of a unit.
        classes: ``(m,)`` int64 asset class of each instrument.
        prices_1e4: ``(m,)`` int64 official closes of the session before, in ten-thousandths.
        cash_cents: ``(n,)`` int64 cash, with what is booked for the session already.
        opening_cents: ``(n,)`` int64 value at the close before plus external flows since: what the day's profit and loss is counted from.
        high_water_cents: ``(n,)`` int64 highest value before now, flows since added to it.
        targets_1e9: ``(n, k)`` int64 target weight of each class in 1e-9.

    Raises:
        InvalidInput: a column has another length or type, or numbers an instrument, a portfolio or a class that there is none of; the
            field names it.
    """

    session_date: date
    bucket: int
    owners: tuple[tuple[str, str], ...]
    symbols: tuple[str, ...]
    class_names: tuple[str, ...]
    instruments: IntArray
    portfolios: IntArray
    quantities_1e4: IntArray
    classes: IntArray
    prices_1e4: IntArray
    cash_cents: IntArray
    opening_cents: IntArray
    high_water_cents: IntArray
    targets_1e9: IntArray

    def __post_init__(self) -> None:
        rows, instruments, portfolios = len(self.instruments), len(self.symbols), len(self.owners)
        for names, length in ((_ROWS, rows), (_BY_INSTRUMENT, instruments), (_BY_PORTFOLIO, portfolios)):
            for name in names:
                if getattr(self, name).shape != (length,):
                    raise InvalidInput(f"{name} must have {length} rows, got {getattr(self, name).shape}", field=name)
        if self.targets_1e9.shape != (portfolios, len(self.class_names)):
            raise InvalidInput(f"targets_1e9 must be portfolios by classes, got {self.targets_1e9.shape}", field="targets_1e9")
        for name, column in self.columns().items():
            require_int64(column, name)
        for name, count in (("instruments", instruments), ("portfolios", portfolios), ("classes", len(self.class_names))):
            _require_places(getattr(self, name), count, name)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """Every array by name."""
        return {name: getattr(self, name) for name in (*_ROWS, *_BY_INSTRUMENT, *_BY_PORTFOLIO, "targets_1e9")}


def _require_places(numbers: IntArray, count: int, field: str) -> None:
    wrong = np.flatnonzero((numbers < 0) | (numbers >= count))
    if len(wrong):
        raise InvalidInput(f"{field}[{wrong[0]}] is {numbers[wrong[0]]}; there are {count}", field=f"{field}[{wrong[0]}]")


def encode_book(book: BucketBook) -> bytes:
    """The book as one object; equal books give equal bytes."""
    header = {
        "session_date": book.session_date.isoformat(),
        "bucket": book.bucket,
        "owners": [list(owner) for owner in book.owners],
        "symbols": list(book.symbols),
        "class_names": list(book.class_names),
    }
    return pack(MAGIC, VERSION, header, book.columns())


def decode_book(content: bytes) -> BucketBook:
    """The book of an object.

    Raises:
        InvalidInput: no book, of another version, damaged, or its columns do not fit.
    """
    header, arrays = unpack(MAGIC, VERSION, content, "book")
    try:
        return BucketBook(
            date.fromisoformat(header["session_date"]),
            int(header["bucket"]),
            tuple((str(tenant), str(portfolio_id)) for tenant, portfolio_id in header["owners"]),
            tuple(header["symbols"]),
            tuple(header["class_names"]),
            **arrays,
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        raise InvalidInput("the book's header or columns are not those of a book", field="book.header") from None


def book_key(session_date: date, bucket: int, content: bytes) -> str:
    """Where a book stands: its content is part of the key, so an opening that was cut short leaves nothing that the next could meet."""
    return f"books/{session_date.isoformat()}/{bucket_key(bucket)}-{hashlib.sha256(content).hexdigest()[:16]}"
