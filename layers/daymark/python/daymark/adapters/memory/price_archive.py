"""The vendor's archive in memory: what tests and notebooks read prices from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.contracts.price_files import (
    CloseBlock,
    DailySeries,
    VendorClose,
    decode_official_closes,
    decode_vendor_file,
    encode_official_closes,
    official_key,
    select_closes,
)
from daymark.core.errors import Conflict, NotFound, NotPublished


class MemoryPriceArchive:
    """Implements ``PriceArchive`` over one block of closes.

    A session's vendor file is written from the block when it is asked for, until :meth:`deliver` puts another in its place.

    Args:
        block: Every session's closes; a NaN has no row in the vendor file.
        series: Dated series by name.
        currency: Currency the vendor's rows carry.
    """

    def __init__(self, block: CloseBlock, series: Mapping[str, DailySeries], currency: str = "USD") -> None:
        self._block = block
        self._series = dict(series)
        self._currency = currency
        self._delivered: dict[date, tuple[VendorClose, ...]] = {}
        self._official: dict[date, bytes] = {}

    def closes(self, instrument_ids: Sequence[str], through: date, sessions: int) -> tuple[tuple[date, ...], npt.NDArray[np.float64]]:
        """See ``PriceArchive.closes``."""
        return select_closes([self._block], instrument_ids, through, sessions)

    def deliver(self, session_date: date, content: bytes) -> None:
        """Take a vendor file as it arrives, in place of any earlier one of the session."""
        self._delivered[session_date] = decode_vendor_file(content, session_date)

    def vendor_file(self, session_date: date) -> Sequence[VendorClose]:
        """See ``PriceArchive.vendor_file``."""
        if session_date in self._delivered:
            return self._delivered[session_date]
        return vendor_rows(self._block, session_date, self._currency)

    def series(self, name: str) -> DailySeries:
        """See ``PriceArchive.series``."""
        if name not in self._series:
            raise NotFound(f"no series {name}", field="name", known=sorted(self._series))
        return self._series[name]

    def official_closes(self, session_date: date) -> Mapping[str, Any] | None:
        """See ``PriceArchive.official_closes``."""
        content = self._official.get(session_date)
        return None if content is None else decode_official_closes(content)

    def publish_official_closes(self, session_date: date, document: Mapping[str, object]) -> str:
        """See ``PriceArchive.publish_official_closes``."""
        content = encode_official_closes(document)
        if self._official.setdefault(session_date, content) != content:
            raise Conflict(f"other official closes stand for {session_date}", field="session_date")
        return f"memory://{official_key(session_date)}"


def vendor_rows(block: CloseBlock, session_date: date, currency: str) -> tuple[VendorClose, ...]:
    """The vendor file's rows of one session, in the block's column order, each close in the digits it was published with.

    Raises:
        NotPublished: the block has no such session.
    """
    row = int(np.searchsorted(block.sessions, np.datetime64(session_date, "D")))
    if row == len(block.sessions) or block.sessions[row] != np.datetime64(session_date, "D"):
        raise NotPublished(f"no vendor file was delivered for {session_date}", field="session_date")
    priced = [(name, float(close)) for name, close in zip(block.instrument_ids, block.closes[row], strict=True) if not np.isnan(close)]
    return tuple(VendorClose(name, session_date, repr(close), currency, line) for line, (name, close) in enumerate(priced, start=2))
