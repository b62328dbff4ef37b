"""Proposed wash sales: a proposed sale washes as far as the whole household's lots and today's proposals, all booked, make it wash.

The rule itself stands in :mod:`daymark.core.wash_sales`. What is bought in the 30 days to come is not known: a loss not named here
is not yet safe.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from daymark.book.models import AccountKind, PortfolioRecord
from daymark.core.lots import Disposal, Lot, apportion
from daymark.core.wash_sales import WINDOW, HouseholdLot, WashMatch, wash_sales
from daymark.operations.rebalancing import RebalancingProposal, Side

_NONE = Decimal(0)


def washed_lots(household: Sequence[PortfolioRecord], known: date, on: date) -> frozenset[tuple[str, str]]:
    """``(portfolio_id, lot_id)`` of taxed lots whose loss on ``on`` would meet a purchase of the 30 days before in the household.

    A purchase that has washed one loss already is spent (Reg. 1.1091-1(e)), and a lot does not wash itself.

    Args:
        household: Every record of one household.
        known: The date of the marks that trades are sized on; nothing after it is looked at.
        on: The day of the trades.
    """
    taxed = {record.portfolio.portfolio_id for record in household if record.portfolio.account is AccountKind.TAXABLE}
    blocks = wash_sales(_known(household, known)).open_blocks
    recent: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for block in blocks:
        if block.acquired >= on - WINDOW and not block.is_replacement:
            recent[block.instrument_id].add((block.portfolio_id, block.lot_id))
    held = {(block.portfolio_id, block.lot_id): block.instrument_id for block in blocks if block.portfolio_id in taxed}
    return frozenset(lot for lot, instrument_id in held.items() if recent[instrument_id] - {lot})


def proposed_wash_sales(
    proposals: Iterable[RebalancingProposal], household: Sequence[PortfolioRecord], known: date, on: date
) -> Mapping[str, tuple[WashMatch, ...]]:
    """The losses of proposed sales that would be disallowed, by portfolio; portfolios without any are left out.

    Args:
        proposals: Of portfolios of the household, sized on marks of ``known``, all to be made on ``on``.
        household: Every record of one household; nothing after ``known`` is looked at.
        known: The date of the marks.
        on: The day of the trades.
    """
    trades = [(proposal.portfolio_id, trade) for proposal in proposals for trade in proposal.trades]
    disposals: dict[tuple[str, str], Disposal] = {}
    for portfolio_id, trade in trades:
        first = _NONE
        for part in trade.lots:
            proceeds = apportion(trade.amount, first, first + part.quantity, trade.quantity)
            first += part.quantity
            disposals[portfolio_id, part.lot_id] = Disposal(on, part.quantity, proceeds)
    taxable = {record.portfolio.portfolio_id: record.portfolio.account is AccountKind.TAXABLE for record in household}
    lots = [
        replace(row, lot=replace(row.lot, disposals=(*row.lot.disposals, disposals[key]))) if key in disposals else row
        for row in _known(household, known)
        for key in [(row.lot.portfolio_id, row.lot.lot_id)]
    ]
    for portfolio_id, trade in trades:
        if trade.side is Side.BUY:
            bought = Lot(f"proposed {trade.instrument_id}", portfolio_id, trade.instrument_id, on, trade.quantity, trade.amount)
            lots.append(HouseholdLot(bought, taxable[portfolio_id]))
    found: dict[str, list[WashMatch]] = defaultdict(list)
    for match in wash_sales(lots).matches:
        if match.disposed == on and (match.portfolio_id, match.lot_id) in disposals:
            found[match.portfolio_id].append(match)
    return {portfolio_id: tuple(matches) for portfolio_id, matches in sorted(found.items())}


def _known(household: Sequence[PortfolioRecord], known: date) -> list[HouseholdLot]:
    return [
        HouseholdLot(held, record.portfolio.account is AccountKind.TAXABLE)
        for record in household
        for held in (lot.as_of(known) for lot in record.lots)
        if held is not None
    ]
