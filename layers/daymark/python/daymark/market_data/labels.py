"""What a price is, in words shown wherever the price is shown. No arrays here: what only stores prices needs no numerics."""

from __future__ import annotations

from enum import StrEnum


class PriceLabel(StrEnum):
    """What a price is; shown wherever it is shown."""

    ADJUSTED_CLOSE = "adjusted daily close"
    FROM_YIELD_SERIES = "synthetic: priced from a monthly yield series"
    CASH = "cash at one"
    LAST_GOOD = "last good close: the day's price was quarantined"
