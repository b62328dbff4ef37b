"""What market data needs from the outside: the vendor's archive of daily closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class VendorClose:
    """One row of a vendor's closing-price file, exactly as delivered: nothing about it is trusted yet."""

    instrument_id: str
    session_date: date
    close: str
    currency: str
    line: int


@dataclass(frozen=True)
class DailySeries:
    """A dated series (an index, a volatility index, a yield), without the dates it was not published on.

    ``dates`` is ``(n,)`` datetime64[D], strictly rising; ``values`` is ``(n,)`` float64, finite.
    """

    name: str
    dates: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]
    source: str


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

    def publish_official_closes(self, session_date: date, document: Mapping[str, object]) -> str:
        """Store the session's official closes and return their address. Storing the same content again is harmless.

        Raises:
            Conflict: other content stands there.
        """
        ...
