"""The vendor's archive in memory: what tests and notebooks read prices from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.adapters.rows import claim_rows, fingerprint
from daymark.contracts.price_files import (
    CloseBlock,
    DailySeries,
    VendorClose,
    decode_official_closes,
    decode_vendor_file,
    encode_official_closes,
    official_key,
    official_prefix,
    select_closes,
)
from daymark.core.errors import Conflict, NotFound, NotPublished
from daymark.core.fence import Fence, FenceLedger


class MemoryPriceArchive:
    """Implements ``PriceArchive`` over one block of closes.

    A session's vendor file is written from the block when it is asked for, until :meth:`deliver` puts another in its place.

    Args:
        block: Every session's closes; a NaN has no row in the vendor file.
        series: Dated series by name.
        currency: Currency the vendor's rows carry.
        ledger: Where published closes are claimed; ``None`` leaves them unfenced.
    """

    def __init__(
        self, block: CloseBlock, series: Mapping[str, DailySeries], currency: str = "USD", ledger: FenceLedger | None = None
    ) -> None:
        self._block = block
        self._series = dict(series)
        self._currency = currency
        self._delivered: dict[date, tuple[VendorClose, ...]] = {}
        self._ledger = ledger
        self._official: dict[str, bytes] = {}

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
        published = [key for key in self._official if key.startswith(official_prefix(session_date))]
        return decode_official_closes(self._official[max(published)]) if published else None

    def publish_official_closes(self, session_date: date, document: Mapping[str, object], attempt: int, fence: Fence) -> str:
        """See ``PriceArchive.publish_official_closes``."""
        key, content = official_key(session_date, attempt), encode_official_closes(document)
        claim_rows(self._ledger, {f"prices/{key}": fingerprint(content)}, fence)
        if self._official.setdefault(key, content) != content:
            raise Conflict(f"other content stands under {key}", field="key", key=key)
        return f"memory://{key}"


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
