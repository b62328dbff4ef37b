"""A calendar date as a whole number, year month day: ``20180205``. Sorts like the date and is read at a glance."""

from __future__ import annotations

from datetime import date

from daymark.core.errors import InvalidInput


def number_of_date(day: date) -> int:
    """The date's number.

    >>> number_of_date(date(2018, 2, 5))
    20180205
    """
    return day.year * 10_000 + day.month * 100 + day.day


def date_from_number(number: int, field: str) -> date:
    """The date of a number.

    >>> date_from_number(20180205, "session")
    datetime.date(2018, 2, 5)

    Raises:
        InvalidInput: there is no such date; ``field`` is the one given.
    """
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        raise InvalidInput(f"{field} must be a date as yyyymmdd, got {number}", field=field) from None
