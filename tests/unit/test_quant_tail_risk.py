"""VaR and expected shortfall by hand, and every refusal."""

import numpy as np
import pytest

from daymark.core.errors import InvalidInput
from daymark.quant.tail_risk import historical_tail, scenario_pnl


def losses(*values: float) -> np.ndarray:
    return -np.array(values, dtype=float)[:, None]


def test_504_scenarios_take_the_26th_and_the_6th_worst_loss():
    # Losses 1..504. 504 x 0.05 = 25.2: VaR is the 26th worst, 479; ES is (504 + ... + 480 + 0.2 x 479) / 25.2.
    # 504 x 0.01 = 5.04: VaR is the 6th worst, 499; ES is (504 + 503 + 502 + 501 + 500 + 0.04 x 499) / 5.04.
    tail = historical_tail(losses(*range(1, 505)))
    assert tail.levels == (0.95, 0.99)
    assert tail.var[:, 0].tolist() == [479.0, 499.0]
    assert tail.shortfall[:, 0] == pytest.approx([(25 * 492 + 0.2 * 479) / 25.2, (2510 + 0.04 * 499) / 5.04], rel=1e-14)


def test_a_whole_tail_mass_is_not_moved_by_binary_rounding():
    # 100 x 0.05 is 5 exactly: VaR is the 6th worst, 95; ES the mean of 100..96 = 98. In floats 100 * (1 - 0.95) is 5.000000000000004.
    tail = historical_tail(losses(*range(1, 101)), levels=(0.95,))
    assert (tail.var[0, 0], tail.shortfall[0, 0]) == (95.0, 98.0)
    # 1000 x 0.1 = 100, where 1 - 0.9 falls below a tenth: the 101st worst is 900; the mean of 1000..901 is 950.5.
    tail = historical_tail(losses(*range(1, 1001)), levels=(0.9,))
    assert (tail.var[0, 0], tail.shortfall[0, 0]) == (900.0, 950.5)


def test_a_tail_thinner_than_one_scenario_is_the_worst_loss():
    tail = historical_tail(losses(3, 1, 2), levels=(0.99,))
    assert (tail.var[0, 0], tail.shortfall[0, 0]) == (3.0, 3.0)


def test_equal_losses_have_a_shortfall_of_exactly_that_loss():
    # 24 x 0.01 = 0.24, and in floats 0.24 x 5.7 / 0.24 is 5.699999999999999: below VaR, which no shortfall may be.
    tail = historical_tail(losses(*[5.7] * 24), levels=(0.99,))
    assert tail.shortfall[0, 0] == tail.var[0, 0] == 5.7


def test_levels_keep_the_order_they_came_in():
    tail = historical_tail(losses(*range(1, 101)), levels=(0.99, 0.5, 0.95))
    assert tail.var[:, 0].tolist() == [99.0, 50.0, 95.0]


def test_the_caller_s_scenarios_are_left_as_they_were():
    scenarios = np.asfortranarray(np.random.default_rng(1).normal(size=(50, 3)))
    before = scenarios.copy()
    historical_tail(scenarios)
    np.testing.assert_array_equal(scenarios, before)


def test_no_portfolios_give_no_columns():
    assert historical_tail(np.empty((5, 0))).var.shape == (2, 0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_named_by_its_place(bad: float):
    scenarios = np.zeros((10, 600))
    scenarios[7, 300] = bad
    with pytest.raises(InvalidInput) as refusal:
        historical_tail(scenarios)
    assert refusal.value.field == "scenarios[7][300]"


def test_finite_values_whose_sum_is_not_are_allowed():
    tail = historical_tail(losses(1e308, 1e308, 0), levels=(0.5,))
    assert tail.var[0, 0] == 1e308


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0, float("nan")])
def test_a_level_outside_zero_and_one_is_refused(level: float):
    with pytest.raises(InvalidInput) as refusal:
        historical_tail(losses(1, 2), levels=(level,))
    assert refusal.value.field == "levels"


@pytest.mark.parametrize("shape", [(0, 3), (5,), (2, 2, 2)])
def test_scenarios_of_another_shape_are_refused(shape: tuple[int, ...]):
    with pytest.raises(InvalidInput) as refusal:
        historical_tail(np.zeros(shape))
    assert refusal.value.field == "scenarios"


def test_profit_of_each_portfolio_in_each_scenario():
    exposures = np.array([[100.0, 50.0], [0.0, 200.0], [-10.0, 0.0]])
    returns = np.array([[0.10, -0.20], [0.01, 0.02]])
    pnl = scenario_pnl(exposures, returns)
    # By hand: 100 x 0.1 - 50 x 0.2 = 0; -40; -1; then 1 + 1 = 2; 4; -0.1.
    np.testing.assert_allclose(pnl, [[0.0, -40.0, -1.0], [2.0, 4.0, -0.1]], atol=1e-14)


@pytest.mark.parametrize(
    ("exposures", "returns", "field"), [((3,), (5, 3), "exposures"), ((2, 3), (5, 4), "returns"), ((2, 3), (3,), "returns")]
)
def test_exposures_and_returns_that_do_not_fit_are_refused(exposures: tuple[int, ...], returns: tuple[int, ...], field: str):
    with pytest.raises(InvalidInput) as refusal:
        scenario_pnl(np.zeros(exposures), np.zeros(returns))
    assert refusal.value.field == field
