"""Writes the packaged session table from exchange_calendars and prints its checksum.

Run from the repository root, with the development environment: ``python tests/reference/generate_sessions.py``.

The table has one row per Monday-to-Friday date from 1990-01-01 to 2028-12-31: the scheduled close in New York time, empty
when the exchange is closed all day, and a reason wherever the row is not a regular session. It ends with 2028 because that
is the last year whose holidays NYSE has announced (December 2025); exchange_calendars would go on by extrapolating rules.
Its default span is only 20 years, so both ends are asked for.

What it does not hold: late opens and halts inside a session (1996-01-08, 1997-10-27, 2002-09-11), which exchange_calendars
leaves out and which move no date and no scheduled close.
"""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import date
from pathlib import Path

import exchange_calendars
import pandas as pd

FIRST, LAST = date(1990, 1, 1), date(2028, 12, 31)
TABLE = Path(__file__).parents[2] / "layers/daymark/python/daymark/core/data/xnys_sessions.csv"
CHECKSUM = Path(__file__).with_name("xnys_sessions.sha256")

NAMES = {
    "President's Day": "Washington's Birthday",
    "July 4th": "Independence Day",
    "Thanksgiving": "Thanksgiving Day",
    "Christmas": "Christmas Day",
    "Dr. Martin Luther King Jr. Day": "Martin Luther King, Jr. Day",
}
ONE_OFF_CLOSURES = {
    date(1994, 4, 27): "National day of mourning for Richard Nixon",
    date(2001, 9, 11): "Attacks of 11 September",
    date(2001, 9, 12): "Attacks of 11 September",
    date(2001, 9, 13): "Attacks of 11 September",
    date(2001, 9, 14): "Attacks of 11 September",
    date(2004, 6, 11): "National day of mourning for Ronald Reagan",
    date(2007, 1, 2): "National day of mourning for Gerald Ford",
    date(2012, 10, 29): "Hurricane Sandy",
    date(2012, 10, 30): "Hurricane Sandy",
    date(2018, 12, 5): "National day of mourning for George H. W. Bush",
    date(2025, 1, 9): "National day of mourning for Jimmy Carter",
}
ONE_OFF_HALF_DAYS = {
    date(1997, 12, 26): "Day after Christmas",
    date(1999, 12, 31): "New Year's Eve",
    date(2003, 12, 26): "Day after Christmas",
}


def half_day_reason(day: date) -> str:
    """The event a scheduled early close belongs to; a date that belongs to none stops the generator."""
    if day in ONE_OFF_HALF_DAYS:
        return ONE_OFF_HALF_DAYS[day]
    if day.month == 11:
        return "Day after Thanksgiving"
    return {(7, 3): "Day before Independence Day", (7, 5): "Day after Independence Day", (12, 24): "Christmas Eve"}[day.month, day.day]


def rows() -> list[tuple[str, str, str]]:
    """Every Monday-to-Friday date with its close and, unless the session is regular, the reason."""
    exchange = exchange_calendars.get_calendar("XNYS", start=str(FIRST), end=str(LAST))
    opens = exchange.opens.dt.tz_localize("UTC") if exchange.opens.dt.tz is None else exchange.opens
    closes = exchange.closes.dt.tz_localize("UTC") if exchange.closes.dt.tz is None else exchange.closes
    if set(opens.dt.tz_convert("America/New_York").dt.strftime("%H:%M")) != {"09:30"}:
        raise SystemExit("a session opens at another time than 09:30: the table needs a column for it")
    close_of = dict(zip(exchange.sessions.date, closes.dt.tz_convert("America/New_York").dt.strftime("%H:%M"), strict=True))
    holidays = exchange.regular_holidays.holidays(str(FIRST), str(LAST), return_name=True)
    names = {stamp.date(): NAMES.get(name, name) for stamp, name in holidays.items()}
    table = []
    for day in pd.bdate_range(FIRST, LAST).date:
        close = close_of.pop(day, "")
        if not close:
            reason = ONE_OFF_CLOSURES[day] if day in ONE_OFF_CLOSURES else names[day]
        else:
            reason = "" if close == "16:00" else half_day_reason(day)
        table.append((day.isoformat(), close, reason))
    if close_of:
        raise SystemExit(f"sessions outside Monday to Friday: {sorted(close_of)}")
    return table


def render() -> bytes:
    """The table as the bytes that are packaged."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("date", "close", "reason"))
    writer.writerows(rows())
    return text.getvalue().encode()


def main() -> None:
    """Write the table and its checksum."""
    content = render()
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_bytes(content)
    CHECKSUM.write_text(f"{hashlib.sha256(content).hexdigest()}  xnys_sessions.csv\n", encoding="utf-8")


if __name__ == "__main__":
    main()
