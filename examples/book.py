"""A book in a notebook: one synthetic portfolio marked at two real closes, its result to the cent and by holding.

Run: ``python examples/book.py``
"""

from __future__ import annotations

from datetime import date

from daymark.book import mark
from daymark.book.profit_and_loss import ProfitAndLoss, profit_and_loss
from daymark.core.sessions import Calendar
from daymark.local.price_history import load_price_history
from daymark.local.sample_book import sample_book
from daymark.market_data import PriceDesk

SESSION = date(2018, 2, 5)


def result_of_the_day() -> ProfitAndLoss:
    """The first sample portfolio's profit and loss of 2018-02-05."""
    history, calendar = load_price_history(), Calendar.exchange()
    book = sample_book(history)
    instruments = {instrument.instrument_id: instrument for instrument in book.instruments}
    desk = PriceDesk(history.archive(), instruments, calendar)
    record = book.records[0]
    marks = [mark(record, desk.closing_prices(day).closes, instruments, day) for day in (calendar.previous(SESSION), SESSION)]
    return profit_and_loss(record, *marks)


def main() -> None:
    """Print the result, and what each holding gave to it."""
    result = result_of_the_day()
    print(f"{SESSION}: {result.pnl:,.2f} USD after {result.flows:,.2f} of flows (synthetic book, real closes)")
    for instrument_id, pnl in sorted(result.by_position.items(), key=lambda row: row[1]):
        print(f"  {instrument_id:<9} {pnl:>12,.2f}")


if __name__ == "__main__":
    main()
