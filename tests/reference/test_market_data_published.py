"""Published market figures, read through the desk."""

from datetime import date

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the name its own documentation uses

from daymark.core.errors import NotASession, NotPublished
from daymark.core.sessions import Calendar
from daymark.market_data.regime import THRESHOLDS, Regime, VolatilityMeasure, read_regime
from tests.market_data_world import CRASH, desk, history, sessions, universe


@pytest.mark.parametrize(
    ("session", "percent"),
    [
        (date(2018, 2, 5), -4.10),  # S&P Dow Jones Indices; CNBC, 5 February 2018: largest fall since August 2011
        (date(2008, 10, 15), -9.03),  # S&P Dow Jones Indices
        (date(2008, 10, 13), 11.58),  # S&P Dow Jones Indices: best day since 1939
        (date(2011, 8, 8), -6.66),  # the session after the downgrade of the United States
    ],
)
def test_the_index_moved_as_published(session: date, percent: float):
    returns = desk(history().archive()).benchmark_returns(session)
    assert round(returns.equity * 100, 2) == percent


def test_the_volatility_index_closed_as_published_on_the_crash():
    reading = desk(history().archive()).regime(CRASH)  # Cboe: VIX closed at 37.32 on 5 February 2018
    assert (reading.measure, reading.regime, reading.as_of) == (VolatilityMeasure.VIX, Regime.STRESSED, CRASH)
    assert reading.as_document() == {
        "regime": "stressed",
        "measure": "VIX",
        "value": pytest.approx(0.3732),
        "as_of": "2018-02-05",
        "thresholds": {"calm_below": 0.15, "stressed_from": 0.30},
    }
    assert desk(history().archive()).regime(date(2018, 2, 2)).regime is Regime.NORMAL  # 17.31
    assert desk(history().archive()).regime(date(2017, 11, 3)).regime is Regime.CALM  # 9.14, its lowest close of 2017


def test_outside_the_range_of_the_volatility_index_realised_volatility_is_used_and_said():
    series = history().series["SP500"]
    end = int(np.flatnonzero(series.dates == np.datetime64("2008-10-15"))[0])
    moves = np.diff(np.log(series.values[end - 21 : end + 1]))
    expected = (252 / 21 * sum(move * move for move in moves.tolist())) ** 0.5
    reading = desk(history().archive()).regime(date(2008, 10, 15))
    assert reading.measure is VolatilityMeasure.REALISED
    assert reading.value == pytest.approx(expected, rel=1e-12)
    assert reading.regime is Regime.STRESSED
    assert desk(history().archive()).regime(date(2014, 1, 2)).measure is VolatilityMeasure.REALISED


def test_the_regime_never_looks_ahead_and_needs_history():
    index, vix = history().series["SP500"], history().series["VIX"]
    with pytest.raises(NotPublished):
        read_regime(sessions()[20], vix, index)
    assert read_regime(sessions()[21], vix, index).as_of == sessions()[21]
    with pytest.raises(NotPublished):
        read_regime(date(2023, 1, 5), vix, index)
    with pytest.raises(NotASession):
        desk(history().archive()).regime(date(2018, 2, 4))


def test_the_thresholds_cut_off_the_shares_they_are_said_to():
    index, vix = history().series["SP500"], history().series["VIX"]
    inside = vix.dates <= np.datetime64("2018-12-31")
    levels = vix.values[inside] / 100
    assert len(levels) == 1257
    assert round((levels < 0.15).mean(), 2) == 0.64
    assert round((levels >= 0.30).mean(), 3) == 0.007
    moves = np.diff(np.log(index.values)) ** 2
    realised = np.sqrt(12 * np.convolve(moves, np.ones(21), "valid"))
    same_days = np.isin(index.dates[21:], vix.dates[inside])
    cuts = np.quantile(realised[same_days], [(levels < 0.15).mean(), 1 - (levels >= 0.30).mean()])
    assert cuts.round(3).tolist() == [0.121, 0.307]
    assert THRESHOLDS[VolatilityMeasure.REALISED].calm_below == round(cuts[0], 2)


def test_the_archive_and_the_exchange_agree_on_every_session():
    assert list(sessions()) == Calendar.exchange().between(sessions()[0], sessions()[-1])


@pytest.mark.parametrize(("series", "percent"), [("AAA", 3.55), ("BAA", 4.26)])
def test_a_bond_close_is_quantlib_s_full_price_at_moodys_yield_of_the_month_before(series: str, percent: float):
    # FRED, series AAA and BAA, January 2018: 3.55 and 4.26.
    terms = universe()[f"BOND-{series}"].bond
    settlement, maturity = ql.Date(5, 2, 2018), ql.Date(15, 3, 2030)
    rules = (ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted, ql.DateGeneration.Backward, False)
    schedule = ql.Schedule(ql.Date(15, 3, 2010), maturity, ql.Period(ql.Semiannual), *rules)
    count = ql.Thirty360(ql.Thirty360.USA)
    bond = ql.FixedRateBond(0, 100.0, schedule, [float(terms.coupon)], count)
    clean = ql.BondFunctions.cleanPrice(bond, percent / 100, count, ql.Compounded, ql.Semiannual, settlement)
    price = desk(history().archive()).closing_prices(CRASH).closes[f"BOND-{series}"].price
    assert float(price) == pytest.approx(clean + bond.accruedAmount(settlement), abs=5.1e-5)
