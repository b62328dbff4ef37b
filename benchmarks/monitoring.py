"""Live marks after 1,000 changed prices, for 10,000 to 1,000,000 portfolios, against valuing everything anew in float64.

Run from the repository root: ``python -m benchmarks.monitoring``. The book is synthetic: up to 30 positions a portfolio in 5,000
instruments of Zipf popularity (exponent 1.5), so that the most popular one is held by almost every portfolio; the changed
instruments are drawn without regard to it. The kept values must equal a full valuation to the cent before anything is timed.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from benchmarks.recording import BenchmarkRow, Peer, record
from daymark.monitoring.live_marks import Holdings, LiveMarks

INSTRUMENTS, POSITIONS, CLASSES, CHANGED = 5_000, 30, 8, 1_000
GOALS_MS = {10_000: 1.5, 100_000: 10.0, 1_000_000: 100.0}
REPEATS = 9


def synthetic_marks(portfolios: int, seed: int = 20180205) -> tuple[np.random.Generator, LiveMarks]:
    """A book of so many portfolios, marked."""
    draw = np.random.default_rng(seed)
    instruments = (draw.zipf(1.5, portfolios * POSITIONS) - 1) % INSTRUMENTS
    pairs = np.unique(instruments * np.int64(portfolios) + np.repeat(np.arange(portfolios), POSITIONS))
    quantities = draw.integers(1, 5_000_000, len(pairs))
    classes = draw.integers(0, CLASSES, INSTRUMENTS)
    holdings = Holdings.of(pairs // portfolios, pairs % portfolios, quantities, classes, portfolios, CLASSES)
    return draw, LiveMarks(holdings, draw.integers(10_000, 5_000_000, INSTRUMENTS), draw.integers(0, 10**8, portfolios))


def everything_anew(marks: LiveMarks) -> npt.NDArray[np.float64]:
    """The peer: every position valued in float64 and summed by portfolio, in cents."""
    holdings = marks.holdings
    prices = np.repeat(marks.prices_1e4 / 1e4, np.diff(holdings.starts))
    values = np.bincount(holdings.portfolios, holdings.quantities_1e4 / 1e4 * prices, minlength=holdings.n_portfolios)
    return np.asarray(values * 100 + marks.cash_cents, dtype=np.float64)


def measured(portfolios: int, goal_ms: float) -> BenchmarkRow:
    """One size of book."""
    draw, marks = synthetic_marks(portfolios)
    targets = np.full((portfolios, CLASSES), 1 / CLASSES)
    ours, peers, touched = [], [], np.empty(0, dtype=np.int64)
    for _ in range(REPEATS):
        changed = draw.permutation(INSTRUMENTS)[:CHANGED]
        prices = np.maximum((marks.prices_1e4[changed] * draw.normal(1.0, 0.01, CHANGED)).astype(np.int64), 1)
        started = time.perf_counter()
        touched = marks.apply(changed, prices)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        anew = everything_anew(marks)
        peers.append(time.perf_counter() - started)
        # A float64 sum of unrounded positions is off by at most half a cent each.
        assert float(np.abs(anew - marks.value_cents).max()) <= POSITIONS / 2 + 1
    marks.prove()
    started = time.perf_counter()
    marks.drift(touched, targets)
    marks.drawdown(touched)
    rules_ms = 1e3 * (time.perf_counter() - started)
    rows = int(np.diff(marks.holdings.starts)[changed].sum())
    return BenchmarkRow(
        f"live marks of {portfolios:,} portfolios after {CHANGED:,} changed prices",
        1e3 * float(np.median(ours)),
        "ms",
        "lower",
        "Values, class values and high-water marks of every portfolio that holds a changed instrument, exact to the cent.",
        goal_ms,
        {"everything anew in float64, not exact": Peer(1e3 * float(np.median(peers)), np.__version__)},
        f"Synthetic book; {rows:,} positions of {len(touched):,} portfolios touched in the last run; their drift and drawdown"
        f" took another {rules_ms:.1f} ms. Median of {REPEATS}, one thread.",
    )


if __name__ == "__main__":
    print(record("monitoring", [measured(*goal) for goal in GOALS_MS.items()]))
