"""Full jitter: bounds for any argument, the uniform law for its draws."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from daymark.core.errors import InvalidInput
from daymark.core.retry import full_jitter

BASES = st.floats(1e-3, 1e3)


@given(BASES, st.floats(1, 1e6), st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_wait_lies_between_zero_and_its_bound(base: float, times: float, retry: int, draw: float):
    cap = base * times
    wait = full_jitter(base, cap, retry, lambda: draw)
    assert 0 <= wait <= cap
    # The bound doubled by hand, one retry at a time.
    bound = base
    for _ in range(min(retry - 1, 64)):
        bound = min(cap, bound * 2)
    assert wait == pytest.approx(draw * bound, rel=1e-12)


@given(BASES, st.integers(1, 40))
def test_the_same_draw_never_waits_shorter_on_a_later_retry(base: float, retry: int):
    waits = [full_jitter(base, base * 1000, number, lambda: 0.75) for number in (retry, retry + 1)]
    assert waits[0] <= waits[1]


@pytest.mark.parametrize(("retry", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 8.0)])
def test_waits_are_uniform_below_the_bound(retry: int, bound: float):
    # Kolmogorov-Smirnov against the uniform law, 10,000 seeded draws; bounds by hand: 0.5 doubled, capped at 8.
    generator = random.Random(20180205)
    waits = [full_jitter(0.5, 8.0, retry, generator.random) for _ in range(10_000)]
    assert stats.kstest(waits, stats.uniform(0, bound).cdf).pvalue > 0.01


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((0.0, 1.0, 1, 0.5), "base_seconds"),
        ((-1.0, 1.0, 1, 0.5), "base_seconds"),
        ((math.nan, 1.0, 1, 0.5), "base_seconds"),
        ((math.inf, math.inf, 1, 0.5), "base_seconds"),
        ((2.0, 1.0, 1, 0.5), "cap_seconds"),
        ((1.0, math.inf, 1, 0.5), "cap_seconds"),
        ((1.0, math.nan, 1, 0.5), "cap_seconds"),
        ((1.0, 2.0, 0, 0.5), "retry_number"),
        ((1.0, 2.0, 1, 1.0), "uniform"),
        ((1.0, 2.0, 1, -0.1), "uniform"),
        ((1.0, 2.0, 1, math.nan), "uniform"),
    ],
)
def test_arguments_outside_their_range_are_refused_by_name(arguments: tuple[float, float, int, float], field: str):
    base, cap, retry, draw = arguments
    with pytest.raises(InvalidInput) as refused:
        full_jitter(base, cap, retry, lambda: draw)
    assert refused.value.field == field
