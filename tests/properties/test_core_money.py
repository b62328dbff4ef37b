"""Laws of money, with exact fractions as the oracle."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from daymark.core.money import Money, Quantity, to_cents

AMOUNTS = st.decimals(-(10**14), 10**14, places=6)
UNITS = st.decimals(0, 10**12, places=4)


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_addition_is_that_of_fractions(one: Decimal, two: Decimal, three: Decimal):
    total = (Money(one) + Money(two)) - Money(three)
    assert Fraction(total.amount) == Fraction(one) + Fraction(two) - Fraction(three)
    assert Money(one) + Money(two) == Money(two) + Money(one)
    assert Money(one) - Money(one) == Money.zero()


@given(AMOUNTS, st.integers(-(10**9), 10**9))
def test_multiplication_is_that_of_fractions(amount: Decimal, factor: int):
    assert Fraction((Money(amount) * factor).amount) == Fraction(amount) * factor


@given(AMOUNTS)
def test_rounding_is_pythons_half_even_on_fractions(amount: Decimal):
    # Fraction.__round__ rounds half to even by exact arithmetic.
    assert Fraction(to_cents(amount)) == Fraction(round(Fraction(amount) * 100), 100)
    assert to_cents(to_cents(amount)) == to_cents(amount)
    assert to_cents(-amount) == -to_cents(amount)


@given(UNITS, UNITS)
def test_quantities_add_and_take_back(one: Decimal, two: Decimal):
    total = Quantity(one) + Quantity(two)
    assert total - Quantity(two) == Quantity(one)
    assert Fraction(total.units) == Fraction(one) + Fraction(two)
    assert (Quantity(one) < Quantity(two)) == (one < two)
