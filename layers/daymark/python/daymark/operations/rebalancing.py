"""Rebalancing: what is outside its no-trade band goes back to target in whole units, cash too; what is inside is left alone.

Back to the target, not to the band's edge: a weight left on the edge is outside again after the next move, and every ticket has a
fixed cost (the minimum trade stands for it), so fewer, larger trades are cheaper. Sales come first, then purchases, the largest
shortfall first, as far as cash reaches. Units are the nearest whole number, a half downwards.

Cash has a target, what the targets leave, and the same band. Where the trades above would leave it outside, holdings inside their
bands join in, the furthest from target first, each to its target at most: cash above is spent down to its target, never below;
cash below is raised up to it, never above.

A taxable account sells the lots with the least tax, and a loss that a purchase of the last 30 days in the household would wash saves
no tax. Which losses would wash, today's purchases of the whole household counted, :mod:`daymark.operations.proposed_wash_sales` tells.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, ROUND_HALF_DOWN, Decimal
from enum import StrEnum
from typing import Any

from daymark.book.models import AccountKind, Portfolio, PortfolioMark
from daymark.core.errors import InvalidInput
from daymark.core.lot_selection import LotMethod, LotPart, select_lots
from daymark.core.lots import Lot
from daymark.core.money import decimal_of, to_cents
from daymark.core.wash_sales import WashMatch
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import ClosingPrice
from daymark.operations.drift import DriftRow, measure_drift

_UNIT = Decimal(1)
_NONE = Decimal(0)


class Side(StrEnum):
    """Which way a trade goes."""

    BUY = "BUY"
    SELL = "SELL"


class LeftOutside(StrEnum):
    """Why a weight is left outside its band."""

    WHOLE_UNITS = "no whole unit brings it nearer to target"
    MINIMUM_TRADE = "the trade would be below the minimum"
    CASH = "not enough cash"
    QUARANTINED_PRICE = "its price was quarantined"


@dataclass(frozen=True, slots=True)
class Trade:
    """One proposed trade; a sale says from which lots and what it realises, before any wash sale."""

    side: Side
    instrument_id: str
    quantity: Decimal
    price: Decimal
    amount: Decimal
    lots: tuple[LotPart, ...] = ()

    @property
    def realised_gain(self) -> Decimal:
        """Amount less the basis of the lots sold, to the cent; zero for a purchase."""
        return self.amount - sum((part.basis for part in self.lots), _NONE) if self.side is Side.SELL else _NONE


@dataclass(frozen=True, slots=True)
class RebalancingProposal:
    """Trades in the order to execute them, the cash they leave, and what they could not mend.

    ``turnover`` is half of all that is traded over the portfolio's value (a fraction; zero for an empty portfolio).
    """

    portfolio_id: str
    as_of: date
    price_label: str
    trades: tuple[Trade, ...]
    cash_after: Decimal
    turnover: Decimal
    left_outside: tuple[tuple[str, LeftOutside], ...]


def propose_rebalancing(
    portfolio: Portfolio,
    mark: PortfolioMark,
    lots: Sequence[Lot],
    closes: Mapping[str, ClosingPrice],
    trade_date: date,
    washed: Collection[tuple[str, str]] = (),
) -> RebalancingProposal:
    """The trades that bring a marked portfolio back to target.

    Args:
        portfolio: Its targets, band, minimum trade and account kind: taxable accounts sell lots by MINIMUM_TAX, others by FIFO.
        mark: The portfolio at the close the trades are priced at.
        lots: The portfolio's lots, as of the mark or later; what happened after the mark is not looked at.
        closes: Prices by instrument id, the mark's own; every instrument to be traded needs one.
        trade_date: Day on which sales would count as made; decides short- and long-term.
        washed: ``(portfolio_id, lot_id)`` of lots whose loss a recent purchase would wash, as ``washed_lots`` finds them.

    Raises:
        InvalidInput: mark, lots and prices contradict each other, or a price is missing or not above zero; the field says where.

    A portfolio without value, or wholly inside its bands, gets no trades.
    """
    drift = measure_drift(portfolio, mark)
    desk = _Desk(portfolio, mark, lots, closes, trade_date, washed)
    # A stable order makes the proposal the same for any order of input rows.
    rows = sorted(drift.rows, key=lambda row: (-abs(row.drift), row.instrument_id))
    ticket = _Ticket(mark.cash)
    for row in rows:
        if row.outside_band and row.drift > 0:
            ticket.add(row, *desk.trade(row, None))
    wanted = sum((desk.amount(row) for row in rows if row.outside_band and row.drift <= 0), _NONE)
    spare = _spare_cash(portfolio, mark, ticket.cash - wanted)
    for row in rows:
        if spare < 0 and not row.outside_band and row.drift > 0:
            spare += ticket.add(row, *desk.trade(row, -spare))
    for row in rows:
        if row.outside_band and row.drift <= 0:
            ticket.add(row, *desk.trade(row, ticket.cash))
    for row in rows:
        if spare > 0 and not row.outside_band and row.drift < 0:
            spare -= ticket.add(row, *desk.trade(row, spare))
    volume = sum((trade.amount for trade in ticket.trades), _NONE)
    return RebalancingProposal(
        portfolio.portfolio_id,
        mark.session_date,
        desk.price_label([trade.instrument_id for trade in ticket.trades]),
        tuple(ticket.trades),
        ticket.cash,
        volume / (2 * mark.value) if volume else _NONE,
        tuple(ticket.left),
    )


def _spare_cash(portfolio: Portfolio, mark: PortfolioMark, cash: Decimal) -> Decimal:
    """Cash above its target (negative: below), or zero while it is inside the band."""
    spare = cash - (1 - sum((target.weight for target in portfolio.targets), _NONE)) * mark.value
    return spare if abs(spare) > portfolio.drift_band * mark.value else _NONE


class _Ticket:
    """The trades so far, the cash they leave, and which rows outside their band they could not mend."""

    def __init__(self, cash: Decimal) -> None:
        self.cash = cash
        self.trades: list[Trade] = []
        self.left: list[tuple[str, LeftOutside]] = []

    def add(self, row: DriftRow, trade: Trade | None, why: LeftOutside | None) -> Decimal:
        """Note one row's outcome and return the amount traded."""
        if why is not None and row.outside_band:
            self.left.append((row.instrument_id, why))
        if trade is None:
            return _NONE
        self.trades.append(trade)
        self.cash += trade.amount if trade.side is Side.SELL else -trade.amount
        return trade.amount


class _Desk:
    """Sizes one trade at a time against the marked holdings."""

    def __init__(
        self,
        portfolio: Portfolio,
        mark: PortfolioMark,
        lots: Sequence[Lot],
        closes: Mapping[str, ClosingPrice],
        trade_date: date,
        washed: Collection[tuple[str, str]],
    ) -> None:
        if trade_date < mark.session_date:
            raise InvalidInput(f"trade date {trade_date} lies before the mark of {mark.session_date}", field="trade_date")
        self._portfolio, self._mark, self._closes, self._trade_date, self._washed = portfolio, mark, closes, trade_date, washed
        self._lots: dict[str, list[Lot]] = {}
        for lot in lots:
            if lot.portfolio_id != portfolio.portfolio_id:
                raise InvalidInput(f"lot {lot.lot_id} belongs to {lot.portfolio_id}", field="lots")
            if (known := lot.as_of(mark.session_date)) is not None:
                self._lots.setdefault(lot.instrument_id, []).append(known)
        for position in mark.positions:
            held = self._held(position.instrument_id)
            if held != position.quantity:
                raise InvalidInput(f"lots hold {held} of {position.instrument_id}, the mark {position.quantity}", field="lots")
            close = closes.get(position.instrument_id)
            if close is not None and close.price != position.price:
                raise InvalidInput(
                    f"{position.instrument_id} is marked at {position.price}, its close is {close.price}",
                    field=f"closes[{position.instrument_id}]",
                )

    def _held(self, instrument_id: str) -> Decimal:
        return sum((lot.open_quantity(self._mark.session_date) for lot in self._lots.get(instrument_id, ())), _NONE)

    def amount(self, row: DriftRow) -> Decimal:
        """What the whole way back to target would cost or bring; zero if no trade can be made."""
        trade, _ = self.trade(row, None)
        return _NONE if trade is None else trade.amount

    def trade(self, row: DriftRow, limit: Decimal | None) -> tuple[Trade | None, LeftOutside | None]:
        """The trade that takes one row back to target, for at most the amount given, and why the row is still outside, if it is."""
        price = self._price(row.instrument_id)
        if self._closes[row.instrument_id].label is PriceLabel.LAST_GOOD:
            return None, LeftOutside.QUARANTINED_PRICE
        side = Side.SELL if row.drift > 0 else Side.BUY
        gap = abs(row.target * self._mark.value - row.value)
        wanted = (gap / price).quantize(_UNIT, ROUND_HALF_DOWN)
        units = wanted if limit is None else min(wanted, (limit / price).quantize(_UNIT, ROUND_FLOOR))
        if side is Side.SELL:
            units = min(units, self._held(row.instrument_id).quantize(_UNIT, ROUND_FLOOR))
        amount = to_cents(units * price)
        if wanted and to_cents(wanted * price) < self._portfolio.minimum_trade:
            return None, LeftOutside.MINIMUM_TRADE
        why = LeftOutside.CASH if units < wanted and side is Side.BUY else LeftOutside.WHOLE_UNITS
        if units <= 0 or amount < self._portfolio.minimum_trade:
            return None, why
        is_mended = abs(gap - amount) <= self._portfolio.drift_band * self._mark.value
        lots = self._select(row.instrument_id, units, price) if side is Side.SELL else ()
        return Trade(side, row.instrument_id, units, price, amount, lots), None if is_mended else why

    def _price(self, instrument_id: str) -> Decimal:
        close = self._closes.get(instrument_id)
        if close is None or decimal_of(close.price, f"closes[{instrument_id}]") <= 0:
            raise InvalidInput(f"no price above zero for {instrument_id}", field=f"closes[{instrument_id}]")
        return close.price

    def _select(self, instrument_id: str, units: Decimal, price: Decimal) -> tuple[LotPart, ...]:
        taxed = self._portfolio.account is AccountKind.TAXABLE
        method = LotMethod.MINIMUM_TAX if taxed else LotMethod.FIFO
        washed = {lot_id for portfolio_id, lot_id in self._washed if portfolio_id == self._portfolio.portfolio_id} if taxed else ()
        lots = self._lots[instrument_id]
        return select_lots(lots, units, method, self._trade_date, price=price if taxed else None, washed=washed).parts

    def price_label(self, traded: Sequence[str]) -> str:
        """What the prices used truly are."""
        labels = {position.label for position in self._mark.positions} | {self._closes[instrument].label for instrument in traded}
        return "; ".join(sorted(label.value for label in labels))


def as_body(proposal: RebalancingProposal, washes: Sequence[WashMatch] = ()) -> Mapping[str, Any]:
    """The body of the day's REBALANCING record; a sale names its losses that would wash, and what would wash them."""
    return {
        "as_of": proposal.as_of.isoformat(),
        "price_label": proposal.price_label,
        "trades": [
            {
                "side": trade.side.value,
                "instrument_id": trade.instrument_id,
                "quantity": str(trade.quantity),
                "price": str(trade.price),
                "amount": str(trade.amount),
                "lots": [{"lot_id": part.lot_id, "quantity": str(part.quantity)} for part in trade.lots],
                "realised_gain": str(to_cents(trade.realised_gain)),
                "wash_sales": [_plain(wash) for wash in washes if wash.lot_id in {part.lot_id for part in trade.lots}],
            }
            for trade in proposal.trades
        ],
        "cash_after": str(to_cents(proposal.cash_after)),
        "turnover": float(proposal.turnover),
        "left_outside": [{"instrument_id": instrument, "reason": reason.value} for instrument, reason in proposal.left_outside],
    }


def _plain(wash: WashMatch) -> Mapping[str, Any]:
    return {
        "lot_id": wash.lot_id,
        "quantity": str(wash.quantity),
        "disallowed_loss": str(to_cents(wash.disallowed)),
        "permanent": wash.is_permanent,
        "bought_in": wash.replacement_portfolio_id,
        "bought": wash.replacement_acquired.isoformat(),
    }
