"""The mark price of a symbol: its last trade; without one the middle of its quote; without both its reference; half-even to 1e-4."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from daymark.book.valuation import IntArray
from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.quote_blocks import Quotes
from daymark.core.errors import InvalidInput
from daymark.market_data.tick_rules import HIGHEST

_HALVES_PER_UNIT = 200_000
_LATEST = 2**63 - 1


def check_quotes(quotes: Quotes) -> None:
    """Refuse quotes that a board cannot show.

    Raises:
        InvalidInput: a price is not above zero or above what may be added up, or a time passes int64; the field names its place.
    """
    for name in ("bid", "ask", "price"):
        prices: npt.NDArray[np.int64] = getattr(quotes, name)
        wrong = np.flatnonzero((prices != UNDEFINED_PRICE) & ((prices <= 0) | (prices > HIGHEST)))
        if len(wrong):
            raise InvalidInput(f"{name} must be above 0 and at most {HIGHEST}, got {prices[wrong[0]]}", field=f"quotes.{name}[{wrong[0]}]")
    late = np.flatnonzero(quotes.ts_event > np.uint64(_LATEST))
    if len(late):
        raise InvalidInput(f"the time passes int64: {quotes.ts_event[late[0]]}", field=f"quotes.ts_event[{late[0]}]")


def mark_prices(quotes: Quotes, references_1e4: IntArray) -> IntArray:
    """The mark price of each quote.

    Args:
        quotes: ``(n,)`` quotes that :func:`check_quotes` lets pass.
        references_1e4: ``(n,)`` int64 prices in ten-thousandths to fall back on.

    Returns:
        ``(n,)`` int64 ten-thousandths; 0 for a price below half of one.
    """
    traded = quotes.price != UNDEFINED_PRICE
    quoted = (quotes.bid != UNDEFINED_PRICE) & (quotes.ask != UNDEFINED_PRICE)
    # Twice the price, because the middle of a quote may end on half a unit; no two prices let pass add up beyond int64.
    middle_x2 = np.where(quoted, quotes.bid, 0) + np.where(quoted, quotes.ask, 0)
    price_x2 = np.where(traded, 2 * np.where(traded, quotes.price, 0), middle_x2)
    whole, rest = np.divmod(price_x2, _HALVES_PER_UNIT)
    half = _HALVES_PER_UNIT // 2
    whole += (rest > half) | ((rest == half) & (whole & 1 == 1))
    return np.where(traded | quoted, whole, references_1e4)
