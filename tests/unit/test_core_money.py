"""Money and quantities: exact, finite, in one currency."""

from decimal import Decimal

import pytest

from daymark.core.errors import InvalidInput
from daymark.core.money import Currency, Money, Quantity, decimal_of, to_cents


@pytest.mark.parametrize(("value", "expected"), [("12.50", "12.50"), (7, "7"), (Decimal("-0.01"), "-0.01"), ("1E+3", "1E+3")])
def test_decimals_are_taken_as_written(value: Decimal | int | str, expected: str):
    assert str(decimal_of(value, "amount")) == expected


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        1.0,
        float("nan"),
        True,
        None,
        [0, [1], 0],
        (0, (1,), 0),
        b"1",
        "",
        "ten",
        "1,000",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1E+39",
        "1E-39",
    ],
)
def test_anything_else_is_refused_by_name(value: object):
    with pytest.raises(InvalidInput) as refused:
        decimal_of(value, "lots[3].quantity")
    assert refused.value.field == "lots[3].quantity"


def test_38_digits_fit_and_39_do_not():
    assert decimal_of("9" * 38, "amount") == 10**38 - 1
    with pytest.raises(InvalidInput):
        decimal_of("9" * 39, "amount")


@pytest.mark.parametrize(
    ("amount", "cents"),
    # Half to even, by hand: the half goes to the even neighbour, anything past it goes up.
    [
        ("0.005", "0.00"),
        ("0.015", "0.02"),
        ("0.025", "0.02"),
        ("0.0250001", "0.03"),
        ("-0.015", "-0.02"),
        ("-0.005", "0.00"),
        ("3", "3.00"),
    ],
)
def test_rounding_to_the_cent(amount: str, cents: str):
    assert str(to_cents(Decimal(amount))) == cents


def test_rounding_keeps_large_amounts_whole():
    assert str(to_cents(Decimal("123456789012345678901234567890.125"))) == "123456789012345678901234567890.12"


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_rounding_refuses_what_is_not_finite(amount: str):
    with pytest.raises(InvalidInput) as refused:
        to_cents(Decimal(amount))
    assert refused.value.field == "amount"


def test_sums_are_exact_beyond_the_default_28_digits():
    large = Money(Decimal("123456789012345678901234567890.01"))
    assert (large + Money(Decimal("0.01"))).amount == Decimal("123456789012345678901234567890.02")
    assert (large - Money(Decimal("0.02"))).amount == Decimal("123456789012345678901234567889.99")
    assert (-large).amount == Decimal("-123456789012345678901234567890.01")
    assert (large * 3).amount == Decimal("370370367037037036703703703670.03")


def test_a_result_that_needs_more_digits_is_refused_and_not_rounded():
    with pytest.raises(InvalidInput):
        Money(Decimal("1E+37")) * 100
    with pytest.raises(InvalidInput):
        Money(Decimal("1E+37")) + Money(Decimal("1E-37"))


def test_currencies_do_not_mix():
    dollars, pounds = Money(Decimal(1)), Money(Decimal(1), Currency.GBP)
    for combine in (Money.__add__, Money.__sub__, Money.__lt__, Money.__le__):
        with pytest.raises(InvalidInput) as refused:
            combine(dollars, pounds)
        assert refused.value.field == "currency"
    assert dollars != pounds


def test_order_and_zero():
    one, two = Money(Decimal("1.00")), Money(Decimal(2))
    assert one < two <= two
    assert two > one
    assert one <= Money(Decimal(1))
    assert Money.zero(Currency.EUR) == Money(Decimal("0.00"), Currency.EUR)
    assert Money(Decimal("2.665")).rounded() == Money(Decimal("2.66"))


def test_money_is_no_place_for_floats():
    with pytest.raises(InvalidInput) as refused:
        Money(0.1)
    assert refused.value.field == "amount"
    with pytest.raises(InvalidInput) as refused:
        Money(Decimal(1)) * 0.5
    assert refused.value.field == "factor"


def test_quantities_have_four_decimals_and_no_sign():
    assert str(Quantity(Decimal("1.5")).units) == "1.5000"
    assert Quantity(Decimal(2)) + Quantity(Decimal("0.0001")) == Quantity(Decimal("2.0001"))
    assert not Quantity(Decimal(2)) - Quantity(Decimal(2))
    assert Quantity(Decimal("0.0001"))
    assert str(Quantity(Decimal("12345678901234567890123456789012")).units) == "12345678901234567890123456789012.0000"
    for bad in ("-0.0001", "0.00001", "NaN"):
        with pytest.raises(InvalidInput) as refused:
            Quantity(Decimal(bad))
        assert refused.value.field == "quantity"
    with pytest.raises(InvalidInput):
        Quantity(Decimal(1)) - Quantity(Decimal("1.0001"))
