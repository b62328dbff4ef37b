"""A number inside a key has four digits, so that keys sort as their numbers do: attempts of a run, deliveries of a file."""

from __future__ import annotations

from daymark.core.errors import InvalidInput

LARGEST = 9999


def key_number(number: int, field: str) -> str:
    """A number from 1 as it stands in a key.

    >>> key_number(2, "attempt"), key_number(10, "attempt")
    ('0002', '0010')

    Raises:
        InvalidInput: it is not from 1 to 9999; the error carries ``field``.
    """
    if type(number) is not int or not 1 <= number <= LARGEST:
        raise InvalidInput(f"{field} must be 1 to {LARGEST}, got {number!r}", field=field)
    return f"{number:04d}"
