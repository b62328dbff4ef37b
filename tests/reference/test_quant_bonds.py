"""Bond prices against QuantLib over a grid, and against two prices printed in course material."""

from datetime import date, timedelta
from itertools import product

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name its own documentation uses

from daymark.quant.bonds import bond_price, coupon_dates, days_30_360

COUNT = ql.Thirty360(ql.Thirty360.USA)
FREQUENCY = {1: ql.Annual, 2: ql.Semiannual, 4: ql.Quarterly}
MATURITIES = [date(2018, 6, 15), date(2021, 7, 1), date(2025, 11, 1), date(2030, 3, 15), date(2047, 12, 20)]
# QuantLib pays and discounts 178/180 of a period that ends in February here; the street pays whole coupons for whole periods.
MONTH_ENDS = [date(2018, 8, 31), date(2020, 2, 29), date(2021, 8, 31), date(2031, 5, 31)]
# Month ends, February, coupon dates and the days beside them.
SETTLEMENTS = [date(2018, 1, 1) + timedelta(days=days) for days in (*range(0, 90), 104, 120, 150, 151, 163, 164)]
YIELDS = (-0.005, 0.0, 0.0355, 0.12)


def quantlib_date(day: date) -> ql.Date:
    return ql.Date(day.day, day.month, day.year)


def quantlib_bond(coupon: float, maturity: date, frequency: int) -> ql.FixedRateBond:
    month_end = (maturity + timedelta(days=1)).day == 1
    rules = (ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted, ql.DateGeneration.Backward, month_end)
    start = quantlib_date(coupon_dates(maturity, date(2016, 1, 1), frequency)[0].astype(object))
    schedule = ql.Schedule(start, quantlib_date(maturity), ql.Period(FREQUENCY[frequency]), *rules)
    return ql.FixedRateBond(0, 100.0, schedule, [coupon], COUNT)


def quantlib_dirty(bond: ql.FixedRateBond, rate: float, frequency: int, settlement: date) -> float:
    """QuantLib's full price; in the last coupon period with the simple interest of the street convention."""
    day = quantlib_date(settlement)
    last_period = ql.BondFunctions.nextCashFlowDate(bond, day) == bond.maturityDate()
    compounding = ql.SimpleThenCompounded if last_period else ql.Compounded
    return ql.BondFunctions.cleanPrice(bond, rate, COUNT, compounding, FREQUENCY[frequency], day) + bond.accruedAmount(day)


@pytest.mark.parametrize(("maturity", "frequency"), list(product(MATURITIES, (1, 2, 4))))
def test_price_accrued_and_full_price_are_quantlib_s(maturity: date, frequency: int):
    settlements = [day for day in SETTLEMENTS if day < maturity]
    for coupon in (0.0, 0.04):
        bond = quantlib_bond(coupon, maturity, frequency)
        for rate in YIELDS:
            days = np.array(settlements, dtype="datetime64[D]")
            ours = bond_price(coupon, maturity, days, np.full(len(days), rate), frequency)
            accrued = [bond.accruedAmount(quantlib_date(day)) for day in settlements]
            dirty = [quantlib_dirty(bond, rate, frequency, day) for day in settlements]
            np.testing.assert_allclose(ours.accrued, accrued, atol=1e-10)
            np.testing.assert_allclose(ours.dirty, dirty, rtol=1e-12)
            np.testing.assert_allclose(ours.clean, np.array(dirty) - accrued, atol=1e-9)


@pytest.mark.parametrize(("maturity", "frequency"), list(product(MONTH_ENDS, (2, 4))))
def test_a_month_end_bond_is_the_sum_of_its_discounted_payments(maturity: date, frequency: int):
    settlements = [day for day in SETTLEMENTS if day < maturity]
    schedule = list(quantlib_bond(0.04, maturity, frequency).cashflows())
    dates = [date(flow.date().year(), flow.date().month(), flow.date().dayOfMonth()) for flow in schedule[:-1]]
    period = 360 // frequency
    for rate in YIELDS:
        ours = bond_price(0.04, maturity, np.array(settlements, "datetime64[D]"), np.full(len(settlements), rate), frequency)
        for place, day in enumerate(settlements):
            last = max(before for before in dates if before <= day)
            left = 1 - COUNT.dayCount(quantlib_date(last), quantlib_date(day)) / period
            ahead = [after for after in dates if after > day]
            payments = [4 / frequency + 100 * (after == maturity) for after in ahead]
            if len(ahead) == 1:
                expected = payments[0] / (1 + left * rate / frequency)
            else:
                expected = sum(paid / (1 + rate / frequency) ** (left + ahead_by) for ahead_by, paid in enumerate(payments))
            assert ours.dirty[place] == pytest.approx(expected, rel=1e-12)


def test_days_are_quantlib_s_on_every_pair_of_days_around_two_februaries():
    starts = [date(2019, 12, 25) + timedelta(days=days) for days in range(0, 80)]
    ends = [date(2021, 1, 25) + timedelta(days=days) for days in range(0, 70)]
    pairs = list(product(starts, ends))
    ours = days_30_360(np.array([start for start, _ in pairs], "datetime64[D]"), np.array([end for _, end in pairs], "datetime64[D]"))
    assert ours.tolist() == [COUNT.dayCount(quantlib_date(start), quantlib_date(end)) for start, end in pairs]


@pytest.mark.parametrize(
    ("coupon", "years", "rate", "par", "printed"),
    [
        # P. Viswanath, Pace University, "Bond Pricing", slide 16, webpage.pace.edu/pviswanath/notes/investments:
        # "F = $100,000; T = 8 years; the coupon rate is 10%, and the bond's yield-to-maturity is 8.8% ... = $106,789.52".
        (0.10, 8, 0.088, 100_000, 106_789.52),
        # justaaa.com/finance/372771: 1,000 par, 6.8 % and 9.8 % compounded semi-annually, 12 years: "$790.99".
        (0.068, 12, 0.098, 1_000, 790.99),
    ],
)
def test_prices_printed_elsewhere(coupon: float, years: int, rate: float, par: int, printed: float):
    price = bond_price(coupon, date(2018 + years, 3, 15), np.array(["2018-03-15"], "datetime64[D]"), np.array([rate])).clean[0]
    assert round(price * par / 100, 2) == printed


def test_price_falls_with_yield_and_is_convex():
    days = np.full(50, "2018-02-05", dtype="datetime64[D]")
    prices = bond_price(0.04, date(2030, 3, 15), days, np.linspace(0.0, 0.15, 50)).dirty
    assert (np.diff(prices) < 0).all()
    assert (np.diff(prices, 2) > 0).all()
