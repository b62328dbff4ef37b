"""VaR against numpy's inverted empirical distribution, ES against a sorted loop, on the stocks' real returns."""

from fractions import Fraction

import numpy as np
import pytest

from daymark.quant.returns import simple_returns
from daymark.quant.tail_risk import historical_tail, scenario_pnl
from tests.market_data_world import CRASH, history, past

LEVELS = (0.9, 0.95, 0.975, 0.99)


def real_pnl(portfolios: int = 300) -> np.ndarray:
    returns = simple_returns(past(CRASH, 505).closes)
    exposures = np.random.default_rng(20180205).uniform(0, 1e5, (portfolios, len(history().block.instrument_ids)))
    return scenario_pnl(exposures, returns)


@pytest.mark.parametrize("scenarios", [1, 2, 19, 20, 100, 252, 500, 504])
def test_var_is_numpy_s_inverted_distribution_of_losses(scenarios: int):
    pnl = real_pnl()[:scenarios]
    # numpy computes n x level in floats: 20 x 0.95 is exact, 100 x 0.975 and the rest are too, as the assertion would show.
    expected = np.quantile(-pnl, LEVELS, axis=0, method="inverted_cdf")
    np.testing.assert_array_equal(historical_tail(pnl, LEVELS).var, expected)


@pytest.mark.parametrize("scenarios", [3, 100, 252, 504])
def test_shortfall_is_the_sorted_tail_with_its_fraction(scenarios: int):
    pnl = real_pnl(40)[:scenarios]
    shortfall = historical_tail(pnl, LEVELS).shortfall
    for row, level in enumerate(LEVELS):
        mass = scenarios * (1 - Fraction(str(level)))
        for portfolio in range(pnl.shape[1]):
            left, total = mass, 0.0
            for loss in sorted(-pnl[:, portfolio], reverse=True):
                weight = min(left, Fraction(1))
                total, left = total + float(weight) * loss, left - weight
            assert shortfall[row, portfolio] == pytest.approx(total / float(mass), rel=1e-12)


def test_blocks_of_portfolios_do_not_show():
    pnl = real_pnl(1000)
    whole = historical_tail(pnl)
    for portfolio in (0, 255, 256, 511, 512, 999):
        alone = historical_tail(pnl[:, [portfolio]])
        np.testing.assert_array_equal(whole.var[:, portfolio], alone.var[:, 0])
        np.testing.assert_array_equal(whole.shortfall[:, portfolio], alone.shortfall[:, 0])
