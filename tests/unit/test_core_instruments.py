"""What an instrument must and must not carry."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass, BondTerms, Identifier, IdentifierScheme, Instrument, InstrumentKind

TERMS = BondTerms(Decimal("0.04"), date(2035, 6, 15), "AAA")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"coupon": Decimal("-0.01")}, "coupon"),
        ({"coupon": Decimal("NaN")}, "coupon"),
        ({"coupon": 0.04}, "coupon"),
        ({"payments_per_year": 3}, "payments_per_year"),
        ({"payments_per_year": 0}, "payments_per_year"),
        ({"yield_series": ""}, "yield_series"),
    ],
)
def test_bond_terms_are_refused_by_name(changes: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as refused:
        BondTerms(**{"coupon": Decimal("0.04"), "maturity": date(2035, 6, 15), "yield_series": "AAA"} | changes)
    assert refused.value.field == field


def test_a_zero_coupon_is_a_coupon():
    assert BondTerms(Decimal(0), date(2035, 6, 15), "AAA").coupon == 0


@pytest.mark.parametrize("kind", list(InstrumentKind))
def test_a_bond_and_only_a_bond_carries_terms(kind: InstrumentKind):
    right, wrong = (TERMS, None) if kind is InstrumentKind.BOND else (None, TERMS)
    assert Instrument("X", kind, "X", AssetClass.FIXED_INCOME, bond=right).bond is right
    with pytest.raises(InvalidInput) as refused:
        Instrument("X", kind, "X", AssetClass.FIXED_INCOME, bond=wrong)
    assert refused.value.field == "bond"


def test_an_instrument_has_an_id():
    with pytest.raises(InvalidInput) as refused:
        Instrument("", InstrumentKind.EQUITY, "Nameless", AssetClass.EQUITY)
    assert refused.value.field == "instrument_id"


@pytest.mark.parametrize("scheme", list(IdentifierScheme))
def test_an_identifier_is_not_empty(scheme: IdentifierScheme):
    with pytest.raises(InvalidInput) as refused:
        Identifier(scheme, "")
    assert refused.value.field == "value"


@pytest.mark.parametrize("scheme", [IdentifierScheme.TICKER, IdentifierScheme.INTERNAL])
def test_schemes_without_a_check_digit_take_any_text(scheme: IdentifierScheme):
    assert Identifier(scheme, "BRK.B").value == "BRK.B"
