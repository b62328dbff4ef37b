"""Money and Quantity: exact decimal values that refuse to mix currencies or to hold NaN."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import StrEnum
from typing import Self

from daymark.core.errors import InvalidInput

CENT = Decimal("0.01")
SHARE = Decimal("0.0001")
# DynamoDB stores 38 significant digits; nothing Daymark holds may need more.
MAX_DIGITS = 38
# Sums and products of two such numbers need at most twice the digits plus the gap between them: nothing here is ever rounded
# unseen, as the default context would do from the 29th digit on.
EXACT = Context(prec=4 * MAX_DIGITS, rounding=ROUND_HALF_EVEN)


class Currency(StrEnum):
    """ISO 4217 codes in use."""

    USD = "USD"
    EUR = "EUR"
    GBP = "GBP"


def decimal_of(value: Decimal | int | str, field: str) -> Decimal:
    """An exact, finite decimal, or an error that names the field.

    Floats are refused: ``0.1`` has no exact value, so a caller must say which decimal it means.

    >>> decimal_of("12.50", "amount")
    Decimal('12.50')
    >>> decimal_of("NaN", "amount")
    Traceback (most recent call last):
    daymark.core.errors.InvalidInput: amount must be a finite number, got NaN
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise InvalidInput(f"{field} must be given as a decimal string or integer, not {type(value).__name__}", field=field)
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        raise InvalidInput(f"{field} must be a number, got {value!r}", field=field) from None
    if not number.is_finite():
        raise InvalidInput(f"{field} must be a finite number, got {value}", field=field)
    if len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        raise InvalidInput(f"{field} must have at most {MAX_DIGITS} digits", field=field)
    return number


def to_cents(amount: Decimal) -> Decimal:
    """Round to the cent, half to even; what rounds to nothing carries no sign.

    >>> to_cents(Decimal("2.665")), to_cents(Decimal("2.675")), to_cents(Decimal("-0.001"))
    (Decimal('2.66'), Decimal('2.68'), Decimal('0.00'))

    Raises:
        InvalidInput: the amount is not finite.
    """
    if not amount.is_finite():
        raise InvalidInput(f"amount must be a finite number, got {amount}", field="amount")
    return amount.quantize(CENT, context=EXACT) or Decimal("0.00")


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in one currency, never rounded unless asked. Adding two currencies is an error, not a guess.

    >>> Money(Decimal("1.10"), Currency.USD) + Money(Decimal("2.20"), Currency.USD)
    Money(amount=Decimal('3.30'), currency=<Currency.USD: 'USD'>)
    """

    amount: Decimal
    currency: Currency = Currency.USD

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", decimal_of(self.amount, "amount"))

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise InvalidInput(f"cannot combine {self.currency} with {other.currency}", field="currency")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(EXACT.add(self.amount, other.amount), self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(EXACT.subtract(self.amount, other.amount), self.currency)

    def __neg__(self) -> Money:
        return Money(EXACT.minus(self.amount), self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(EXACT.multiply(self.amount, decimal_of(factor, "factor")), self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __le__(self, other: Money) -> bool:
        self._same(other)
        return self.amount <= other.amount

    def rounded(self) -> Money:
        """The amount to the cent, half to even."""
        return Money(to_cents(self.amount), self.currency)

    @classmethod
    def zero(cls, currency: Currency = Currency.USD) -> Self:
        """No money, in the given currency."""
        return cls(Decimal(0), currency)


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """A number of shares or of bond face units, to four decimals, never negative.

    >>> Quantity(Decimal("1.50000"))
    Quantity(units=Decimal('1.5000'))
    >>> Quantity(Decimal("0.00001"))
    Traceback (most recent call last):
    daymark.core.errors.InvalidInput: quantity must have at most four decimals, got 0.00001
    """

    units: Decimal

    def __post_init__(self) -> None:
        units = decimal_of(self.units, "quantity")
        if units < 0:
            raise InvalidInput(f"quantity must not be negative, got {units}", field="quantity")
        exact = units.quantize(SHARE, context=EXACT)
        if exact != units:
            raise InvalidInput(f"quantity must have at most four decimals, got {units}", field="quantity")
        object.__setattr__(self, "units", exact)

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(EXACT.add(self.units, other.units))

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(EXACT.subtract(self.units, other.units))

    def __bool__(self) -> bool:
        return self.units != 0
