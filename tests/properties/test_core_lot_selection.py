"""Lot selection for any lots: basis is conserved to the cent, and MINIMUM_TAX beats every other choice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.core.lot_selection import LotMethod, select_lots, top_federal_rates
from daymark.core.lots import Disposal, Lot, holding_term

ON = date(2018, 2, 5)
PRICE = Decimal("10.00")
RULES = st.sampled_from([method for method in LotMethod if method is not LotMethod.SPECIFIC])


@st.composite
def holdings(draw: st.DrawFn, most_units: int = 400) -> list[Lot]:
    lots = []
    for number in range(draw(st.integers(1, 4))):
        acquired = ON - timedelta(days=draw(st.integers(0, 800)))
        units = Decimal(draw(st.integers(1, most_units))) / (4 if most_units > 10 else 1)
        sold = units * draw(st.sampled_from([0, 0, 1])) / 4 if most_units > 10 else Decimal(0)
        disposals = (Disposal(acquired, sold, Decimal("1.00")),) if sold else ()
        cost = Decimal(draw(st.integers(0, 100_000))) / 100
        lots.append(Lot(f"lot-{number}", "p", "KO", acquired, units, cost, disposals))
    return lots


def held(lots: list[Lot]) -> Decimal:
    return sum((lot.open_quantity(ON) for lot in lots), Decimal(0))


@settings(max_examples=200, deadline=None)
@given(st.data(), holdings(), RULES)
def test_sold_in_slices_basis_adds_up_to_what_was_open(data: st.DataObject, lots: list[Lot], method: LotMethod) -> None:
    opened, basis = sum((lot.open_basis(ON) for lot in lots), Decimal(0)), Decimal(0)
    for divisor in (*data.draw(st.lists(st.integers(2, 7), max_size=4)), 1):
        if not held(lots):
            break
        quantity = held(lots) if divisor == 1 else (held(lots) / divisor).quantize(Decimal("0.0001"))
        sale = select_lots(lots, quantity, method, ON, price=PRICE)
        assert sum(part.quantity for part in sale.parts) == quantity
        assert all(part.basis == part.basis.quantize(Decimal("0.01")) >= 0 for part in sale.parts)
        basis += sale.basis
        taken = {part.lot_id: Disposal(ON, part.quantity, Decimal(0)) for part in sale.parts}
        lots = [replace(lot, disposals=(*lot.disposals, taken[lot.lot_id])) if lot.lot_id in taken else lot for lot in lots]
    assert basis == opened


@settings(max_examples=100, deadline=None)
@given(st.data(), holdings(most_units=4))
def test_no_choice_of_lots_owes_less_than_minimum_tax(data: st.DataObject, lots: list[Lot]) -> None:
    """Every way to take whole units from the lots is tried; the cents of a part may move its tax by a cent each.

    A loss that would be washed saves nothing.
    """
    quantity = data.draw(st.integers(1, int(held(lots))))
    washed = data.draw(st.sets(st.sampled_from([lot.lot_id for lot in lots])))
    rates = top_federal_rates(ON)

    def counted(lot_id: str, gain: Decimal) -> Decimal:
        return max(gain, Decimal(0)) if lot_id in washed else gain

    def tax(units: tuple[int, ...]) -> Decimal:
        return sum(
            (
                counted(lot.lot_id, PRICE - lot.cost_basis / lot.quantity) * taken * rates.of(holding_term(lot.acquired, ON))
                for lot, taken in zip(lots, units, strict=True)
            ),
            Decimal(0),
        )

    choices = product(*(range(int(lot.quantity) + 1) for lot in lots))
    least = min(tax(units) for units in choices if sum(units) == quantity)
    sale = select_lots(lots, Decimal(quantity), LotMethod.MINIMUM_TAX, ON, price=PRICE, washed=washed)
    owed = sum((counted(part.lot_id, part.quantity * PRICE - part.basis) * rates.of(part.term) for part in sale.parts), Decimal(0))
    assert abs(owed - least) <= Decimal("0.01") * len(lots)


@settings(max_examples=100, deadline=None)
@given(st.data(), holdings(), RULES)
def test_order_of_lots_changes_nothing(data: st.DataObject, lots: list[Lot], method: LotMethod) -> None:
    if total := held(lots):
        shuffled = data.draw(st.permutations(lots))
        assert select_lots(shuffled, total / 2, method, ON, price=PRICE) == select_lots(lots, total / 2, method, ON, price=PRICE)
