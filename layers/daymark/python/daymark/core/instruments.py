"""Instruments: what can be held, and the identifiers the world knows it by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daymark.core.errors import InvalidInput
from daymark.core.money import Currency, decimal_of


class InstrumentKind(StrEnum):
    """What an instrument is; it decides how it is priced."""

    EQUITY = "equity"
    FUND = "fund"
    BOND = "bond"
    CASH = "cash"


class AssetClass(StrEnum):
    """The classes that targets and drift are stated in."""

    EQUITY = "equity"
    FIXED_INCOME = "fixed_income"
    CASH = "cash"


class IdentifierScheme(StrEnum):
    """Numbering schemes whose check digits are verified."""

    TICKER = "ticker"
    CUSIP = "cusip"
    ISIN = "isin"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Identifier:
    """One name of an instrument under one scheme; CUSIP and ISIN must carry the right check digit.

    >>> Identifier(IdentifierScheme.CUSIP, "037833100").value
    '037833100'
    >>> Identifier(IdentifierScheme.ISIN, "US0378331006")
    Traceback (most recent call last):
    daymark.core.errors.InvalidInput: isin US0378331006 has a wrong check digit
    """

    scheme: IdentifierScheme
    value: str

    def __post_init__(self) -> None:
        if not self.value:
            raise InvalidInput("identifier must not be empty", field="value")
        check = {IdentifierScheme.CUSIP: _is_cusip, IdentifierScheme.ISIN: _is_isin}.get(self.scheme)
        if check is not None and not check(self.value):
            raise InvalidInput(f"{self.scheme} {self.value} has a wrong check digit", field="value")


@dataclass(frozen=True, slots=True)
class BondTerms:
    """A fixed-coupon bond, priced from a dated yield series.

    Attributes:
        coupon: Annual coupon as a fraction of face (``Decimal("0.04")``).
        maturity: Date on which face is repaid.
        payments_per_year: 1, 2 or 4.
        yield_series: The dated series its yield is read from (``"AAA"``, ``"BAA"``).
    """

    coupon: Decimal
    maturity: date
    yield_series: str
    payments_per_year: int = 2

    def __post_init__(self) -> None:
        if decimal_of(self.coupon, "coupon") < 0:
            raise InvalidInput("coupon must not be negative", field="coupon")
        if self.payments_per_year not in (1, 2, 4):
            raise InvalidInput("payments_per_year must be 1, 2 or 4", field="payments_per_year")
        if not self.yield_series:
            raise InvalidInput("yield_series must not be empty", field="yield_series")


@dataclass(frozen=True, slots=True)
class Instrument:
    """Anything a portfolio holds, by Daymark's own stable id.

    A bond's quantity counts units of 100 face; a cash instrument's quantity is the amount itself, priced at one.
    """

    instrument_id: str
    kind: InstrumentKind
    name: str
    asset_class: AssetClass
    currency: Currency = Currency.USD
    sector: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    bond: BondTerms | None = None

    def __post_init__(self) -> None:
        if not self.instrument_id:
            raise InvalidInput("instrument_id must not be empty", field="instrument_id")
        if (self.kind is InstrumentKind.BOND) != (self.bond is not None):
            raise InvalidInput("a bond, and only a bond, carries bond terms", field="bond")


def _digit_values(text: str) -> list[int] | None:
    """0-9 as themselves, A-Z as 10-35, and CUSIP's ``*@#`` as 36-38; ``None`` if anything else occurs."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"
    values = [alphabet.find(character) for character in text]
    return None if -1 in values else values


def _is_cusip(text: str) -> bool:
    """CUSIP: nine characters, modulus 10 "double add double" over the first eight (ANSI X9.6)."""
    values = _digit_values(text)
    if values is None or len(text) != 9:
        return False
    doubled = [value * 2 if position % 2 else value for position, value in enumerate(values[:8])]
    return (10 - sum(number // 10 + number % 10 for number in doubled) % 10) % 10 == values[8]


def _is_isin(text: str) -> bool:
    """ISIN: two letters, nine characters, and a Luhn digit over the letters written as numbers (ISO 6166)."""
    values = _digit_values(text)
    if values is None or len(text) != 12 or max(values) > 35 or not text[:2].isalpha() or not text[-1].isdigit():
        return False
    digits = [int(digit) for digit in "".join(map(str, values))]
    return sum(sum(divmod(digit * 2, 10)) if place % 2 else digit for place, digit in enumerate(reversed(digits))) % 10 == 0
