"""Returns and realised volatility: the rule for missing prices, and what is no price."""

import numpy as np
import pytest

from daymark.core.errors import InvalidInput
from daymark.quant.returns import log_returns, realised_volatility, simple_returns

NAN = float("nan")


def test_returns_of_two_instruments():
    closes = np.array([[100.0, 50.0], [110.0, 40.0], [99.0, 60.0]])
    np.testing.assert_allclose(simple_returns(closes), [[0.1, -0.2], [-0.1, 0.5]], rtol=1e-14)
    np.testing.assert_allclose(log_returns(closes), np.log([[1.1, 0.8], [0.9, 1.5]]), rtol=1e-14)


@pytest.mark.parametrize("returns", [simple_returns, log_returns])
def test_a_missing_price_leaves_both_its_returns_missing_and_no_other(returns):
    missing = np.isnan(returns(np.array([100.0, 101.0, NAN, 103.0, 104.0])))
    assert missing.tolist() == [False, True, True, False]


@pytest.mark.parametrize("returns", [simple_returns, log_returns])
@pytest.mark.parametrize("bad", [0.0, -1.0, np.inf])
def test_what_is_no_price_is_refused(returns, bad: float):
    with pytest.raises(InvalidInput) as refusal:
        returns(np.array([[100.0, 1.0], [100.0, bad]]))
    assert refusal.value.field == "closes"
    assert "(1, 1)" in refusal.value.message


def test_fewer_than_two_prices_have_no_returns():
    assert simple_returns(np.array([100.0])).shape == (0,)
    assert simple_returns(np.empty((0, 3))).shape == (0, 3)


def test_volatility_takes_the_mean_as_zero():
    # Log moves +2 %, -1 %, +2 %: sqrt(252 / 3 x (0.0004 + 0.0001 + 0.0004)) = sqrt(0.0756).
    closes = 100 * np.exp(np.array([0.0, 0.02, 0.01, 0.03]))
    assert realised_volatility(closes) == pytest.approx(0.0756**0.5, rel=1e-12)


@pytest.mark.parametrize("closes", [[100.0], [100.0, NAN, 101.0], [[100.0, 101.0]], [100.0, 0.0]])
def test_volatility_without_enough_prices_is_refused(closes):
    with pytest.raises(InvalidInput):
        realised_volatility(np.array(closes))
