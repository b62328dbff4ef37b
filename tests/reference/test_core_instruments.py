"""Check digits against identifiers that are published, and against a second formula."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.core.errors import InvalidInput
from daymark.core.instruments import Identifier, IdentifierScheme

# Rosetta Code, task "CUSIP" (Apple, Cisco, Google, Microsoft, Oracle); CUSIP Global Services' own examples of fixed income and of
# the characters * @ # are rare, so those are checked against the second formula below.
CUSIPS = ["037833100", "17275R102", "38259P508", "594918104", "68389X105", "38259P102"]
WRONG_CUSIPS = ["68389X106", "037833101", "594918140"]
# Rosetta Code, task "Validate International Securities Identification Number"; ISO 6166 examples (Apple, Treasury Corporation of
# Victoria, BAE Systems).
ISINS = ["US0378331005", "AU0000XVGZA3", "AU0000VXGZA3", "FR0000988040", "GB0002634946"]
WRONG_ISINS = ["US0373831005", "U50378331005", "US03378331005", "US0378331006", "FR0000988041"]


@pytest.mark.parametrize("value", CUSIPS)
def test_published_cusips_are_taken(value: str):
    assert Identifier(IdentifierScheme.CUSIP, value).value == value


@pytest.mark.parametrize("value", [*WRONG_CUSIPS, "", "03783310", "0378331000", "037833 00", "03783310A", "037833100 ", "17275r102"])
def test_wrong_cusips_are_refused(value: str):
    with pytest.raises(InvalidInput) as refused:
        Identifier(IdentifierScheme.CUSIP, value)
    assert refused.value.field == "value"


@pytest.mark.parametrize("value", ISINS)
def test_published_isins_are_taken(value: str):
    assert Identifier(IdentifierScheme.ISIN, value).value == value


@pytest.mark.parametrize("value", [*WRONG_ISINS, "", "us0378331005", "US037833100*", "US037833100A", "0S0378331005"])
def test_wrong_isins_are_refused(value: str):
    with pytest.raises(InvalidInput) as refused:
        Identifier(IdentifierScheme.ISIN, value)
    assert refused.value.field == "value"


@pytest.mark.parametrize("value", CUSIPS)
def test_the_isin_of_an_american_share_is_its_cusip_between_us_and_a_digit(value: str):
    accepted = []
    for digit in string.digits:
        try:
            accepted.append(Identifier(IdentifierScheme.ISIN, f"US{value}{digit}"))
        except InvalidInput:
            continue
    assert len(accepted) == 1


def luhn_table_digit(numbers: list[int]) -> int:
    """The check digit by a lookup of the digit sums of doubled values, from the right-most character on."""
    total = 0
    for place, number in enumerate(reversed(numbers)):
        contribution = number * 2 if place % 2 == 0 else number
        total += sum(int(digit) for digit in str(contribution))
    return -total % 10


@given(st.text(string.digits + string.ascii_uppercase + "*@#", min_size=8, max_size=8))
def test_any_cusip_has_exactly_the_digit_of_the_second_formula(base: str):
    numbers = [string.digits.find(c) if c.isdigit() else (ord(c) - 55 if c.isalpha() else 36 + "*@#".index(c)) for c in base]
    right = luhn_table_digit(numbers)
    assert Identifier(IdentifierScheme.CUSIP, f"{base}{right}")
    for wrong in set(range(10)) - {right}:
        with pytest.raises(InvalidInput):
            Identifier(IdentifierScheme.CUSIP, f"{base}{wrong}")


@given(st.text(string.ascii_uppercase, min_size=2, max_size=2), st.text(string.digits + string.ascii_uppercase, min_size=9, max_size=9))
def test_any_isin_has_exactly_the_digit_of_the_second_formula(country: str, number: str):
    right = luhn_table_digit([int(digit) for digit in "".join(str(int(character, 36)) for character in country + number)])
    assert Identifier(IdentifierScheme.ISIN, f"{country}{number}{right}")
    for wrong in set(range(10)) - {right}:
        with pytest.raises(InvalidInput):
            Identifier(IdentifierScheme.ISIN, f"{country}{number}{wrong}")


@pytest.mark.parametrize("base", ["US03783*100", "US0#7833100", "USAPPLE@INC"])
def test_no_digit_makes_an_isin_of_other_characters(base: str):
    for digit in string.digits:
        with pytest.raises(InvalidInput):
            Identifier(IdentifierScheme.ISIN, f"{base}{digit}")


@pytest.mark.parametrize("letter", string.ascii_uppercase)
def test_the_last_character_of_an_isin_is_a_digit(letter: str):
    with pytest.raises(InvalidInput):
        Identifier(IdentifierScheme.ISIN, f"US037833100{letter}")
