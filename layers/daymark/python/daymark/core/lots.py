"""Lots: one purchase each, with what was later sold of it and any basis a wash sale carried in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from daymark.core.errors import InvalidInput
from daymark.core.money import decimal_of


@dataclass(frozen=True, slots=True)
class Disposal:
    """A sale out of one lot; ``proceeds`` is what the sold units brought, to the cent."""

    disposed: date
    quantity: Decimal
    proceeds: Decimal


@dataclass(frozen=True, slots=True)
class Lot:
    """Units of one instrument bought together.

    Attributes:
        cost_basis: Basis of the whole original quantity, to the cent.
        holding_start: First day of the holding period; earlier than ``acquired`` when a wash sale carried it over.
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
        if decimal_of(self.cost_basis, "cost_basis") < 0:
            raise InvalidInput(f"lot {self.lot_id}: cost basis must not be negative", field="cost_basis")
        sold = Decimal(0)
        for disposal in self.disposals:
            if disposal.quantity <= 0:
                raise InvalidInput(f"lot {self.lot_id}: a disposal must be above zero", field="disposals")
            if disposal.disposed < self.acquired:
                raise InvalidInput(f"lot {self.lot_id}: sold before it was bought", field="disposals")
            sold += disposal.quantity
        if sold > quantity:
            raise InvalidInput(f"lot {self.lot_id}: {sold} sold of {quantity}", field="disposals")

    def open_quantity(self, on: date) -> Decimal:
        """Units still held at the end of ``on``; zero before the purchase."""
        if on < self.acquired:
            return Decimal(0)
        return self.quantity - sum((sale.quantity for sale in self.disposals if sale.disposed <= on), Decimal(0))

    def unit_cost(self) -> Decimal:
        """Basis per unit, unrounded."""
        return self.cost_basis / self.quantity
