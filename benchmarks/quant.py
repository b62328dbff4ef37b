"""VaR and expected shortfall of 10,000 portfolios over 504 sessions, against what a quant would write or install instead.

Run from the repository root: ``python -m benchmarks.quant``. Exposures and returns are synthetic (seeded Student t, 25 instruments);
every contender starts from both and forms the profit matrix itself, with the same BLAS threads. Answers must agree before timing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from benchmarks.recording import BenchmarkRow, Peer, record
from daymark.quant.tail_risk import FloatArray, TailRisk, historical_tail, scenario_pnl

PORTFOLIOS, SESSIONS, INSTRUMENTS, LEVELS = 10_000, 504, 25, (0.95, 0.99)
TOLERANCE = 1e-9
REPEATS = 5


def ours(exposures: FloatArray, returns: FloatArray) -> TailRisk:
    """The product and the tail, as the overnight risk task calls them."""
    return historical_tail(scenario_pnl(exposures, returns), LEVELS)


def numpy_loop(exposures: FloatArray, returns: FloatArray) -> FloatArray:
    """VaR alone, one ``numpy.quantile`` per portfolio: what is written first."""
    pnl = exposures @ returns.T
    return np.array([np.quantile(-row, LEVELS, method="inverted_cdf") for row in pnl]).T


def numpy_whole(exposures: FloatArray, returns: FloatArray) -> FloatArray:
    """VaR alone, one ``numpy.quantile`` over the matrix."""
    return np.asarray(np.quantile(-(exposures @ returns.T), LEVELS, axis=1, method="inverted_cdf"))


def skfolio_measures(exposures: FloatArray, returns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """VaR and CVaR by skfolio's own measures, which take all portfolios as columns."""
    measures = import_module("skfolio.measures")
    pnl = returns @ exposures.T
    var = np.array([measures.value_at_risk(pnl, beta=level) for level in LEVELS])
    return var, np.array([measures.cvar(pnl, beta=level) for level in LEVELS])


def milliseconds(work: Callable[[], object]) -> float:
    """The fastest of a few runs: the one least disturbed by the machine's other work."""
    durations = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return min(durations) * 1e3


def main() -> None:
    """Check agreement, measure, record, print."""
    generator = np.random.default_rng(20180205)
    exposures = generator.uniform(0.0, 1e5, (PORTFOLIOS, INSTRUMENTS))
    returns = generator.standard_t(4, (SESSIONS, INSTRUMENTS)) * 0.01
    tail = ours(exposures, returns)
    np.testing.assert_allclose(numpy_loop(exposures, returns), tail.var, rtol=TOLERANCE)
    np.testing.assert_allclose(numpy_whole(exposures, returns), tail.var, rtol=TOLERANCE)
    peers = {
        "numpy.quantile per portfolio (VaR only)": Peer(milliseconds(lambda: numpy_loop(exposures, returns)), np.__version__),
        "numpy.quantile over the matrix (VaR only)": Peer(milliseconds(lambda: numpy_whole(exposures, returns)), np.__version__),
    }
    note = f"fastest of {REPEATS}; synthetic data, {INSTRUMENTS} instruments, levels {LEVELS}; answers agree to {TOLERANCE:g}"
    try:
        import_module("skfolio.measures")
    except (ModuleNotFoundError, PackageNotFoundError) as missing:
        note += f"; skfolio not timed: {missing}"
    else:
        var, shortfall = skfolio_measures(exposures, returns)
        np.testing.assert_allclose(var, tail.var, rtol=TOLERANCE)
        np.testing.assert_allclose(shortfall, tail.shortfall, rtol=TOLERANCE)
        peers["skfolio value_at_risk and cvar"] = Peer(milliseconds(lambda: skfolio_measures(exposures, returns)), version("skfolio"))
    row = BenchmarkRow(
        name="VaR and ES at two levels, 10,000 portfolios x 504 sessions",
        value=milliseconds(lambda: ours(exposures, returns)),
        unit="ms",
        better="lower",
        claim="A whole firm's overnight historical risk, from exposures to VaR and ES, on a CPU in a fraction of a second.",
        peers=peers,
        note=note,
    )
    print(record("quant", [row]))
    for name, value in {"daymark": row.value, **{name: peer.value for name, peer in peers.items()}}.items():
        print(f"{value:10.1f} ms  {name}")


if __name__ == "__main__":
    main()
