"""Drawdowns by hand and against a loop over every pair of days."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daymark.core.errors import InvalidInput
from daymark.quant.drawdowns import Drawdown, max_drawdown, underwater

VALUES = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=40).map(np.array)


def test_the_deepest_fall_with_its_dates():
    values = np.array([100.0, 90.0, 110.0, 55.0, 80.0, 110.0, 120.0, 100.0])
    assert max_drawdown(values) == Drawdown(0.5, 2, 3, 5)
    np.testing.assert_allclose(underwater(values), [0, -0.1, 0, -0.5, 80 / 110 - 1, 0, 0, 100 / 120 - 1])


def test_a_fall_not_yet_recovered_and_a_series_that_only_rises():
    assert max_drawdown(np.array([100.0, 75.0, 80.0])) == Drawdown(0.25, 0, 1, None)
    assert max_drawdown(np.array([1.0, 2.0, 3.0])) == Drawdown(0.0, 0, 0, 0)


def test_of_equally_deep_falls_the_first_counts():
    assert max_drawdown(np.array([100.0, 50.0, 100.0, 50.0])).trough == 1


def test_series_side_by_side_do_not_mix():
    values = np.array([[100.0, 1.0], [50.0, 2.0]])
    assert underwater(values).tolist() == [[0.0, 0.0], [-0.5, 0.0]]
    assert underwater(np.empty(0)).tolist() == []


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_value_is_refused(bad: float):
    with pytest.raises(InvalidInput):
        underwater(np.array([100.0, bad]))


@pytest.mark.parametrize("shape", [(0,), (2, 2)])
def test_no_series_or_two_have_no_single_drawdown(shape: tuple[int, ...]):
    with pytest.raises(InvalidInput):
        max_drawdown(np.ones(shape))


@given(VALUES)
def test_it_is_the_worst_of_every_pair_of_days(values: np.ndarray):
    worst = max(1 - values[later] / values[earlier] for earlier in range(len(values)) for later in range(earlier, len(values)))
    deepest = max_drawdown(values)
    assert deepest.depth == pytest.approx(worst, abs=1e-12)
    assert deepest.depth == pytest.approx(1 - values[deepest.trough] / values[deepest.peak], abs=1e-12)
    if deepest.recovery is not None:
        assert deepest.recovery >= deepest.trough
        assert values[deepest.recovery] >= values[deepest.peak]


@given(VALUES, st.floats(0.01, 100))
def test_scale_changes_nothing(values: np.ndarray, factor: float):
    np.testing.assert_allclose(underwater(values * factor), underwater(values), atol=1e-12)
