"""Bond closes: a bond's price on a session is its dirty price at the yield of the latest month that had ended before the session's month.

The yields are monthly averages, so the month the session lies in is not known yet: it is never read. The price is the full (dirty)
price per 100 face, for settlement on the session itself, because a mark has no other row in which accrued interest could stand.
Every such price carries the label "synthetic: priced from a monthly yield series".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from daymark.core.errors import NotPublished
from daymark.core.instruments import BondTerms
from daymark.market_data.models import FloatArray
from daymark.market_data.ports import DailySeries
from daymark.quant.bonds import FACE, bond_price, coupon_dates

# A yield older than this has not been published late; the series has ended.
OLDEST_YIELD_MONTHS = 3
PRICE_DECIMALS = 4


def yields_known(series: DailySeries, sessions: Sequence[date]) -> FloatArray:
    """The yield, as a fraction, that was known on each session: ``(n,)``.

    Args:
        series: Monthly yields in percent, each dated inside its month.
        sessions: Dates in any order.

    Raises:
        NotPublished: the latest month that had ended is missing and so are the two before it.
    """
    months = series.dates.astype("datetime64[M]")
    session_months = np.array(sessions, dtype="datetime64[D]").astype("datetime64[M]")
    place = np.searchsorted(months, session_months, side="left") - 1
    age = (session_months - months[np.maximum(place, 0)]).astype(np.int64)
    unknown = (place < 0) | (age > OLDEST_YIELD_MONTHS)
    if bool(unknown.any()):
        session = sessions[int(np.argmax(unknown))]
        raise NotPublished(f"series {series.name} has no yield of the {OLDEST_YIELD_MONTHS} months before {session}", field=series.name)
    return np.asarray(series.values[place] / 100.0, dtype=np.float64)


def bond_closes(terms: BondTerms, series: DailySeries, sessions: Sequence[date]) -> FloatArray:
    """Dirty prices per 100 face, to four decimals: ``(n,)``.

    Raises:
        NotPublished: see :func:`yields_known`.
        InvalidInput: the bond has matured on one of the sessions.
    """
    settlements = np.array(sessions, dtype="datetime64[D]")
    prices = bond_price(float(terms.coupon), terms.maturity, settlements, yields_known(series, sessions), terms.payments_per_year)
    return np.asarray(np.round(prices.dirty, PRICE_DECIMALS), dtype=np.float64)


def bond_returns(terms: BondTerms, closes: FloatArray, sessions: Sequence[date]) -> FloatArray:
    """Total returns from each session to the next, as fractions: ``(n - 1,)``.

    Price change plus any coupon due after the earlier session and up to the later one, so that a coupon date is no loss.

    Args:
        terms: The bond.
        closes: ``(n,)`` dirty prices per 100 face, above zero.
        sessions: The ``n`` dates they belong to, rising; at least one.
    """
    schedule = coupon_dates(terms.maturity, sessions[0], terms.payments_per_year)
    coupons = np.diff(np.searchsorted(schedule, np.array(sessions, dtype="datetime64[D]"), side="right"))
    payment = FACE * float(terms.coupon) / terms.payments_per_year
    return np.asarray((closes[1:] + coupons * payment) / closes[:-1] - 1.0, dtype=np.float64)


def bond_return(terms: BondTerms, series: DailySeries, previous: date, session: date) -> float:
    """Total return from one session to the next as a fraction, at the yields of the series; see :func:`bond_returns`.

    Raises:
        NotPublished, InvalidInput: see :func:`bond_closes`.
    """
    days = [previous, session]
    return float(bond_returns(terms, bond_closes(terms, series, days), days)[0])
