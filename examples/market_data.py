"""The price desk in a notebook: a real session's closes through the quality gate, and the volatility regime of the day.

Run: ``python examples/market_data.py``
"""

from __future__ import annotations

from datetime import date

from daymark.core.sessions import Calendar
from daymark.local.price_history import load_price_history
from daymark.local.sample_people import instruments
from daymark.market_data import PriceDesk

SESSION = date(2018, 2, 5)


def main() -> None:
    """Print the gated closes and the regime."""
    desk = PriceDesk(load_price_history().archive(), {each.instrument_id: each for each in instruments()}, Calendar.exchange())
    gated = desk.closing_prices(SESSION)
    print(f"{SESSION}: {len(gated.closes)} closes, {len(gated.quarantined)} quarantined, {len(gated.findings)} findings")
    for close in gated.closes.values():
        print(f"  {close.instrument_id:<9} {close.price:>10}  {close.label}")
    regime = desk.regime(SESSION)
    print(f"Regime: {regime.regime} ({regime.measure} {regime.value:.2%})")


if __name__ == "__main__":
    main()
