"""What the book's routes answer with."""

from __future__ import annotations

from datetime import date
from typing import Self

from pydantic import BaseModel, Field

from daymark.book.models import AccountKind, Portfolio, PortfolioMark, Position, PositionMark
from daymark.core.instruments import AssetClass, Instrument
from daymark.core.lots import Lot
from daymark.core.money import Currency
from daymark.http.values import Amount, Price, Units
from daymark.market_data.labels import PriceLabel


class TargetBody(BaseModel):
    """The weight an instrument should have."""

    instrument_id: str
    weight: float = Field(description="Fraction of portfolio value.")


class PortfolioBody(BaseModel):
    """A portfolio."""

    portfolio_id: str
    name: str
    household_id: str
    adviser_id: str
    account: AccountKind
    currency: Currency
    inception: date
    targets: list[TargetBody]
    drift_band: float = Field(description="No-trade band around each target, a fraction of portfolio value.")
    minimum_trade: Amount
    position_limit: float = Field(description="Largest weight of one instrument.")
    sector_limit: float = Field(description="Largest weight of one sector.")
    benchmark_equity: float = Field(description="Weight of the equity index in the benchmark.")

    @classmethod
    def of(cls, portfolio: Portfolio) -> Self:
        """From the book's own portfolio."""
        return cls(
            portfolio_id=portfolio.portfolio_id,
            name=portfolio.name,
            household_id=portfolio.household_id,
            adviser_id=portfolio.adviser_id,
            account=portfolio.account,
            currency=portfolio.currency,
            inception=portfolio.inception,
            targets=[TargetBody(instrument_id=target.instrument_id, weight=float(target.weight)) for target in portfolio.targets],
            drift_band=float(portfolio.drift_band),
            minimum_trade=portfolio.minimum_trade,
            position_limit=float(portfolio.position_limit),
            sector_limit=float(portfolio.sector_limit),
            benchmark_equity=float(portfolio.benchmark_equity),
        )


class PositionBody(BaseModel):
    """What is held of one instrument."""

    instrument_id: str
    name: str
    asset_class: AssetClass
    quantity: Units
    cost_basis: Amount

    @classmethod
    def of(cls, position: Position, instrument: Instrument) -> Self:
        """From a projected position."""
        return cls(
            instrument_id=position.instrument_id,
            name=instrument.name,
            asset_class=position.asset_class,
            quantity=position.quantity,
            cost_basis=position.cost_basis,
        )


class HoldingsBody(BaseModel):
    """A portfolio's positions and cash at the end of a day."""

    portfolio_id: str
    on: date
    cash: Amount
    items: list[PositionBody]


class DisposalBody(BaseModel):
    """A sale out of a lot."""

    disposed: date
    quantity: Units
    proceeds: Amount


class LotBody(BaseModel):
    """A purchase and what was sold of it."""

    lot_id: str
    instrument_id: str
    acquired: date
    holding_start: date = Field(description="First day of the holding period; earlier than `acquired` after a wash sale.")
    quantity: Units
    open_quantity: Units = Field(description="Units still held at the end of the day asked for.")
    cost_basis: Amount = Field(description="Basis of the whole purchase.")
    disposals: list[DisposalBody]

    @classmethod
    def of(cls, lot: Lot, on: date) -> Self:
        """From a lot, as it stood at the end of ``on``: later sales are left out."""
        return cls(
            lot_id=lot.lot_id,
            instrument_id=lot.instrument_id,
            acquired=lot.acquired,
            holding_start=lot.holding_start or lot.acquired,
            quantity=lot.quantity,
            open_quantity=lot.open_quantity(on),
            cost_basis=lot.cost_basis,
            disposals=[
                DisposalBody(disposed=sale.disposed, quantity=sale.quantity, proceeds=sale.proceeds)
                for sale in lot.disposals
                if sale.disposed <= on
            ],
        )


class PositionMarkBody(BaseModel):
    """One position at one price."""

    instrument_id: str
    asset_class: AssetClass
    quantity: Units
    price: Price
    price_as_of: date
    price_label: PriceLabel = Field(description="What the price truly is.")
    value: Amount
    cost_basis: Amount

    @classmethod
    def of(cls, mark: PositionMark) -> Self:
        """From a position's mark."""
        return cls(
            instrument_id=mark.instrument_id,
            asset_class=mark.asset_class,
            quantity=mark.quantity,
            price=mark.price,
            price_as_of=mark.price_as_of,
            price_label=mark.label,
            value=mark.value,
            cost_basis=mark.cost_basis,
        )


class MarkSummaryBody(BaseModel):
    """A portfolio's value at a session's close."""

    session_date: date
    attempt: int = Field(description="The attempt of the close that made it; a later one restates an earlier one.")
    value: Amount
    cash: Amount

    @classmethod
    def of(cls, mark: PortfolioMark) -> Self:
        """From a mark, without its positions."""
        return cls(session_date=mark.session_date, attempt=mark.attempt, value=mark.value, cash=mark.cash)


class MarkBody(BaseModel):
    """A portfolio's value at a session's close, position by position; `value` is cash plus every position."""

    portfolio_id: str
    session_date: date
    attempt: int = Field(description="The attempt of the close that made it; a later one restates an earlier one.")
    value: Amount
    cash: Amount
    positions: list[PositionMarkBody]

    @classmethod
    def of(cls, mark: PortfolioMark) -> Self:
        """From a mark."""
        return cls(
            portfolio_id=mark.portfolio_id,
            session_date=mark.session_date,
            attempt=mark.attempt,
            value=mark.value,
            cash=mark.cash,
            positions=[PositionMarkBody.of(position) for position in mark.positions],
        )
