"""Lots: one purchase each, with what was later sold of it, and how its basis and holding period are counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from daymark.core.errors import InvalidInput
from daymark.core.money import CENT, decimal_of, to_cents


class Term(StrEnum):
    """How long sold units were held: long-term is more than one year (IRC 1222)."""

    SHORT = "short"
    LONG = "long"


def holding_term(held_since: date, sold: date) -> Term:
    """Short- or long-term, counted from the day after acquisition to the day of sale (IRC 1222; Rev. Rul. 66-7).

    A holding year ends the day before the same date recurs, so the first long-term day is the day after the anniversary.

    Raises:
        InvalidInput: sold before it was held.

    >>> holding_term(date(2015, 2, 28), date(2016, 2, 29))  # counted from 1 March 2015; the year ends on 29 February 2016
    <Term.SHORT: 'short'>
    >>> holding_term(date(2015, 2, 28), date(2016, 3, 1))
    <Term.LONG: 'long'>
    """
    if sold < held_since:
        raise InvalidInput(f"sold on {sold}, before it was held on {held_since}", field="sold")
    first_day = held_since + timedelta(days=1)
    if (first_day.month, first_day.day) == (2, 29):
        first_long_day = date(first_day.year + 1, 3, 1)
    else:
        first_long_day = first_day.replace(year=first_day.year + 1)
    return Term.LONG if sold >= first_long_day else Term.SHORT


def apportion(total: Decimal, first: Decimal, last: Decimal, whole: Decimal) -> Decimal:
    """Cents of ``total`` that fall to units ``first`` to ``last`` of ``whole``.

    The difference of two rounded running totals, so neighbouring slices always add up to the whole, however it is cut.

    >>> [str(apportion(Decimal("100.00"), Decimal(n), Decimal(n + 1), Decimal(3))) for n in range(3)]
    ['33.33', '33.34', '33.33']
    """
    return to_cents(total * last / whole) - to_cents(total * first / whole)


def _whole_cents(amount: Decimal, field: str) -> None:
    if decimal_of(amount, field) < 0:
        raise InvalidInput(f"{field} must not be negative, got {amount}", field=field)
    if amount != amount.quantize(CENT):
        raise InvalidInput(f"{field} must be whole cents, got {amount}", field=field)


@dataclass(frozen=True, slots=True)
class Disposal:
    """A sale out of one lot; ``proceeds`` is what the sold units brought, to the cent."""

    disposed: date
    quantity: Decimal
    proceeds: Decimal

    def __post_init__(self) -> None:
        if decimal_of(self.quantity, "quantity") <= 0:
            raise InvalidInput(f"a disposal must be above zero, got {self.quantity}", field="quantity")
        _whole_cents(self.proceeds, "proceeds")


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of one instrument bought together.

    Attributes:
        cost_basis: What the whole original quantity cost, to the cent. Wash sales are not in it: ``core.wash_sales`` adds
            them from the whole household's history, so that no loss is ever carried in twice.
        holding_start: The date the lot counts as acquired on for its holding period, where that is not ``acquired``.
    """

    lot_id: str
    portfolio_id: str
    instrument_id: str
    acquired: date
    quantity: Decimal
    cost_basis: Decimal
    disposals: tuple[Disposal, ...] = ()
    holding_start: date | None = None

    def __post_init__(self) -> None:
        quantity = decimal_of(self.quantity, "quantity")
        if quantity <= 0:
            raise InvalidInput(f"lot {self.lot_id}: quantity must be above zero, got {quantity}", field="quantity")
        _whole_cents(self.cost_basis, "cost_basis")
        if any(disposal.disposed < self.acquired for disposal in self.disposals):
            raise InvalidInput(f"lot {self.lot_id}: sold before it was bought", field="disposals")
        sold = sum((disposal.quantity for disposal in self.disposals), Decimal(0))
        if sold > quantity:
            raise InvalidInput(f"lot {self.lot_id}: {sold} sold of {quantity}", field="disposals")

    @property
    def held_since(self) -> date:
        """The date its holding period is counted from."""
        return self.holding_start or self.acquired

    def open_quantity(self, on: date) -> Decimal:
        """Units still held at the end of ``on``; zero before the purchase."""
        if on < self.acquired:
            return Decimal(0)
        return self.quantity - sum((sale.quantity for sale in self.disposals if sale.disposed <= on), Decimal(0))

    def open_basis(self, on: date) -> Decimal:
        """Basis of the units still held at the end of ``on``, to the cent; zero before the purchase.

        What each sale took and what is left always add up to ``cost_basis``.
        """
        still_held = self.open_quantity(on)
        return apportion(self.cost_basis, self.quantity - still_held, self.quantity, self.quantity) if still_held else Decimal(0)

    def unit_cost(self) -> Decimal:
        """Basis per unit, unrounded."""
        return self.cost_basis / self.quantity

    def as_of(self, on: date) -> Lot | None:
        """The lot as it was known at the end of ``on``: without later sales; ``None`` if it was not bought yet."""
        if on < self.acquired:
            return None
        return replace(self, disposals=tuple(sale for sale in self.disposals if sale.disposed <= on))
