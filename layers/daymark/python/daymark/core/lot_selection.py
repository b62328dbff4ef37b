"""Lot selection: which lots a sale is taken from, with the basis and term of every part.

FIFO is the rule where the seller identifies nothing (Reg. 1.1012-1(c)(1)); every other method is an identification of lots
(Reg. 1.1012-1(c)(2)-(3)).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.lots import Lot, Term, apportion, holding_term
from daymark.core.money import decimal_of


class LotMethod(StrEnum):
    """The order in which lots are sold; equal lots go in order of acquisition, then of id."""

    FIFO = "fifo"
    LIFO = "lifo"
    HIFO = "hifo"
    MINIMUM_TAX = "minimum_tax"
    SPECIFIC = "specific"


@dataclass(frozen=True, slots=True)
class GainRates:
    """Tax on one dollar of net gain, as fractions; a loss saves the same."""

    effective_from: date
    short: Decimal
    long: Decimal

    def of(self, term: Term) -> Decimal:
        """The rate of a term."""
        return self.long if term is Term.LONG else self.short


# Top federal rates, the assumption under which Daymark ranks lots; a client's own may be passed instead.
_TOP_FEDERAL_RATES = (
    # P.L. 111-312 sec. 101-102: 35 % and 15 %.
    GainRates(date(2011, 1, 1), Decimal("0.35"), Decimal("0.15")),
    # P.L. 112-240 sec. 101-102: 39.6 % and 20 %; IRC 1411 adds 3.8 %.
    GainRates(date(2013, 1, 1), Decimal("0.434"), Decimal("0.238")),
    # IRC 1(j)(2) and 1(h)(1)(D): 37 % and 20 %; IRC 1411 adds 3.8 %.
    GainRates(date(2018, 1, 1), Decimal("0.408"), Decimal("0.238")),
)


def top_federal_rates(on: date) -> GainRates:
    """The top federal rates in force on a date.

    Raises:
        NotPublished: before 2011, which the table does not cover.
    """
    for rates in reversed(_TOP_FEDERAL_RATES):
        if rates.effective_from <= on:
            return rates
    raise NotPublished(f"no capital gain rates on file for {on}", field="on")


@dataclass(frozen=True, slots=True)
class LotPart:
    """Units taken from one lot; ``basis`` is theirs alone, to the cent."""

    lot_id: str
    acquired: date
    quantity: Decimal
    basis: Decimal
    term: Term


@dataclass(frozen=True, slots=True)
class LotSelection:
    """The parts of one sale, in the order they are sold."""

    parts: tuple[LotPart, ...]

    @property
    def basis(self) -> Decimal:
        """Basis of all units sold, to the cent."""
        return sum((part.basis for part in self.parts), Decimal(0))

    def gain(self, proceeds: Decimal) -> Decimal:
        """Realised gain of the sale, to the cent; negative for a loss. Wash sales are looked at elsewhere."""
        return proceeds - self.basis


def select_lots(
    lots: Sequence[Lot],
    quantity: Decimal,
    method: LotMethod,
    on: date,
    *,
    price: Decimal | None = None,
    chosen: Mapping[str, Decimal] | None = None,
    rates: GainRates | None = None,
    washed: Collection[str] = (),
) -> LotSelection:
    """Choose the lots that a sale of ``quantity`` units on ``on`` is taken from.

    Args:
        lots: One portfolio's lots of one instrument; those not open on ``on`` are passed over.
        quantity: Units to sell, above zero.
        method: The order. MINIMUM_TAX takes the units with the least tax first, tax being gain at ``price`` times the rate of
            its term, which is the least tax any choice can have: tax is linear in units.
        on: Day of sale; decides what is open and each part's term.
        price: Price per unit; MINIMUM_TAX needs it.
        chosen: Units by lot id; SPECIFIC needs it, no other method takes it.
        rates: Tax rates for MINIMUM_TAX; by default the top federal rates on ``on``.
        washed: Ids of lots whose loss, if any, would be disallowed (IRC 1091): it saves nothing, so MINIMUM_TAX counts their tax as
            zero, behind the losses that count and before every gain.

    Raises:
        InvalidInput: more than is held (context: ``held``), nothing to sell, mixed or repeated lots, a choice that does not fit.
        NotPublished: MINIMUM_TAX on a date without rates.

    100 units cost 1,000, 100 more cost 1,500; HIFO sells 120: all of the second lot and 20 of the first, basis 1,500 + 200:

    >>> lots = [Lot("a", "p", "KO", date(2017, 1, 3), Decimal(100), Decimal("1000.00")),
    ...         Lot("b", "p", "KO", date(2017, 2, 1), Decimal(100), Decimal("1500.00"))]
    >>> sale = select_lots(lots, Decimal(120), LotMethod.HIFO, date(2018, 1, 10))
    >>> [(part.lot_id, str(part.quantity), str(part.basis), part.term.value) for part in sale.parts]
    [('b', '100', '1500.00', 'short'), ('a', '20', '200.00', 'long')]
    """
    if decimal_of(quantity, "quantity") <= 0:
        raise InvalidInput(f"quantity to sell must be above zero, got {quantity}", field="quantity")
    _refuse_mixed(lots)
    held = {lot.lot_id: lot for lot in lots if lot.open_quantity(on) > 0}
    total = sum((lot.open_quantity(on) for lot in held.values()), Decimal(0))
    if quantity > total:
        raise InvalidInput(f"cannot sell {quantity} of {total} held on {on}", field="quantity", held=str(total), asked=str(quantity))
    if (method is LotMethod.SPECIFIC) != (chosen is not None):
        raise InvalidInput("SPECIFIC, and only SPECIFIC, takes chosen lots", field="chosen")
    if chosen is not None:
        return LotSelection(_specific(held, quantity, chosen, on))
    parts: list[LotPart] = []
    for lot in _ranked(list(held.values()), method, on, price, rates, washed):
        if quantity <= 0:
            break
        taken = min(quantity, lot.open_quantity(on))
        parts.append(_part(lot, taken, on))
        quantity -= taken
    return LotSelection(tuple(parts))


def _refuse_mixed(lots: Sequence[Lot]) -> None:
    if len({(lot.portfolio_id, lot.instrument_id) for lot in lots}) > 1:
        raise InvalidInput("lots must be of one portfolio and one instrument", field="lots")
    if len({lot.lot_id for lot in lots}) != len(lots):
        raise InvalidInput("the same lot is given twice", field="lots")


def _ranked(
    lots: list[Lot], method: LotMethod, on: date, price: Decimal | None, rates: GainRates | None, washed: Collection[str]
) -> list[Lot]:
    lots.sort(key=lambda lot: (lot.acquired, lot.lot_id))
    if method is LotMethod.LIFO:
        lots.sort(key=lambda lot: lot.acquired, reverse=True)
    elif method is LotMethod.HIFO:
        lots.sort(key=Lot.unit_cost, reverse=True)
    elif method is LotMethod.MINIMUM_TAX:
        if price is None:
            raise InvalidInput("MINIMUM_TAX needs the price", field="price")
        if decimal_of(price, "price") < 0:
            raise InvalidInput(f"price must not be negative, got {price}", field="price")
        at, rate = price, rates or top_federal_rates(on)

        def tax(lot: Lot) -> Decimal:
            gain = at - lot.unit_cost()
            return Decimal(0) if gain < 0 and lot.lot_id in washed else gain * rate.of(holding_term(lot.held_since, on))

        lots.sort(key=tax)
    return lots


def _specific(held: Mapping[str, Lot], quantity: Decimal, chosen: Mapping[str, Decimal], on: date) -> tuple[LotPart, ...]:
    for lot_id, units in chosen.items():
        if lot_id not in held:
            raise InvalidInput(f"lot {lot_id} is not open on {on}", field=f"chosen[{lot_id}]")
        if not 0 < decimal_of(units, f"chosen[{lot_id}]") <= held[lot_id].open_quantity(on):
            raise InvalidInput(f"lot {lot_id} holds {held[lot_id].open_quantity(on)}, {units} chosen", field=f"chosen[{lot_id}]")
    if sum(chosen.values(), Decimal(0)) != quantity:
        raise InvalidInput(f"chosen lots add up to {sum(chosen.values())}, not to {quantity}", field="chosen")
    in_order = sorted(chosen, key=lambda lot_id: (held[lot_id].acquired, lot_id))
    return tuple(_part(held[lot_id], chosen[lot_id], on) for lot_id in in_order)


def _part(lot: Lot, taken: Decimal, on: date) -> LotPart:
    sold = lot.quantity - lot.open_quantity(on)
    basis = apportion(lot.cost_basis, sold, sold + taken, lot.quantity)
    return LotPart(lot.lot_id, lot.acquired, taken, basis, holding_term(lot.held_since, on))
