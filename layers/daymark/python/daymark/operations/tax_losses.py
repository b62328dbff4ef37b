"""Tax losses: a lot at a loss may be sold if no identical unit was or will be bought in the household within 30 days of the sale.

The lot is valued at its tax basis, with every earlier wash sale of the household in it. A candidate that is sold, whatever
planned purchases follow, is never washed: any unmatched purchase of the last 30 days in any account and any planned purchase
refuses it, by name. Only taxable portfolios have candidates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import takewhile
from typing import Any

from daymark.book.models import AccountKind, PortfolioRecord
from daymark.core.errors import InvalidInput
from daymark.core.lots import Term, holding_term
from daymark.core.money import decimal_of, to_cents
from daymark.core.wash_sales import WINDOW, HouseholdLot, TaxBlock, WashSales, wash_sales
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice

MINIMUM_LOSS = Decimal("100")


@dataclass(frozen=True, slots=True)
class PlannedPurchase:
    """A purchase that is expected: a rebalancing proposal, a reinvested dividend, a recurring order (``source`` says which)."""

    portfolio_id: str
    instrument_id: str
    on: date
    source: str


@dataclass(frozen=True, slots=True)
class LossCandidate:
    """Units of one lot that share a basis and a term, to be sold together with the lot's other candidates, if any."""

    lot_id: str
    instrument_id: str
    quantity: Decimal
    basis: Decimal
    value: Decimal
    term: Term

    @property
    def loss(self) -> Decimal:
        """Basis less value, above zero."""
        return self.basis - self.value


@dataclass(frozen=True, slots=True)
class RefusedLoss:
    """A loss large enough, and why it should not be taken now."""

    lot_id: str
    instrument_id: str
    loss: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class TaxLosses:
    """One taxable portfolio's candidates and refusals, in order of acquisition."""

    portfolio_id: str
    as_of: date
    candidates: tuple[LossCandidate, ...]
    refused: tuple[RefusedLoss, ...]

    @property
    def total_loss(self) -> Decimal:
        """The loss of all candidates."""
        return sum((candidate.loss for candidate in self.candidates), Decimal(0))


def find_tax_losses(
    household: Sequence[PortfolioRecord],
    closes: Mapping[str, ClosingPrice],
    on: date,
    as_of: date,
    *,
    planned: Sequence[PlannedPurchase] = (),
    being_sold: Collection[tuple[str, str]] = (),
    minimum_loss: Decimal = MINIMUM_LOSS,
    identical: Mapping[str, str] | None = None,
) -> Mapping[str, TaxLosses]:
    """The losses a household could take on a date, by taxable portfolio.

    Args:
        household: Every record of one household; nothing after ``on`` is looked at.
        closes: Prices by instrument id; each instrument held in a taxable portfolio needs one.
        on: Day of the sales.
        as_of: Session the prices belong to.
        planned: Purchases expected in the household, dated; those within 30 days of ``on`` count.
        being_sold: ``(portfolio_id, lot_id)`` of lots that today's rebalancing already sells from.
        minimum_loss: Smallest loss of a lot worth a sale, above zero.
        identical: Group of substantially identical securities by instrument id, as for ``wash_sales``.

    Raises:
        InvalidInput: records of two households, a plan for a portfolio outside it, no price, a threshold not above zero.
    """
    _refuse_bad_input(household, planned, minimum_loss)
    taxable = {record.portfolio.portfolio_id: record.portfolio.account is AccountKind.TAXABLE for record in household}
    known = (
        HouseholdLot(lot, taxable[record.portfolio.portfolio_id])
        for record in household
        for lot in (lot.as_of(on) for lot in record.lots)
        if lot is not None
    )
    history = wash_sales(known, identical)
    check = _WashCheck(history, planned, on, identical or {})
    lots: dict[tuple[str, str], list[TaxBlock]] = defaultdict(list)
    for block in history.open_blocks:
        if taxable[block.portfolio_id]:
            lots[block.portfolio_id, block.lot_id].append(block)
    candidates: dict[str, list[LossCandidate]] = defaultdict(list)
    refused: dict[str, list[RefusedLoss]] = defaultdict(list)
    for (portfolio_id, lot_id), members in lots.items():
        close = _price(closes, members[0].instrument_id)
        found = _losses(members, close, on)
        loss = sum((candidate.loss for candidate in found), Decimal(0))
        if loss < minimum_loss:
            continue
        reason = check.reason(members[0], close, (portfolio_id, lot_id) in being_sold)
        if reason is None:
            candidates[portfolio_id].extend(found)
        else:
            refused[portfolio_id].append(RefusedLoss(lot_id, members[0].instrument_id, loss, reason))
    return {
        portfolio_id: TaxLosses(portfolio_id, as_of, tuple(candidates[portfolio_id]), tuple(refused[portfolio_id]))
        for portfolio_id in sorted(taxable)
        if taxable[portfolio_id]
    }


def _price(closes: Mapping[str, ClosingPrice], instrument_id: str) -> ClosingPrice:
    field = f"closes[{instrument_id}]"
    close = closes.get(instrument_id)
    if close is None or decimal_of(close.price, field) <= 0:
        raise InvalidInput(f"no price above zero for {instrument_id}", field=field)
    return close


def _refuse_bad_input(household: Sequence[PortfolioRecord], planned: Sequence[PlannedPurchase], minimum_loss: Decimal) -> None:
    if len({(record.portfolio.tenant, record.portfolio.household_id) for record in household}) > 1:
        raise InvalidInput("records of more than one household", field="household")
    known = {record.portfolio.portfolio_id for record in household}
    for purchase in planned:
        if purchase.portfolio_id not in known:
            raise InvalidInput(f"planned purchase in {purchase.portfolio_id}, outside the household", field="planned")
    if not minimum_loss > 0:
        raise InvalidInput(f"minimum_loss must be above zero, got {minimum_loss}", field="minimum_loss")


def _losses(blocks: Sequence[TaxBlock], close: ClosingPrice, on: date) -> list[LossCandidate]:
    """The leading blocks of a lot that are at a loss: units behind a block with a gain cannot be sold before it."""
    priced = (
        LossCandidate(
            block.lot_id,
            block.instrument_id,
            block.quantity,
            block.basis,
            to_cents(block.quantity * close.price),
            holding_term(block.held_since, on),
        )
        for block in blocks
    )
    return list(takewhile(lambda candidate: candidate.loss > 0, priced))


class _WashCheck:
    """Answers whether a sale on one date would be washed, and by what."""

    def __init__(self, history: WashSales, planned: Sequence[PlannedPurchase], on: date, identical: Mapping[str, str]) -> None:
        self._identical = identical
        self._sold_today = {self._group(sale.instrument_id): sale for sale in history.sales if sale.disposed == on}
        self._recent: dict[str, list[TaxBlock]] = defaultdict(list)
        for block in history.open_blocks:
            # A purchase that has washed one loss is disregarded for any other (Reg. 1.1091-1(e)).
            if block.acquired >= on - WINDOW and not block.is_replacement:
                self._recent[self._group(block.instrument_id)].append(block)
        self._planned: dict[str, PlannedPurchase] = {}
        for purchase in sorted(planned, key=lambda purchase: (purchase.on, purchase.portfolio_id, purchase.instrument_id)):
            if abs(purchase.on - on) <= WINDOW:
                self._planned.setdefault(self._group(purchase.instrument_id), purchase)

    def _group(self, instrument_id: str) -> str:
        return self._identical.get(instrument_id, instrument_id)

    def reason(self, lot: TaxBlock, close: ClosingPrice, is_being_sold: bool) -> str | None:
        """Why a lot should not be sold at a loss now; ``None`` if nothing speaks against it."""
        if close.label is PriceLabel.LAST_GOOD:
            return f"the price of {lot.instrument_id} was quarantined"
        if is_being_sold:
            return "today's rebalancing already sells from this lot"
        group = self._group(lot.instrument_id)
        # Losses of one day go in order of acquisition, so this one could take the units that replaced the other's.
        if sold := self._sold_today.get(group):
            return f"{sold.instrument_id} was already sold in {sold.portfolio_id} on {sold.disposed}"
        # A lot has at most one unmatched block, so one of the first two is another lot's if there is any.
        for bought in self._recent[group][:2]:
            if (bought.portfolio_id, bought.lot_id) != (lot.portfolio_id, lot.lot_id):
                return f"{bought.instrument_id} was bought in {bought.portfolio_id} on {bought.acquired}"
        plan = self._planned.get(group)
        return None if plan is None else f"{plan.source} buys {plan.instrument_id} in {plan.portfolio_id} on {plan.on}"


def as_body(losses: TaxLosses) -> Mapping[str, Any]:
    """The body of the day's TAX_LOSSES record of one portfolio."""
    return {
        "as_of": losses.as_of.isoformat(),
        "candidates": [
            {
                "lot_id": candidate.lot_id,
                "instrument_id": candidate.instrument_id,
                "quantity": str(candidate.quantity),
                "basis": str(to_cents(candidate.basis)),
                "value": str(candidate.value),
                "loss": str(to_cents(candidate.loss)),
                "term": candidate.term.value,
            }
            for candidate in losses.candidates
        ],
        "refused": [
            {"lot_id": row.lot_id, "instrument_id": row.instrument_id, "loss": str(to_cents(row.loss)), "reason": row.reason}
            for row in losses.refused
        ],
        "total_loss": str(to_cents(losses.total_loss)),
    }
