"""Bond conventions at their edges, and every refusal."""

from datetime import date

import numpy as np
import pytest

from daymark.core.errors import InvalidInput
from daymark.quant.bonds import bond_price, coupon_dates, days_30_360

MATURITY = date(2030, 3, 15)


def days(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2018-01-15", "2018-07-15", 180),
        ("2018-01-31", "2018-02-28", 28),  # 31st counts as 30th: 30 + (28 - 30)
        ("2018-02-28", "2018-03-31", 30),  # end of February counts as 30th, and so does the 31st after it
        ("2018-02-28", "2019-02-28", 360),
        ("2020-02-29", "2024-02-29", 1440),
        ("2020-02-28", "2020-08-31", 183),  # the 28th is not the end of a leap February: 6 x 30 + (31 - 28)
        ("2018-01-30", "2018-03-31", 60),
        ("2018-01-29", "2018-03-31", 62),
        ("1969-12-31", "1970-01-31", 30),
    ],
)
def test_days_under_30_360_us(start: str, end: str, expected: int):
    assert days_30_360(days(start), days(end)).tolist() == [expected]


def test_coupon_dates_step_back_from_maturity():
    assert coupon_dates(date(2019, 3, 15), date(2018, 3, 15)).astype(str).tolist() == ["2018-03-15", "2018-09-15", "2019-03-15"]
    assert coupon_dates(date(2020, 2, 29), date(2019, 3, 1)).astype(str).tolist() == ["2019-02-28", "2019-08-31", "2020-02-29"]
    assert coupon_dates(date(2019, 8, 30), date(2019, 1, 1)).astype(str).tolist() == ["2018-08-30", "2019-02-28", "2019-08-30"]
    assert coupon_dates(date(2019, 1, 15), date(2018, 11, 1), 4).astype(str).tolist() == ["2018-10-15", "2019-01-15"]


def test_a_coupon_date_accrues_nothing_and_pays_the_seller():
    prices = bond_price(0.06, MATURITY, days("2018-03-14", "2018-03-15"), np.array([0.05, 0.05]))
    # The day before: 179 of 180 days of a coupon of 3.
    assert prices.accrued == pytest.approx([3 * 179 / 180, 0.0], abs=1e-14)
    assert prices.dirty[0] - prices.dirty[1] == pytest.approx(3.0, abs=0.02)


def test_the_last_period_earns_simple_interest():
    # 90 of 180 days left at 8 %: (100 + 3) / (1 + 0.5 x 0.04) less an accrued 1.5.
    prices = bond_price(0.06, date(2018, 9, 15), days("2018-06-15"), np.array([0.08]))
    assert prices.clean[0] == pytest.approx(103 / 1.02 - 1.5, rel=1e-14)


def test_a_yield_of_zero_is_the_sum_of_the_payments_and_has_neighbours_near_it():
    prices = bond_price(0.04, date(2020, 3, 15), days("2018-03-15", "2018-03-15", "2018-03-15"), np.array([0.0, 1e-9, -1e-9]))
    assert prices.clean[0] == pytest.approx(108.0, abs=1e-12)
    assert prices.clean == pytest.approx([108.0] * 3, abs=1e-6)


def test_nothing_asked_is_nothing_answered():
    assert bond_price(0.04, MATURITY, days(), np.empty(0)).clean.shape == (0,)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"coupon": -0.01}, "coupon"),
        ({"coupon": float("nan")}, "coupon"),
        ({"payments_per_year": 3}, "payments_per_year"),
        ({"settlements": days("2030-03-15")}, "settlements"),
        ({"settlements": days("NaT")}, "settlements"),
        ({"yields": np.array([float("nan")])}, "yields"),
        ({"yields": np.array([float("inf")])}, "yields"),
        ({"yields": np.array([-2.0])}, "yields"),
        ({"yields": np.array([0.04, 0.04])}, "yields"),
        ({"settlements": days("2018-03-15").reshape(1, 1), "yields": np.array([[0.04]])}, "yields"),
    ],
)
def test_terms_that_cannot_be_priced_are_named(change: dict, field: str):
    terms = {"coupon": 0.04, "maturity": MATURITY, "settlements": days("2018-03-15"), "yields": np.array([0.04]), **change}
    with pytest.raises(InvalidInput) as refusal:
        bond_price(**terms)
    assert refusal.value.field == field
