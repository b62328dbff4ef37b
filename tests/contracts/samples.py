"""Small hand-made values that the suites store and read back. All of it is synthetic."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from daymark.book.models import (
    AccountKind,
    CashEntry,
    CashKind,
    Goal,
    Household,
    Portfolio,
    PortfolioMark,
    PortfolioRecord,
    PositionMark,
    Target,
)
from daymark.core.instruments import AssetClass, BondTerms, Identifier, IdentifierScheme, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.market_data.labels import PriceLabel

DAY = date(2018, 2, 5)
APPLE = Instrument(
    "AAPL",
    InstrumentKind.EQUITY,
    "Apple Inc.",
    AssetClass.EQUITY,
    sector="Information Technology",
    identifiers=(Identifier(IdentifierScheme.CUSIP, "037833100"),),
)
BOND = Instrument(
    "BOND-AAA",
    InstrumentKind.BOND,
    "Sample bond",
    AssetClass.FIXED_INCOME,
    bond=BondTerms(Decimal("0.0400"), date(2035, 6, 15), "AAA"),
)


def household(household_id: str = "H1", tenant: str = "northstar", name: str = "Sample family") -> Household:
    return Household(
        tenant, household_id, name, "adviser.ben.northstar", (Goal("G1", "Retirement", Decimal("1500000.00"), date(2030, 6, 30)),)
    )


def record(portfolio_id: str = "P1", tenant: str = "northstar", lots: int = 2, entries: int = 2, name: str = "Joint") -> PortfolioRecord:
    portfolio = Portfolio(
        tenant,
        portfolio_id,
        "H1",
        "adviser.ben.northstar",
        name,
        AccountKind.TAXABLE,
        date(2010, 1, 4),
        "us-east-1",
        (Target("AAPL", Decimal("0.60")), Target("BOND-AAA", Decimal("0.30"))),
        custodian_account=f"CUST-{portfolio_id}",
    )
    return PortfolioRecord(
        portfolio,
        tuple(
            Lot(
                f"{portfolio_id}-L{number}",
                portfolio_id,
                "AAPL",
                date(2011, 5, 2),
                Decimal("10.5000"),
                Decimal("1234.50"),
                (Disposal(date(2012, 5, 2), Decimal("0.5000"), Decimal("70.10")),),
                date(2011, 4, 1),
            )
            for number in range(lots)
        ),
        tuple(
            CashEntry(f"{portfolio_id}-C{number}", portfolio_id, date(2010, 1, 4), CashKind.DEPOSIT, Decimal("100000.00"))
            for number in range(entries)
        ),
    )


def mark(portfolio_id: str = "P1", day: date = DAY, tenant: str = "northstar", cash: str = "12.30", attempt: int = 1) -> PortfolioMark:
    position = PositionMark(
        "AAPL",
        AssetClass.EQUITY,
        Decimal("10.0000"),
        Decimal("36.996"),
        Decimal("369.96"),
        Decimal("1175.71"),
        day,
        PriceLabel.ADJUSTED_CLOSE,
    )
    return PortfolioMark(tenant, portfolio_id, day, Decimal(cash), (position,), Decimal(cash) + Decimal("369.96"), attempt)
