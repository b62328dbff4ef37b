"""Portfolios and what happened in them, as dated facts; positions and cash are projections of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daymark.core.entitlement import Resource
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass
from daymark.core.lots import Lot
from daymark.core.money import Currency, decimal_of
from daymark.market_data.labels import PriceLabel


class AccountKind(StrEnum):
    """How a portfolio is taxed, which decides harvesting and wash sales."""

    TAXABLE = "taxable"
    TRADITIONAL_IRA = "traditional_ira"
    ROTH_IRA = "roth_ira"
    PENSION = "pension"


@dataclass(frozen=True, slots=True)
class Target:
    """The weight one instrument should have, as a fraction of portfolio value. Cash takes what the targets leave."""

    instrument_id: str
    weight: Decimal

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise InvalidInput(f"target weight must lie in [0, 1], got {self.weight}", field="weight")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a household saves for: an amount by a date."""

    goal_id: str
    name: str
    amount: Decimal
    due: date


@dataclass(frozen=True, slots=True)
class Household:
    """A family or an institution, the unit that client entitlement and wash sales look at."""

    tenant: str
    household_id: str
    name: str
    adviser_id: str
    goals: tuple[Goal, ...] = ()


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One account: who owns and advises it, how it is taxed, what it aims at and which limits bind it.

    Attributes:
        drift_band: No-trade band: a weight may stray this far from target before a trade is proposed (fraction of value).
        minimum_trade: Smallest proposed trade, in the base currency.
        position_limit: Largest weight of one instrument (fraction).
        sector_limit: Largest weight of one sector (fraction).
        benchmark_equity: Weight of the equity index in the benchmark; the rest is the Aaa bond sleeve (fraction).
    """

    tenant: str
    portfolio_id: str
    household_id: str
    adviser_id: str
    name: str
    account: AccountKind
    inception: date
    home_region: str
    targets: tuple[Target, ...]
    currency: Currency = Currency.USD
    custodian_account: str = ""
    drift_band: Decimal = Decimal("0.03")
    minimum_trade: Decimal = Decimal("250")
    position_limit: Decimal = Decimal("0.25")
    sector_limit: Decimal = Decimal("0.45")
    benchmark_equity: Decimal = Decimal("0.60")

    def __post_init__(self) -> None:
        if not self.portfolio_id:
            raise InvalidInput("portfolio_id must not be empty", field="portfolio_id")
        if len({target.instrument_id for target in self.targets}) != len(self.targets):
            raise InvalidInput("each instrument may have one target", field="targets")
        if sum((target.weight for target in self.targets), Decimal(0)) > 1:
            raise InvalidInput("target weights must not exceed one in sum", field="targets")

    @property
    def resource(self) -> Resource:
        """The facts entitlement decides on."""
        return Resource(self.tenant, self.household_id, self.adviser_id)


class CashKind(StrEnum):
    """Why cash moved. Deposits and withdrawals are flows across the portfolio's border; the rest is its own result."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    BUY = "buy"
    SELL = "sell"
    COUPON = "coupon"
    FEE = "fee"

    @property
    def is_external_flow(self) -> bool:
        """Whether the movement crosses the portfolio's border and so is no profit or loss."""
        return self in (CashKind.DEPOSIT, CashKind.WITHDRAWAL)


@dataclass(frozen=True, slots=True)
class CashEntry:
    """One dated movement of cash; ``amount`` is signed, positive into the portfolio, to the cent."""

    entry_id: str
    portfolio_id: str
    booked: date
    kind: CashKind
    amount: Decimal
    instrument_id: str | None = None

    def __post_init__(self) -> None:
        amount = decimal_of(self.amount, "amount")
        if amount != amount.quantize(Decimal("0.01")):
            raise InvalidInput(f"amount must be whole cents, got {amount}", field="amount")


@dataclass(frozen=True, slots=True)
class PortfolioRecord:
    """A portfolio with every lot and cash entry it ever had: all that any projection needs."""

    portfolio: Portfolio
    lots: tuple[Lot, ...]
    cash: tuple[CashEntry, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """What a portfolio holds of one instrument at the end of a date."""

    instrument_id: str
    asset_class: AssetClass
    quantity: Decimal
    cost_basis: Decimal


@dataclass(frozen=True, slots=True)
class PositionMark:
    """One position at one price; ``value`` is quantity times price, to the cent."""

    instrument_id: str
    asset_class: AssetClass
    quantity: Decimal
    price: Decimal
    value: Decimal
    cost_basis: Decimal
    price_as_of: date
    label: PriceLabel


@dataclass(frozen=True, slots=True)
class PortfolioMark:
    """A portfolio's value at a session's close; ``value`` is ``cash`` plus every position, exactly.

    ``attempt`` is that of the run that made it: a later attempt restates an earlier one.
    """

    tenant: str
    portfolio_id: str
    session_date: date
    cash: Decimal
    positions: tuple[PositionMark, ...]
    value: Decimal
    attempt: int = 1

    def __post_init__(self) -> None:
        total = self.cash + sum((position.value for position in self.positions), Decimal(0))
        if total != self.value:
            raise InvalidInput(f"value {self.value} is not cash plus positions {total}", field="value")
