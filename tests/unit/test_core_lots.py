"""Lots: what is open, at what basis, for how long; and what a lot refuses."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot, Term, apportion, holding_term

BOUGHT = date(2017, 3, 1)


def lot(*disposals: Disposal, units: str = "3", cost: str = "100.00", holding_start: date | None = None) -> Lot:
    return Lot("a", "p", "KO", BOUGHT, Decimal(units), Decimal(cost), disposals, holding_start)


def sale(day: date, units: str, proceeds: str = "10.00") -> Disposal:
    return Disposal(day, Decimal(units), Decimal(proceeds))


@pytest.mark.parametrize(
    ("held_since", "first_long_day"),
    [
        (date(2017, 3, 1), date(2018, 3, 2)),  # the day after the anniversary
        (date(2016, 12, 31), date(2018, 1, 1)),  # year end
        (date(2015, 2, 28), date(2016, 3, 1)),  # counted from 1 March; 29 February is still within the year
        (date(2016, 2, 28), date(2017, 3, 1)),  # counted from 29 February, which 2017 does not have
        (date(2016, 2, 29), date(2017, 3, 1)),  # counted from 1 March 2016
        (date(2019, 2, 28), date(2020, 3, 1)),
        (date(2017, 2, 27), date(2018, 2, 28)),
    ],
)
def test_more_than_one_year_is_long_term(held_since: date, first_long_day: date) -> None:
    assert holding_term(held_since, date.fromordinal(first_long_day.toordinal() - 1)) is Term.SHORT
    assert holding_term(held_since, first_long_day) is Term.LONG


def test_sold_on_the_day_of_purchase_is_short_term_and_before_it_is_refused() -> None:
    assert holding_term(BOUGHT, BOUGHT) is Term.SHORT
    with pytest.raises(InvalidInput) as refused:
        holding_term(BOUGHT, date(2017, 2, 28))
    assert refused.value.field == "sold"


def test_open_quantity_and_basis_by_date() -> None:
    """100.00 over three units: 33.33, 33.34 and 33.33, so 66.67 is left after the first and 33.33 after the second."""
    held = lot(sale(date(2017, 4, 3), "1"), sale(date(2017, 5, 1), "1"))
    days = [date(2017, 2, 28), BOUGHT, date(2017, 4, 3), date(2017, 4, 30), date(2017, 5, 1)]
    assert [held.open_quantity(day) for day in days] == [0, 3, 2, 2, 1]
    assert [held.open_basis(day) for day in days] == [0, Decimal("100.00"), Decimal("66.67"), Decimal("66.67"), Decimal("33.33")]


def test_a_sold_out_lot_has_no_basis_left() -> None:
    assert lot(sale(date(2017, 4, 3), "3")).open_basis(date(2017, 4, 3)) == 0


def test_as_of_forgets_what_came_later() -> None:
    first, second = sale(date(2017, 4, 3), "1"), sale(date(2017, 5, 1), "1")
    held = lot(first, second)
    assert held.as_of(date(2017, 2, 28)) is None
    assert held.as_of(date(2017, 4, 3)) == lot(first)
    assert held.as_of(date(2017, 5, 1)) == held


def test_a_lot_is_known_and_may_be_sold_from_the_day_of_its_purchase() -> None:
    same_day = lot(sale(BOUGHT, "1"))
    assert same_day.as_of(BOUGHT) == same_day
    assert same_day.open_quantity(BOUGHT) == 2


def test_parts_of_a_unit_and_of_a_dollar_are_held() -> None:
    held = lot(sale(BOUGHT, "0.25", "0.00"), sale(BOUGHT, "0.25", "0.99"), units="0.5", cost="0.50")
    assert held.unit_cost() == 1  # 0.50 for half a unit
    assert held.open_quantity(BOUGHT) == 0
    assert lot(cost="0.00").unit_cost() == 0


def test_holding_period_counts_from_purchase_unless_said_otherwise() -> None:
    assert lot().held_since == BOUGHT
    assert lot(holding_start=date(2015, 1, 2)).held_since == date(2015, 1, 2)


def test_apportioned_cents_add_up() -> None:
    """0.05 over four units: running totals 0.0125, 0.025, 0.0375, 0.05 round half-even to 0.01, 0.02, 0.04, 0.05."""
    parts = [apportion(Decimal("0.05"), Decimal(n), Decimal(n + 1), Decimal(4)) for n in range(4)]
    assert parts == [Decimal("0.01"), Decimal("0.01"), Decimal("0.02"), Decimal("0.01")]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: lot(units="0"), "quantity"),
        (lambda: lot(units="NaN"), "quantity"),
        (lambda: lot(cost="-0.01"), "cost_basis"),
        (lambda: lot(cost="10.001"), "cost_basis"),
        (lambda: lot(cost="Infinity"), "cost_basis"),
        (lambda: lot(sale(date(2017, 2, 28), "1")), "disposals"),
        (lambda: lot(sale(date(2017, 4, 3), "2"), sale(date(2017, 4, 4), "2")), "disposals"),
        (lambda: sale(BOUGHT, "0"), "quantity"),
        (lambda: sale(BOUGHT, "NaN"), "quantity"),
        (lambda: sale(BOUGHT, "1", "-1.00"), "proceeds"),
        (lambda: sale(BOUGHT, "1", "1.005"), "proceeds"),
        (lambda: sale(BOUGHT, "1", "NaN"), "proceeds"),
    ],
)
def test_bad_lots_are_refused_by_field(make: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()
    assert refused.value.field == field
