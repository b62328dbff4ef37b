"""Total returns of the desk against bond_return day by day, and the sample bonds' value at risk; stocks are the published closes."""

import itertools
from datetime import date

import numpy as np
import pytest

from daymark.core.sessions import Calendar
from daymark.local.sample_people import instruments
from daymark.market_data.bond_closes import bond_closes, bond_return
from daymark.market_data.price_desk import PriceDesk
from tests.market_data_world import BEFORE_CRASH, history, published

FACE = 100


@pytest.fixture(scope="module")
def sample_desk():
    return PriceDesk(history().archive(), {one.instrument_id: one for one in instruments()}, Calendar.exchange())


TERMS = {one.instrument_id: one.bond for one in instruments() if one.bond is not None}
# June and December, March and September: the months of each bond's maturity and half a year from it.
COUPON_DAYS = {"BOND-AAA": {(6, 15), (12, 15)}, "BOND-BAA": {(3, 15), (9, 15)}}


@pytest.mark.parametrize("through", [date(2017, 12, 29), date(2018, 12, 31)])
@pytest.mark.parametrize("name", ["BOND-AAA", "BOND-BAA"])
def test_every_scenario_of_a_bond_is_its_day_by_day_total_return(sample_desk, name, through):
    returns = sample_desk.returns(["KO", name], through, 504)
    assert returns.shape == (504, 2)
    days = Calendar.exchange().between(date(2015, 6, 1), through)[-505:]
    terms, yields = TERMS[name], history().series[TERMS[name].yield_series]
    closes = bond_closes(terms, yields, days)
    paid_days = 0
    for place, (previous, session) in enumerate(itertools.pairwise(days)):
        assert returns[place, 1] == bond_return(terms, yields, previous, session)
        # By hand: calendar days after the earlier session, up to the later one, that are coupon days.
        span = [date.fromordinal(n) for n in range(previous.toordinal() + 1, session.toordinal() + 1)]
        coupon = sum(float(terms.coupon) * FACE / 2 for day in span if (day.month, day.day) in COUPON_DAYS[name])
        paid_days += coupon > 0
        assert returns[place, 1] == pytest.approx((closes[place + 1] + coupon) / closes[place] - 1, abs=1e-14)
    assert paid_days in (4, 5)


def test_stocks_are_the_published_closes_and_only_the_bonds_gain_a_coupon(sample_desk):
    panel = sample_desk.panel(["XOM", "KO"], BEFORE_CRASH, 505).closes
    returns = sample_desk.returns(["XOM", "BOND-AAA", "KO"], BEFORE_CRASH, 504)
    np.testing.assert_array_equal(returns[:, [0, 2]], panel[1:] / panel[:-1] - 1)
    last, before = (float(published(day)["KO"]) for day in (BEFORE_CRASH, date(2018, 2, 1)))
    assert returns[-1, 2] == pytest.approx(last / before - 1, abs=1e-15)


@pytest.mark.parametrize(("name", "var_99"), [("BOND-AAA", 0.0053), ("BOND-BAA", 0.0035)])
def test_a_coupon_is_no_loss_in_the_tail(sample_desk, name, var_99):
    losses = sorted(-sample_desk.returns([name], BEFORE_CRASH, 504)[:, 0], reverse=True)
    # Of 504 the 1 % tail holds 5.04: the sixth largest loss bounds it. With coupons missed it was 1.85 % and 1.08 %.
    assert losses[5] == pytest.approx(var_99, abs=0.00006)
