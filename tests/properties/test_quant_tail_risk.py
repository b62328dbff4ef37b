"""Laws of VaR and expected shortfall: order of levels, ES above VaR, scale, shift, order of scenarios, coherence of ES."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.quant.tail_risk import historical_tail

# Cents in whole numbers: sums of two portfolios are exact, so ties stay ties.
CENTS = st.integers(-10_000_000, 10_000_000)
SCENARIOS = st.lists(st.tuples(CENTS, CENTS), min_size=1, max_size=120).map(lambda rows: np.array(rows, dtype=float))
LEVELS = st.sampled_from([0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.999])


def tail(scenarios: np.ndarray, *levels: float) -> tuple[np.ndarray, np.ndarray]:
    risk = historical_tail(scenarios, levels)
    return risk.var, risk.shortfall


@given(SCENARIOS, LEVELS, LEVELS)
def test_a_higher_level_is_never_a_smaller_loss(scenarios: np.ndarray, one: float, other: float):
    var, shortfall = tail(scenarios, min(one, other), max(one, other))
    assert (var[0] <= var[1]).all()
    assert (shortfall[0] <= shortfall[1] + 1e-9 * np.abs(shortfall[1])).all()


@given(SCENARIOS, LEVELS)
def test_shortfall_lies_between_var_and_the_worst_loss(scenarios: np.ndarray, level: float):
    var, shortfall = tail(scenarios, level)
    assert (shortfall >= var).all()
    worst = -scenarios.min(axis=0)
    assert (shortfall <= worst + 1e-9 * np.abs(worst)).all()


@given(SCENARIOS, LEVELS, st.integers(1, 1000), CENTS)
def test_scale_and_shift_pass_through(scenarios: np.ndarray, level: float, factor: int, gain: int):
    var, shortfall = tail(scenarios, level)
    moved_var, moved_shortfall = tail(scenarios * factor + gain, level)
    np.testing.assert_allclose(moved_var, var * factor - gain, rtol=1e-12, atol=1e-6)
    np.testing.assert_allclose(moved_shortfall, shortfall * factor - gain, rtol=1e-12, atol=1e-3)


@given(SCENARIOS, LEVELS, st.randoms(use_true_random=False))
def test_the_order_of_scenarios_decides_nothing(scenarios: np.ndarray, level: float, shuffle):
    order = list(range(len(scenarios)))
    shuffle.shuffle(order)
    for ours, theirs in zip(tail(scenarios, level), tail(scenarios[order], level), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(SCENARIOS, LEVELS)
def test_shortfall_of_a_sum_is_at_most_the_sum_of_shortfalls(scenarios: np.ndarray, level: float):
    _, shortfall = tail(np.column_stack([scenarios, scenarios.sum(axis=1)]), level)
    together, apart = shortfall[0, 2], shortfall[0, :2].sum()
    assert together <= apart + 1e-9 * np.abs(scenarios).max() * len(scenarios)


def test_var_is_not_subadditive_which_is_why_shortfall_is_reported():
    # Two bonds of 100 scenarios, each losing 100 in four of its own: each VaR at 95 % is zero, together eight lose 100.
    first, second = np.zeros(100), np.zeros(100)
    first[:4], second[4:8] = -100, -100
    var, _ = tail(np.column_stack([first, second, first + second]), 0.95)
    assert var[0].tolist() == [0.0, 0.0, 100.0]


@given(SCENARIOS, LEVELS)
def test_shortfall_is_the_least_cost_of_covering_the_tail(scenarios: np.ndarray, level: float):
    # Rockafellar and Uryasev (2000): ES = min over c of c + E[(L - c)+] / (1 - a); the minimum lies at one of the losses.
    losses = -scenarios[:, 0]
    cost = [c + np.maximum(losses - c, 0).mean() / (1 - level) for c in losses]
    _, shortfall = tail(scenarios, level)
    assert shortfall[0, 0] == pytest.approx(min(cost), rel=1e-9, abs=1e-3)
