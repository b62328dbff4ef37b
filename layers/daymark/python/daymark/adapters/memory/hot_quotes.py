"""Hot quotes in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

from daymark.market_data.stream_ports import HotQuote, LatestQuotes

_Part = tuple[tuple[int, int], tuple[int, ...]]


class MemoryHotQuotes:
    """A thread-safe ``HotQuoteStore`` in memory."""

    def __init__(self) -> None:
        self._quotes: dict[str, _Part] = {}
        self._trades: dict[str, _Part] = {}
        self._lock = Lock()

    def merge(self, latest: LatestQuotes) -> int:
        """Keep what is later than what stands, of quotes and of trades apart, and return how many were replaced."""
        replaced = 0
        with self._lock:
            for held, rows, names in (
                (self._quotes, latest.quotes, ("bid", "ask", "bid_size", "ask_size")),
                (self._trades, latest.trades, ("price", "size")),
            ):
                stamps = zip(rows.ts_event.tolist(), rows.rank.tolist(), strict=True)
                values = zip(*(rows.columns[name].tolist() for name in names), strict=True)
                for symbol, stamp, value in zip(latest.symbols, stamps, values, strict=True):
                    if stamp[0] and (symbol not in held or held[symbol][0] < stamp):
                        held[symbol] = (stamp, value)
                        replaced += 1
        return replaced

    def read(self, symbols: Sequence[str]) -> Mapping[str, HotQuote]:
        """The hot quotes of those symbols that have one."""
        with self._lock:
            return {name: self._quote(name) for name in symbols if name in self._quotes or name in self._trades}

    def _quote(self, symbol: str) -> HotQuote:
        quote, trade = self._quotes.get(symbol), self._trades.get(symbol)
        quoted = {} if quote is None else dict(zip(("bid", "ask", "bid_size", "ask_size"), quote[1], strict=True), quoted_at=quote[0][0])
        traded = {} if trade is None else dict(zip(("price", "size"), trade[1], strict=True), traded_at=trade[0][0])
        return HotQuote(**quoted, **traded)
