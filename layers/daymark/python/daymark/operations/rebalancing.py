"""Rebalancing: what is outside its no-trade band goes back to target in whole units; what is inside is left alone.

Back to the target, not to the band's edge: a weight left on the edge is outside again after the next move, and every ticket has a
fixed cost (the minimum trade stands for it), so fewer, larger trades are cheaper. Sales come first, then purchases, the largest
shortfall first, as far as cash reaches. Units are the nearest whole number, a half downwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    portfolio: Portfolio, mark: PortfolioMark, lots: Sequence[Lot], closes: Mapping[str, ClosingPrice], trade_date: date
) -> RebalancingProposal:
    """The trades that bring a marked portfolio back to target.

    Args:
        portfolio: Its targets, band, minimum trade and account kind: taxable accounts sell lots by MINIMUM_TAX, others by FIFO.
        mark: The portfolio at the close the trades are priced at.
        lots: The portfolio's lots, as of the mark or later; what happened after the mark is not looked at.
        closes: Prices by instrument id, the mark's own; every instrument to be traded needs one.
        trade_date: Day on which sales would count as made; decides short- and long-term.

    Raises:
        InvalidInput: mark, lots and prices contradict each other, or a price is missing or not above zero; the field says where.

    A portfolio without value, or wholly inside its bands, gets no trades.
    """
    drift = measure_drift(portfolio, mark)
    desk = _Desk(portfolio, mark, lots, closes, trade_date)
    outside = [row for row in drift.rows if row.outside_band]
    trades: list[Trade] = []
    left: list[tuple[str, LeftOutside]] = []
    cash = mark.cash
    # A stable order makes the proposal the same for any order of input rows.
    for row in sorted(outside, key=lambda row: (row.drift <= 0, -abs(row.drift), row.instrument_id)):
        trade, shortfall = desk.trade(row, cash)
        if trade is not None:
            trades.append(trade)
            cash += trade.amount if trade.side is Side.SELL else -trade.amount
        if shortfall is not None:
            left.append((row.instrument_id, shortfall))
    volume = sum((trade.amount for trade in trades), _NONE)
    return RebalancingProposal(
        portfolio.portfolio_id,
        mark.session_date,
        desk.price_label([trade.instrument_id for trade in trades]),
        tuple(trades),
        cash,
        volume / (2 * mark.value) if volume else _NONE,
        tuple(left),
    )


class _Desk:
    """Sizes one trade at a time against the marked holdings."""

    def __init__(
        self, portfolio: Portfolio, mark: PortfolioMark, lots: Sequence[Lot], closes: Mapping[str, ClosingPrice], trade_date: date
    ) -> None:
        if trade_date < mark.session_date:
            raise InvalidInput(f"trade date {trade_date} lies before the mark of {mark.session_date}", field="trade_date")
        self._portfolio, self._mark, self._closes, self._trade_date = portfolio, mark, closes, trade_date
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

    def trade(self, row: DriftRow, cash: Decimal) -> tuple[Trade | None, LeftOutside | None]:
        """The trade that takes one row back to target with the cash there is, and why the row is still outside, if it is."""
        price = self._price(row.instrument_id)
        if self._closes[row.instrument_id].label is PriceLabel.LAST_GOOD:
            return None, LeftOutside.QUARANTINED_PRICE
        side = Side.SELL if row.drift > 0 else Side.BUY
        gap = abs(row.target * self._mark.value - row.value)
        wanted = (gap / price).quantize(_UNIT, ROUND_HALF_DOWN)
        available = self._held(row.instrument_id) if side is Side.SELL else cash / price
        units = min(wanted, available.quantize(_UNIT, ROUND_FLOOR))
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
        return select_lots(self._lots[instrument_id], units, method, self._trade_date, price=price if taxed else None).parts

    def price_label(self, traded: Sequence[str]) -> str:
        """What the prices used truly are."""
        labels = {position.label for position in self._mark.positions} | {self._closes[instrument].label for instrument in traded}
        return "; ".join(sorted(label.value for label in labels))


def as_body(proposal: RebalancingProposal) -> Mapping[str, Any]:
    """The body of the day's REBALANCING record."""
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
            }
            for trade in proposal.trades
        ],
        "cash_after": str(to_cents(proposal.cash_after)),
        "turnover": float(proposal.turnover),
        "left_outside": [{"instrument_id": instrument, "reason": reason.value} for instrument, reason in proposal.left_outside],
    }
