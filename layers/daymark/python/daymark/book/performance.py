"""A day's return is its profit and loss over the capital it was earned on: the prior value and the day's deposits.

The day return is Modified Dietz over one day with deposits weighted one (invested from the start of the day) and withdrawals
weighted zero (invested to its end), so the capital never falls below the prior value. Returns over many days are linked
geometrically: time-weighted, free of the size and timing of flows between days (GIPS, "Calculation Methodology").
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from daymark.book.holdings import ZERO
from daymark.book.models import PortfolioRecord
from daymark.core.errors import InvalidInput, NotPublished
from daymark.market_data.models import PricePanel
from daymark.quant.drawdowns import underwater

FloatArray = npt.NDArray[np.float64]


def invested_capital(prior_value: Decimal, inflows: Decimal) -> Decimal:
    """The capital a day's result is measured on: prior value plus the day's deposits.

    Raises:
        InvalidInput: nothing, or less than nothing, was invested, so no return exists.
    """
    if inflows < 0:
        raise InvalidInput(f"deposits must not be negative, got {inflows}", field="inflows")
    capital = prior_value + inflows
    if capital <= 0:
        raise InvalidInput(f"no return exists on a capital of {capital}", field="prior_value")
    return capital


def day_return(pnl: Decimal, prior_value: Decimal, inflows: Decimal = ZERO) -> float:
    """One day's return as a fraction.

    Earning 12.00 on 1,000.00 into which 200.00 were deposited is 12 / 1,200 = 1%:

    >>> day_return(Decimal("12.00"), Decimal("1000.00"), Decimal("200.00"))
    0.01

    A portfolio that had nothing, got nothing and earned nothing returned nothing:

    >>> day_return(Decimal(0), Decimal(0))
    0.0

    Raises:
        InvalidInput: a result was earned on no capital.
    """
    if pnl == 0 and prior_value == 0 and inflows == 0:
        return 0.0
    return float(pnl / invested_capital(prior_value, inflows))


@dataclass(frozen=True)
class PerformanceHistory:
    """A portfolio's value over many sessions and its time-weighted path.

    Attributes:
        sessions: ``(n,)`` dates, strictly rising.
        values: ``(n,)`` value at each close, in the portfolio's currency; for charts, the exact value is the mark's.
        returns: ``(n,)`` day returns as fractions; the first is 0.
        index: ``(n,)`` linked index; 1 at the first session.
        drawdowns: ``(n,)`` fall from the highest index so far, as fractions in [-1, 0].
    """

    sessions: tuple[date, ...]
    values: FloatArray
    returns: FloatArray
    index: FloatArray
    drawdowns: FloatArray


def link_returns(values: FloatArray, flows: FloatArray, inflows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Day returns and the time-weighted index of a value history.

    Args:
        values: ``(n,)`` values at each close, finite.
        flows: ``(n,)`` deposits less withdrawals since the prior close; the first is not read.
        inflows: ``(n,)`` deposits alone.

    Returns:
        ``(n,)`` returns, the first 0, and the ``(n,)`` index, the first 1; two empty arrays for ``n`` = 0.

    >>> returns, index = link_returns(np.array([100.0, 110.0, 171.0]), np.array([0.0, 0.0, 70.0]), np.array([0.0, 0.0, 70.0]))
    >>> returns.round(3).tolist(), index.round(3).tolist()
    ([0.0, 0.1, -0.05], [1.0, 1.1, 1.045])

    Raises:
        InvalidInput: shapes differ, a number is not finite, or a day's result was earned on no capital.
    """
    if values.ndim != 1 or values.shape != flows.shape or values.shape != inflows.shape:
        raise InvalidInput(f"shapes {values.shape}, {flows.shape} and {inflows.shape} must be one (n,)", field="values")
    if not (np.isfinite(values).all() and np.isfinite(flows).all() and np.isfinite(inflows).all()):
        raise InvalidInput("values and flows must be finite", field="values")
    returns: FloatArray = np.zeros(values.shape)
    pnl = np.diff(values) - flows[1:]
    capital = values[:-1] + inflows[1:]
    undefined = (capital <= 0) & (pnl != 0)
    if undefined.any():
        raise InvalidInput("no return exists on a capital of zero or less", field=f"values[{int(undefined.argmax()) + 1}]")
    np.divide(pnl, capital, out=returns[1:], where=capital > 0)
    return returns, np.cumprod(1.0 + returns, dtype=np.float64)


def performance_history(record: PortfolioRecord, panel: PricePanel) -> PerformanceHistory:
    """What the portfolio was worth at each session of a panel, as its lots and cash entries tell, and its linked path.

    Args:
        record: The portfolio with all its lots and cash entries.
        panel: Closes of at least every instrument held during the panel's sessions.

    Raises:
        NotPublished: a held instrument has no close at a session; the field names it.
        InvalidInput: the portfolio earned a result on no capital, or lost all of it.
    """
    days = np.array(panel.sessions, dtype="datetime64[D]")
    values = _balance_at(days, [(entry.booked, entry.amount) for entry in record.cash])
    for instrument_id in sorted({lot.instrument_id for lot in record.lots}):
        changes = [(lot.acquired, lot.quantity) for lot in record.lots if lot.instrument_id == instrument_id]
        changes += [(sale.disposed, -sale.quantity) for lot in record.lots if lot.instrument_id == instrument_id for sale in lot.disposals]
        units = _balance_at(days, changes)
        # Sums of decimals as floats may leave dust where everything was sold; quantities have four decimals.
        units[np.abs(units) < 0.5e-4] = 0.0
        if not units.any():
            continue
        if instrument_id not in panel.instrument_ids:
            raise NotPublished(f"no closes of {instrument_id}", field=f"closes[{instrument_id}]")
        closes = panel.column(instrument_id)
        unpriced = (units != 0) & ~np.isfinite(closes)
        if unpriced.any():
            session = panel.sessions[int(unpriced.argmax())]
            raise NotPublished(f"no close of {instrument_id} for {session}", field=f"closes[{instrument_id}]")
        values += np.where(units != 0, units * np.where(np.isfinite(closes), closes, 0.0), 0.0)
    external = [entry for entry in record.cash if entry.kind.is_external_flow]
    flows = _change_since(days, [(entry.booked, entry.amount) for entry in external])
    inflows = _change_since(days, [(entry.booked, entry.amount) for entry in external if entry.amount > 0])
    returns, index = link_returns(values, flows, inflows)
    return PerformanceHistory(panel.sessions, values, returns, index, underwater(index))


def _balance_at(days: npt.NDArray[np.datetime64], changes: list[tuple[date, Decimal]]) -> FloatArray:
    """The sum of all changes dated up to each day."""
    ordered = sorted(changes)
    dates = np.array([day for day, _ in ordered], dtype="datetime64[D]")
    totals = np.concatenate([[0.0], np.cumsum([float(amount) for _, amount in ordered])])
    balance: FloatArray = totals[np.searchsorted(dates, days, side="right")]
    return balance


def _change_since(days: npt.NDArray[np.datetime64], changes: list[tuple[date, Decimal]]) -> FloatArray:
    """The sum of changes dated after the day before it in the array; zero for the first."""
    balance = _balance_at(days, changes)
    return np.diff(balance, prepend=balance[:1])
