"""Corporate bonds: clean and dirty price from yield, US street convention, 30/360 accrual.

The street convention (Mayle, *Standard Securities Calculation Methods*, vol. 1): yield compounds at the coupon frequency; the first
period is the fraction of it left at settlement, its days counted as the full period less the days accrued; in the last coupon period
interest is simple. Coupon dates step back from maturity by whole months, unadjusted for holidays; a bond that matures on the last day of
a month pays on last days of months. On a coupon date the coupon belongs to the seller: nothing is accrued and the price is without it.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
DateArray = npt.NDArray[np.datetime64]

FACE = 100.0


@dataclass(frozen=True)
class BondPrices:
    """Prices per 100 face, each ``(n,)`` float64: ``dirty`` (what is paid) is ``clean`` (what is quoted) plus ``accrued``."""

    clean: FloatArray
    accrued: FloatArray
    dirty: FloatArray


def bond_price(coupon: float, maturity: date, settlements: DateArray, yields: FloatArray, payments_per_year: int = 2) -> BondPrices:
    """Price a fixed-coupon bond on many settlement dates.

    Args:
        coupon: Annual coupon, as a fraction of face, not negative.
        maturity: Date on which face and the last coupon are paid.
        settlements: ``(n,)`` datetime64[D], each before maturity, in any order.
        yields: ``(n,)`` annual yields as fractions, compounded ``payments_per_year`` times.
        payments_per_year: 1, 2 or 4.

    Raises:
        InvalidInput: a settlement not before maturity, a yield that is NaN, infinite or at or below -100 % a period, a negative or
            non-finite coupon, another frequency, or arrays of different length; ``field`` names the argument.

    At a yield equal to its coupon a bond is at par on a coupon date:

    >>> bond_price(0.04, date(2030, 3, 15), np.array(["2018-03-15"], "datetime64[D]"), np.array([0.04])).clean.round(9).tolist()
    [100.0]
    """
    _refuse_bad_terms(coupon, maturity, settlements, yields, payments_per_year)
    if len(settlements) == 0:
        return BondPrices(np.empty(0), np.empty(0), np.empty(0))
    schedule = coupon_dates(maturity, settlements.min().astype(object), payments_per_year)
    following = np.searchsorted(schedule, settlements, side="right")
    period = 360 // payments_per_year
    payment = FACE * coupon / payments_per_year
    accrued_share = days_30_360(schedule[following - 1], settlements) / period
    left = 1.0 - accrued_share
    remaining = len(schedule) - following
    rate = yields / payments_per_year
    log_growth = np.log1p(rate)
    # Sum of v^0 .. v^(N-1) as a ratio of expm1 keeps its digits near a zero yield, where (1 - v^N) / (1 - v) loses them.
    divisor = np.where(rate == 0.0, 1.0, np.expm1(-log_growth))
    annuity = np.where(rate == 0.0, remaining, np.expm1(-remaining * log_growth) / divisor)
    compounded = np.exp(-left * log_growth) * (payment * annuity + FACE * np.exp(-(remaining - 1) * log_growth))
    simple = (FACE + payment) / (1.0 + left * rate)
    dirty = np.where(remaining == 1, simple, compounded)
    accrued = payment * accrued_share
    return BondPrices(dirty - accrued, accrued, dirty)


def coupon_dates(maturity: date, first: date, payments_per_year: int = 2) -> DateArray:
    """Unadjusted coupon dates from the last one at or before ``first`` through maturity, rising, datetime64[D].

    >>> coupon_dates(date(2019, 8, 31), date(2018, 6, 1)).astype(str).tolist()
    ['2018-02-28', '2018-08-31', '2019-02-28', '2019-08-31']
    """
    months = 12 // payments_per_year
    month_end = maturity.day == monthrange(maturity.year, maturity.month)[1]
    dates = [maturity]
    while dates[-1] > first:
        year, month = divmod(maturity.year * 12 + maturity.month - 1 - months * len(dates), 12)
        last_day = monthrange(year, month + 1)[1]
        dates.append(date(year, month + 1, last_day if month_end else min(maturity.day, last_day)))
    return np.array(dates[::-1], dtype="datetime64[D]")


def days_30_360(start: DateArray, end: DateArray) -> IntArray:
    """Days between dates under 30/360 US (SIA): months of 30 days, with the rules for the 31st and the end of February.

    >>> days_30_360(np.array(["2018-01-15"], "datetime64[D]"), np.array(["2018-01-31"], "datetime64[D]")).tolist()
    [16]
    """
    start_year, start_month, start_day, start_is_february_end = _parts(start)
    end_year, end_month, end_day, end_is_february_end = _parts(end)
    end_day = np.where(start_is_february_end & end_is_february_end, 30, end_day)
    start_day = np.where(start_is_february_end, 30, start_day)
    end_day = np.where((end_day == 31) & (start_day >= 30), 30, end_day)
    start_day = np.minimum(start_day, 30)
    return np.asarray(360 * (end_year - start_year) + 30 * (end_month - start_month) + end_day - start_day, dtype=np.int64)


def _parts(dates: DateArray) -> tuple[IntArray, IntArray, IntArray, npt.NDArray[np.bool_]]:
    """Year, month and day of each date, and whether it is the last day of February."""
    months = dates.astype("datetime64[M]")
    ordinal = months.astype(np.int64)
    day = (dates.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) + 1
    next_is_another_month = (dates + np.timedelta64(1, "D")).astype("datetime64[M]") != months
    return ordinal // 12 + 1970, ordinal % 12 + 1, day, (ordinal % 12 == 1) & next_is_another_month


def _refuse_bad_terms(coupon: float, maturity: date, settlements: DateArray, yields: FloatArray, payments_per_year: int) -> None:
    if not (np.isfinite(coupon) and coupon >= 0):
        raise InvalidInput(f"coupon must be zero or above, got {coupon}", field="coupon")
    if payments_per_year not in (1, 2, 4):
        raise InvalidInput(f"payments_per_year must be 1, 2 or 4, got {payments_per_year}", field="payments_per_year")
    if settlements.shape != yields.shape or settlements.ndim != 1:
        raise InvalidInput(f"{settlements.shape} settlements for {yields.shape} yields", field="yields")
    if bool(np.isnat(settlements).any()):
        raise InvalidInput("settlements must be dates, got NaT", field="settlements")
    if bool((settlements >= np.datetime64(maturity, "D")).any()):
        raise InvalidInput(f"settlements must lie before the maturity {maturity}", field="settlements")
    if not bool((np.isfinite(yields) & (yields > -payments_per_year)).all()):
        raise InvalidInput(f"yields must be finite and above {-payments_per_year}", field="yields")
