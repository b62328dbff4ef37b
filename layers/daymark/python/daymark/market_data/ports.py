"""What market data needs from the outside: the vendor's archive of daily closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from daymark.contracts.price_files import DailySeries, VendorClose
from daymark.core.fence import Fence

__all__ = ["DailySeries", "PriceArchive", "VendorClose"]


class PriceArchive(Protocol):
    """The vendor's daily closes, by session. Nothing after ``through`` is ever returned: no look-ahead."""

    def closes(self, instrument_ids: Sequence[str], through: date, sessions: int) -> tuple[tuple[date, ...], npt.NDArray[np.float64]]:
        """The last ``sessions`` published session dates up to ``through`` and their ``(sessions, n)`` closes, NaN where absent.

        Raises:
            NotPublished: the archive holds fewer sessions than asked for, or none at ``through``.
        """
        ...

    def vendor_file(self, session_date: date) -> Sequence[VendorClose]:
        """The closing-price file of one session, rows in file order.

        Raises:
            NotPublished: no file was delivered for the session.
        """
        ...

    def series(self, name: str) -> DailySeries:
        """A dated series by name: ``SP500``, ``VIX``, ``AAA``, ``BAA``.

        Raises:
            NotFound: no such series.
        """
        ...

    def official_closes(self, session_date: date) -> Mapping[str, Any] | None:
        """The session's official closes as the latest attempt published them; ``None`` if none were."""
        ...

    def publish_official_closes(self, session_date: date, document: Mapping[str, object], attempt: int, fence: Fence) -> str:
        """Store an attempt's official closes of a session and return their address. Storing the same content again is harmless.

        Raises:
            Conflict: the attempt published other content.
            StaleFence: a later epoch owns the run.
        """
        ...
