"""What the live streams need from the outside: sessions, hot quotes, the quotes stream, the archive, the quarantine and snapshots.

None of these writes takes a fence. Ticks are not money, and each write is safe by itself: an object is put once, hot quotes are
merged by time, blocks say which records they cover, and a snapshot replaces only the version that it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np

from daymark.contracts.bucket_book import BucketBook
from daymark.contracts.live_session import LiveSession
from daymark.market_data.conflation import LatestRows


@dataclass(frozen=True)
class LatestQuotes:
    """The latest quote and the latest trade of some symbols, each with the rank that orders rows of one instant.

    Attributes:
        symbols: ``n`` different symbols.
        quotes: ``(n,)`` rows with ``bid``, ``ask``, ``bid_size``, ``ask_size``; ``ts_event`` 0 where there is no quote.
        trades: ``(n,)`` rows with ``price``, ``size``; ``ts_event`` 0 where there is no trade.
    """

    symbols: tuple[str, ...]
    quotes: LatestRows
    trades: LatestRows

    @classmethod
    def concatenate(cls, parts: Sequence[LatestQuotes]) -> LatestQuotes:
        """The symbols of all parts, of which none may stand in two; at least one part."""
        return cls(
            tuple(symbol for part in parts for symbol in part.symbols),
            _joined([part.quotes for part in parts]),
            _joined([part.trades for part in parts]),
        )


def _joined(parts: Sequence[LatestRows]) -> LatestRows:
    columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    return LatestRows(np.concatenate([part.ts_event for part in parts]), np.concatenate([part.rank for part in parts]), columns)


@dataclass(frozen=True, slots=True)
class HotQuote:
    """A symbol's hot quote: prices in 1e-9, sizes in shares, times in nanoseconds since 1970 in UTC; ``None`` without a quote or trade."""

    bid: int | None = None
    ask: int | None = None
    bid_size: int | None = None
    ask_size: int | None = None
    quoted_at: int | None = None
    price: int | None = None
    size: int | None = None
    traded_at: int | None = None


class HotQuoteStore(Protocol):
    """The latest quote and trade of each symbol, in a cache that may be lost."""

    def merge(self, latest: LatestQuotes) -> int:
        """Keep what is later than what stands, of quotes and of trades apart, in one step; the order of calls decides nothing.

        Returns:
            How many quotes and trades were replaced.

        Raises:
            Unavailable: the cache did not answer; it may have taken the call.
        """
        ...

    def read(self, symbols: Sequence[str]) -> Mapping[str, HotQuote]:
        """The hot quotes of those symbols that have one.

        Raises:
            Unavailable: the cache did not answer.
        """
        ...


class QuoteStream(Protocol):
    """The ``quotes`` stream."""

    def put(self, blocks: Sequence[tuple[int, bytes]]) -> None:
        """Append quote blocks, each with its portfolio bucket; blocks of one bucket keep their order.

        Raises:
            Unavailable: not all were confirmed; any of them may have been appended, and may come again.
        """
        ...


class TickArchive(Protocol):
    """The ticks taken, as they came."""

    def put(self, key: str, content: bytes) -> None:
        """Store an object. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            Unavailable: no answer; the object may stand.
        """
        ...


class Quarantine(Protocol):
    """What was refused, with its reasons."""

    def put(self, key: str, content: bytes) -> None:
        """Store an object. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            Unavailable: no answer; the object may stand.
        """
        ...


class LiveSessions(Protocol):
    """The sessions that have been opened, with the books of their buckets. What was opened never changes."""

    def session(self, session_date: date) -> LiveSession | None:
        """A session as it was opened; ``None`` before.

        Raises:
            Unavailable: no answer.
        """
        ...

    def book(self, key: str) -> BucketBook:
        """A bucket's book by its key.

        Raises:
            NotFound: there is no such book.
            Unavailable: no answer.
        """
        ...


class LaneSnapshots(Protocol):
    """The state of every lane of a stream, by name; a name is one or more parts of letters, digits and ``.:_-``, joined by ``/``."""

    def version(self, name: str) -> str | None:
        """The version that stands; ``None`` when there is none.

        Raises:
            Unavailable: no answer.
        """
        ...

    def load(self, name: str) -> tuple[bytes, str] | None:
        """The content that stands and its version; ``None`` when there is none.

        Raises:
            Unavailable: no answer.
        """
        ...

    def save(self, name: str, content: bytes, replaces: str | None) -> str:
        """Put the content in place of the version named, and return its own.

        Raises:
            Conflict: another version stands: somebody else went on with this lane.
            Unavailable: no answer; it may have been saved.
        """
        ...
