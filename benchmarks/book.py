"""Profit and loss of 1,000,000 position-days to the cent, against the exact Decimal loop and against plain float64.

Run from the repository root: ``python -m benchmarks.book``. Quantities, prices and cash are synthetic (seeded, in the ranges of the
sample book). The kernel must equal the Decimal rule on every position-day of the subset the loop is timed on, and the float64 answer
to a cent everywhere, before anything is timed.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from benchmarks.recording import BenchmarkRow, Peer, record
from daymark.book.profit_and_loss import results_in_cents
from daymark.book.valuation import IntArray, position_value

POSITION_DAYS, DECIMAL_SUBSET = 1_000_000, 20_000
REPEATS = 7


@dataclass(frozen=True)
class PositionDays:
    """Inputs of many position-days: quantities and prices in ten-thousandths, cash in cents, each ``(n,)`` int64."""

    prior_quantities: IntArray
    prior_prices: IntArray
    quantities: IntArray
    prices: IntArray
    cash: IntArray

    def first(self, count: int) -> PositionDays:
        """The first rows of every column."""
        return PositionDays(*(column[:count] for column in self.columns()))

    def columns(self) -> tuple[IntArray, ...]:
        """The five columns in the kernel's order."""
        return self.prior_quantities, self.prior_prices, self.quantities, self.prices, self.cash


def synthetic(count: int, seed: int = 20180205) -> PositionDays:
    """Up to 5,000 units between 1 and 500; one position in ten trades during its day."""
    generator = np.random.default_rng(seed)
    prior_quantities = generator.integers(0, 50_000_000, count)
    prior_prices = generator.integers(10_000, 5_000_000, count)
    prices = np.maximum((prior_prices * generator.normal(1.0, 0.02, count)).astype(np.int64), 1)
    traded = generator.random(count) < 0.1
    quantities = np.where(traded, generator.integers(0, 50_000_000, count), prior_quantities)
    cash = np.where(traded, generator.integers(-100_000_000, 100_000_000, count), 0)
    return PositionDays(prior_quantities, prior_prices, quantities, prices, cash)


def decimal_loop(rows: list[tuple[Decimal, Decimal, Decimal, Decimal, Decimal]]) -> list[Decimal]:
    """The exact rule, one position-day at a time."""
    return [position_value(quantity, price) - position_value(before, old) + cash for before, old, quantity, price, cash in rows]


def float_arrays(days: PositionDays) -> list[npt.NDArray[np.float64]]:
    """The inputs as a float64 program would hold them."""
    scales = (1e4, 1e4, 1e4, 1e4, 1e2)
    return [column / scale for column, scale in zip(days.columns(), scales, strict=True)]


def float_results(arrays: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """What is written first: float64 products rounded to the cent."""
    before, old, quantity, price, cash = arrays
    return np.asarray(np.round(quantity * price, 2) - np.round(before * old, 2) + cash)


def milliseconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The fastest of a few runs: the one least disturbed by the machine's other work."""
    durations = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return min(durations) * 1e3


def main() -> None:
    """Check agreement, measure, record, print."""
    days = synthetic(POSITION_DAYS)
    subset = days.first(DECIMAL_SUBSET)
    exponents = (-4, -4, -4, -4, -2)
    decimals = [[Decimal(int(cell)).scaleb(power) for cell in column] for column, power in zip(subset.columns(), exponents, strict=True)]
    rows = list(zip(*decimals, strict=True))
    exact = decimal_loop(rows)
    if [int(value.scaleb(2)) for value in exact] != results_in_cents(*subset.columns()).tolist():
        raise SystemExit("the kernel and the Decimal rule disagree")
    arrays = float_arrays(days)
    cents = results_in_cents(*days.columns())
    floats = float_results(arrays)
    if float(np.abs(floats * 100 - cents).max()) > 1.01:
        raise SystemExit("the kernel and float64 disagree by more than a cent")
    wrong = int((np.round(floats * 100).astype(np.int64) != cents).sum())
    kernel = milliseconds(lambda: results_in_cents(*days.columns()))
    plain = milliseconds(lambda: float_results(arrays))
    loop = milliseconds(lambda: decimal_loop(rows), repeats=3) * POSITION_DAYS / DECIMAL_SUBSET
    row = BenchmarkRow(
        name="profit and loss of 1,000,000 position-days",
        value=kernel,
        unit="ms",
        better="lower",
        claim="Exact to the cent, half-even, with overflow refused.",
        peers={
            f"Decimal loop (measured on {DECIMAL_SUBSET:,}, scaled)": Peer(loop, f"Python {platform.python_version()}"),
            f"numpy float64 ({wrong:,} results off by a cent)": Peer(plain, np.__version__),
        },
        note="Synthetic inputs, one thread; equal to the Decimal rule on the subset, float64 within a cent everywhere.",
    )
    print(f"{kernel:.1f} ms; Decimal loop {loop:.0f} ms (scaled); float64 {plain:.1f} ms with {wrong:,} of {POSITION_DAYS:,} off by a cent")
    print(record("book", [row]))


if __name__ == "__main__":
    main()
