"""Profit and loss is the change in value less what crossed the portfolio's border, to the cent; its parts sum to it exactly.

A position's part is its change in value plus the cash it moved itself: sales less purchases, coupons, fees charged on it. What
moved cash without naming an instrument (an account fee) is ``other``. Deposits and withdrawals are nobody's result. What a correction
changed in the prior value since it was reported is a restatement, and no result of the day either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from daymark.book.holdings import ZERO, entries_between
from daymark.book.models import CashEntry, CashKind, PortfolioMark, PortfolioRecord
from daymark.book.valuation import BLOCK, IntArray, int64_array, refuse_overflow, rounded_products, same_shape
from daymark.core.errors import InvalidInput

_LARGEST_CASH = 2**62


@dataclass(frozen=True, slots=True)
class ProfitAndLoss:
    """What a portfolio earned between two marks, in its currency, to the cent.

    ``reported_prior_value + restatement + flows + pnl`` is ``value``, to the cent.

    Attributes:
        prior_value: Value at the prior mark as the books and closes now give it: what the result is measured from.
        restatement: What the prior value now exceeds its reported value by; zero where nothing was corrected or reported.
        flows: Deposits less withdrawals after the prior mark.
        inflows: Deposits alone: the part of ``flows`` that returns are measured on.
        by_position: Result by instrument id, sorted; every instrument held or traded appears, also at zero.
        other: Result that names no instrument.
    """

    portfolio_id: str
    session_date: date
    value: Decimal
    prior_value: Decimal
    flows: Decimal
    inflows: Decimal
    pnl: Decimal
    by_position: Mapping[str, Decimal]
    other: Decimal
    restatement: Decimal = ZERO

    @property
    def reported_prior_value(self) -> Decimal:
        """The prior value as it was reported before any correction."""
        return self.prior_value - self.restatement

    def __post_init__(self) -> None:
        parts = sum(self.by_position.values(), self.other)
        if parts != self.pnl:
            raise InvalidInput(f"parts {parts} do not sum to the result {self.pnl}", field="by_position")


def profit_and_loss(
    record: PortfolioRecord, prior: PortfolioMark, current: PortfolioMark, reported: PortfolioMark | None = None
) -> ProfitAndLoss:
    """What the portfolio earned after ``prior`` and up to ``current``.

    Prior value 1,000.00, a deposit of 200.00, value 1,230.00: the result is 1,230.00 - 1,000.00 - 200.00 = 30.00. Had 990.00 been
    reported before a fee was taken back, the restatement is 10.00 and the result the same.

    Args:
        record: The portfolio with its cash entries; those booked between the two marks explain the change in cash.
        prior: The mark of an earlier session, as books and closes now give it.
        current: The mark of a later session.
        reported: The earlier session's mark as it was reported; ``None`` if it never was.

    Raises:
        InvalidInput: the marks are of other portfolios or in the wrong order, or their cash is not what the entries say.
    """
    _refuse_other_marks(record, prior, current, reported)
    entries = entries_between(record, prior.session_date, current.session_date)
    if current.cash - prior.cash != sum((entry.amount for entry in entries), ZERO):
        raise InvalidInput(
            f"cash moved from {prior.cash} to {current.cash}, which the entries in between do not explain",
            field="cash",
            portfolio_id=current.portfolio_id,
        )
    by_position: dict[str, Decimal] = {row.instrument_id: row.value for row in current.positions}
    for row in prior.positions:
        by_position[row.instrument_id] = by_position.get(row.instrument_id, ZERO) - row.value
    flows = inflows = other = ZERO
    for entry in entries:
        if entry.kind.is_external_flow:
            flows += entry.amount
            inflows += max(entry.amount, ZERO)
        elif entry.instrument_id is None:
            other += entry.amount
        else:
            by_position[entry.instrument_id] = by_position.get(entry.instrument_id, ZERO) + entry.amount
    return ProfitAndLoss(
        portfolio_id=current.portfolio_id,
        session_date=current.session_date,
        value=current.value,
        prior_value=prior.value,
        flows=flows,
        inflows=inflows,
        pnl=current.value - prior.value - flows,
        by_position=dict(sorted(by_position.items())),
        other=other,
        restatement=ZERO if reported is None else prior.value - reported.value,
    )


def _refuse_other_marks(record: PortfolioRecord, prior: PortfolioMark, current: PortfolioMark, reported: PortfolioMark | None) -> None:
    key = (record.portfolio.tenant, record.portfolio.portfolio_id)
    for name, one in (("prior", prior), ("current", current), ("reported", reported)):
        if one is not None and (one.tenant, one.portfolio_id) != key:
            raise InvalidInput(f"{name} marks {one.tenant}/{one.portfolio_id}, not {key[0]}/{key[1]}", field=name)
    if prior.session_date >= current.session_date:
        raise InvalidInput(f"prior mark {prior.session_date} is not before {current.session_date}", field="prior")
    if reported is not None and reported.session_date != prior.session_date:
        raise InvalidInput(f"reported mark {reported.session_date} is not of {prior.session_date}", field="reported")


def unpaid_changes(record: PortfolioRecord, after: date, on: date) -> tuple[str, ...]:
    """Instruments whose units changed after ``after`` and up to ``on`` without a purchase or sale in cash, sorted.

    Their change in value counts as profit or loss, because nothing paid for it: a person should look.
    """
    entries = entries_between(record, after, on)
    paid = {kind: _traded(entries, kind) for kind in (CashKind.BUY, CashKind.SELL)}
    unpaid = {lot.instrument_id for lot in record.lots if after < lot.acquired <= on and lot.instrument_id not in paid[CashKind.BUY]}
    unpaid |= {
        lot.instrument_id
        for lot in record.lots
        if lot.instrument_id not in paid[CashKind.SELL] and any(after < sale.disposed <= on for sale in lot.disposals)
    }
    return tuple(sorted(unpaid))


def _traded(entries: tuple[CashEntry, ...], kind: CashKind) -> frozenset[str | None]:
    return frozenset(entry.instrument_id for entry in entries if entry.kind is kind)


def results_in_cents(
    prior_quantities_1e4: npt.ArrayLike,
    prior_prices_1e4: npt.ArrayLike,
    quantities_1e4: npt.ArrayLike,
    prices_1e4: npt.ArrayLike,
    position_cash_cents: npt.ArrayLike,
) -> IntArray:
    """Results of many position-days at once, in whole cents: the rule of :func:`profit_and_loss` for one position each.

    Args:
        prior_quantities_1e4: Units held at the prior close, counts of one ten-thousandth, any shape.
        prior_prices_1e4: Prior closes, counts of one ten-thousandth.
        quantities_1e4: Units held at the close.
        prices_1e4: Closes.
        position_cash_cents: Cash the position moved in between, in cents: sales less purchases, coupons, fees.

    Returns:
        int64 cents of the shape the inputs broadcast to; empty in, empty out.

    Raises:
        InvalidInput: inputs are no integers, do not fit each other, or a value passes the int64 range.

    10 shares from 20.00 to 20.50 earn 5.00; buying 2 more at 20.25 (cash -40.50) and holding 12 earns 5.50:

    >>> results_in_cents([100_000, 100_000], 200_000, [100_000, 120_000], 205_000, [0, -4050]).tolist()
    [500, 550]
    """
    cash = int64_array(position_cash_cents, "position_cash_cents")
    if cash.size and (int(cash.min()) < -_LARGEST_CASH or int(cash.max()) > _LARGEST_CASH):
        raise InvalidInput("position_cash_cents must stay within 2^62 cents", field="position_cash_cents")
    before, old, quantities, prices, cash = same_shape(
        prior_quantities_1e4=int64_array(prior_quantities_1e4, "prior_quantities_1e4"),
        prior_prices_1e4=int64_array(prior_prices_1e4, "prior_prices_1e4"),
        quantities_1e4=int64_array(quantities_1e4, "quantities_1e4"),
        prices_1e4=int64_array(prices_1e4, "prices_1e4"),
        position_cash_cents=cash,
    )
    refuse_overflow(before, old)
    refuse_overflow(quantities, prices)
    results = np.empty(cash.shape, dtype=np.int64)
    flat = results.reshape(-1)
    columns = [column.reshape(-1) for column in (before, old, quantities, prices, cash)]
    for start in range(0, flat.size, BLOCK):
        before, old, quantities, prices, cash = (column[start : start + BLOCK] for column in columns)
        flat[start : start + BLOCK] = rounded_products(quantities, prices) - rounded_products(before, old) + cash
    return results
