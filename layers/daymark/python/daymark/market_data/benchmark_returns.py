"""Benchmark returns of a session: the S&P 500 price index (dividends left out) and the Aaa bond (price change plus coupons)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from daymark.core.errors import NotPublished
from daymark.core.instruments import BondTerms
from daymark.market_data.bond_closes import bond_return
from daymark.market_data.ports import DailySeries

INDEX_SERIES = "SP500"
BOND_SERIES = "AAA"


@dataclass(frozen=True, slots=True)
class BenchmarkReturns:
    """One session's returns of the benchmark's two parts, as fractions."""

    session_date: date
    previous: date
    equity: float
    bond: float


def benchmark_returns(index: DailySeries, terms: BondTerms, yields: DailySeries, previous: date, session_date: date) -> BenchmarkReturns:
    """The two parts' returns from the close of ``previous`` to the close of ``session_date``.

    Raises:
        NotPublished: the index has no close on one of the dates, or the bond no yield.
    """
    before, after = _close(index, previous), _close(index, session_date)
    return BenchmarkReturns(session_date, previous, after / before - 1.0, bond_return(terms, yields, previous, session_date))


def _close(series: DailySeries, day: date) -> float:
    place = np.flatnonzero(series.dates == np.datetime64(day, "D"))
    if len(place) == 0:
        raise NotPublished(f"series {series.name} has no value on {day}", field=series.name)
    return float(series.values[place[0]])
