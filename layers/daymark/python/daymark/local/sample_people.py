"""The sample's people, accounts and instruments. All people, firms and accounts are synthetic; the stocks and their numbers are real."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from daymark.book.models import AccountKind, Goal, Household, Portfolio, Target
from daymark.core.instruments import AssetClass, BondTerms, Identifier, IdentifierScheme, Instrument, InstrumentKind
from daymark.core.tenancy import SHARED_TENANT, Principal, Role

LABEL = "synthetic sample"
HOME_REGION = "us-east-1"

# Ticker, company, GICS sector (as of 2018-02-05), CUSIP.
_STOCKS = (
    ("AAPL", "Apple Inc.", "Information Technology", "037833100"),
    ("AMD", "Advanced Micro Devices, Inc.", "Information Technology", "007903107"),
    ("BAC", "Bank of America Corporation", "Financials", "060505104"),
    ("BBY", "Best Buy Co., Inc.", "Consumer Discretionary", "086516101"),
    ("CVX", "Chevron Corporation", "Energy", "166764100"),
    ("GE", "General Electric Company", "Industrials", "369604103"),
    ("HD", "The Home Depot, Inc.", "Consumer Discretionary", "437076102"),
    ("JNJ", "Johnson & Johnson", "Health Care", "478160104"),
    ("JPM", "JPMorgan Chase & Co.", "Financials", "46625H100"),
    ("KO", "The Coca-Cola Company", "Consumer Staples", "191216100"),
    ("LLY", "Eli Lilly and Company", "Health Care", "532457108"),
    ("MRK", "Merck & Co., Inc.", "Health Care", "58933Y105"),
    ("MSFT", "Microsoft Corporation", "Information Technology", "594918104"),
    ("PEP", "PepsiCo, Inc.", "Consumer Staples", "713448108"),
    ("PFE", "Pfizer Inc.", "Health Care", "717081103"),
    ("PG", "The Procter & Gamble Company", "Consumer Staples", "742718109"),
    ("RRC", "Range Resources Corporation", "Energy", "75281A109"),
    ("UNH", "UnitedHealth Group Incorporated", "Health Care", "91324P102"),
    ("WMT", "Walmart Inc.", "Consumer Staples", "931142103"),
    ("XOM", "Exxon Mobil Corporation", "Energy", "30231G102"),
)
_BONDS = (
    ("BOND-AAA", "Sample 4.00% 2035, at the Aaa yield (synthetic)", BondTerms(Decimal("0.0400"), date(2035, 6, 15), "AAA")),
    ("BOND-BAA", "Sample 5.25% 2030, at the Baa yield (synthetic)", BondTerms(Decimal("0.0525"), date(2030, 3, 15), "BAA")),
)

# What the strategies aim at, in percent of value; cash takes the rest.
STRATEGIES: dict[str, dict[str, int]] = {
    "growth": {"AAPL": 12, "MSFT": 12, "HD": 10, "UNH": 10, "JPM": 10, "LLY": 8, "PG": 8, "XOM": 6, "PEP": 6, "GE": 5, "BOND-AAA": 8},
    "balanced": {"JNJ": 9, "PG": 9, "MSFT": 8, "JPM": 8, "HD": 7, "KO": 6, "CVX": 6, "GE": 5, "BOND-AAA": 22, "BOND-BAA": 15},
    "income": {"KO": 8, "PEP": 7, "JNJ": 8, "XOM": 6, "PFE": 6, "WMT": 6, "GE": 4, "BOND-AAA": 30, "BOND-BAA": 20},
    "value": {"BAC": 10, "JPM": 10, "CVX": 9, "XOM": 9, "GE": 9, "PFE": 9, "MRK": 9, "WMT": 9, "RRC": 4, "BBY": 6, "BOND-BAA": 10},
    "technology": {"AAPL": 24, "MSFT": 22, "AMD": 16, "BBY": 8, "HD": 8, "UNH": 8, "JPM": 8},
    "health": {"JNJ": 15, "UNH": 15, "LLY": 14, "MRK": 14, "PFE": 14, "PG": 10, "BOND-AAA": 14},
    "pension": {"JNJ": 5, "PG": 5, "MSFT": 5, "JPM": 5, "XOM": 4, "KO": 4, "WMT": 4, "UNH": 4, "BOND-AAA": 38, "BOND-BAA": 22},
}


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """One portfolio and how its owner behaves.

    Attributes:
        deposit: First deposit, in dollars.
        top_up: Deposit at each quarter's start, in dollars; negative for what a retired owner draws.
        rebalances: Whether it returns to target each January; otherwise it drifts.
        averages_down: Whether the owner buys more GE and RRC in the two weeks before 2018-02-05.
    """

    portfolio: Portfolio
    strategy: str
    deposit: int
    top_up: int
    rebalances: bool
    averages_down: bool


# Tenant, household, its name, adviser, client; then per portfolio: name, account, strategy, first year, deposit, top-up, habits
# (r = rebalances, a = averages down).
_A = AccountKind
_HOUSEHOLDS = (
    ("northstar", "NS-H1", "Adair family", "ben", "ada", (
        ("Adair joint", _A.TAXABLE, "growth", 2010, 420_000, 9_000, "r"),
        ("Ada's IRA", _A.TRADITIONAL_IRA, "balanced", 2010, 180_000, 1_400, "ra"),
        ("Adair education", _A.TAXABLE, "technology", 2013, 60_000, 3_000, ""),
    )),
    ("northstar", "NS-H2", "Brandt family", "ben", "bob", (
        ("Brandt joint", _A.TAXABLE, "value", 2010, 350_000, 6_000, "a"),
        ("Bob's Roth IRA", _A.ROTH_IRA, "growth", 2011, 40_000, 1_300, "r"),
    )),
    ("northstar", "NS-H3", "Castell family", "ben", "cora", (
        ("Castell trust", _A.TAXABLE, "income", 2010, 900_000, -9_000, "r"),
        ("Cora's IRA", _A.TRADITIONAL_IRA, "health", 2010, 260_000, -3_000, ""),
    )),
    ("northstar", "NS-H4", "Dorn family", "nia", "dan", (
        ("Dorn joint", _A.TAXABLE, "value", 2010, 500_000, 5_000, ""),
        ("Dorn growth", _A.TAXABLE, "technology", 2012, 150_000, 4_000, "r"),
        ("Dan's IRA", _A.TRADITIONAL_IRA, "value", 2010, 210_000, 1_400, "a"),
    )),
    ("harbor", "HB-H1", "Eastman family", "finn", "cyd", (
        ("Eastman joint", _A.TAXABLE, "balanced", 2010, 640_000, 8_000, "r"),
        ("Cyd's Roth IRA", _A.ROTH_IRA, "technology", 2010, 55_000, 1_300, ""),
        ("Eastman reserve", _A.TAXABLE, "income", 2011, 300_000, 0, ""),
    )),
    ("harbor", "HB-H2", "Fontaine family", "finn", "fay", (
        ("Fontaine trust", _A.TAXABLE, "growth", 2010, 1_200_000, 12_000, "r"),
        ("Fontaine value", _A.TAXABLE, "value", 2010, 400_000, 4_000, "ra"),
        ("Fay's IRA", _A.TRADITIONAL_IRA, "income", 2010, 320_000, -2_500, "r"),
    )),
    ("harbor", "HB-H3", "Gupta family", "greta", "gil", (
        ("Gupta joint", _A.TAXABLE, "health", 2010, 380_000, 6_000, ""),
        ("Gil's IRA", _A.TRADITIONAL_IRA, "growth", 2010, 150_000, 1_400, "r"),
    )),
    ("summit", "SM-H1", "Halvorsen family", "ines", "hal", (
        ("Halvorsen joint", _A.TAXABLE, "growth", 2010, 800_000, 10_000, ""),
        ("Hal's IRA", _A.TRADITIONAL_IRA, "balanced", 2010, 240_000, 1_400, "r"),
        ("Halvorsen gifts", _A.TAXABLE, "technology", 2011, 120_000, 2_000, ""),
    )),
    ("summit", "SM-H2", "Ibarra family", "ines", "ida", (
        ("Ibarra trust", _A.TAXABLE, "balanced", 2010, 1_500_000, -15_000, "r"),
        ("Ibarra value", _A.TAXABLE, "value", 2010, 450_000, 5_000, "a"),
        ("Ida's Roth IRA", _A.ROTH_IRA, "health", 2012, 35_000, 1_300, ""),
    )),
    ("summit", "SM-I1", "Summit Teachers' Pension (institution)", "kai", "pia", (
        ("Pension core", _A.PENSION, "pension", 2010, 48_000_000, 350_000, "r"),
        ("Pension equity", _A.PENSION, "growth", 2010, 22_000_000, 120_000, "r"),
        ("Pension liquidity", _A.PENSION, "income", 2010, 9_000_000, -110_000, "r"),
    )),
)  # fmt: skip
_STAFF = {
    "northstar": {Role.ADVISER: ("ben", "nia"), Role.OPERATIONS: ("oda",), Role.RISK: ("ray",), Role.ADMINISTRATOR: ("amy",)},
    "harbor": {Role.ADVISER: ("finn", "greta"), Role.OPERATIONS: ("ole",), Role.RISK: ("rio",), Role.ADMINISTRATOR: ("art",)},
    "summit": {Role.ADVISER: ("ines", "kai"), Role.OPERATIONS: ("ona",), Role.RISK: ("rut",), Role.ADMINISTRATOR: ("ava",)},
}


def instruments() -> tuple[Instrument, ...]:
    """The 20 stocks with ticker and CUSIP, and the two synthetic bonds."""
    stocks = [
        Instrument(
            ticker,
            InstrumentKind.EQUITY,
            name,
            AssetClass.EQUITY,
            sector=sector,
            identifiers=(Identifier(IdentifierScheme.TICKER, ticker), Identifier(IdentifierScheme.CUSIP, cusip)),
        )
        for ticker, name, sector, cusip in _STOCKS
    ]
    bonds = [
        Instrument(
            bond_id,
            InstrumentKind.BOND,
            name,
            AssetClass.FIXED_INCOME,
            sector="Corporate bonds",
            identifiers=(Identifier(IdentifierScheme.INTERNAL, f"SAMPLE-{bond_id}"),),
            bond=terms,
        )
        for bond_id, name, terms in _BONDS
    ]
    return (*stocks, *bonds)


def households() -> tuple[Household, ...]:
    """Every household, each with a goal or two."""
    found = []
    for place, (tenant, household_id, name, adviser, _, plans) in enumerate(_HOUSEHOLDS):
        saved = Decimal(sum(deposit for _, _, _, _, deposit, _, _ in plans))
        goals = [Goal(f"{household_id}-G1", "Liabilities funded" if "institution" in name else "Retirement", saved * 3, date(2030, 6, 30))]
        if place % 2 == 0:
            goals.append(Goal(f"{household_id}-G2", "Home" if place % 4 else "Education", saved / 4, date(2022, 9, 1)))
        found.append(Household(tenant, household_id, f"{name} ({LABEL})", _user(Role.ADVISER, adviser, tenant), tuple(goals)))
    return tuple(found)


def account_plans(first_session_of: dict[int, date]) -> tuple[AccountPlan, ...]:
    """Every portfolio and how it is run; ids count up inside a tenant.

    Args:
        first_session_of: The first session of each year, on which portfolios of that year begin.
    """
    found: list[AccountPlan] = []
    counts: dict[str, int] = {}
    for tenant, household_id, _, adviser, _, plans in _HOUSEHOLDS:
        for name, account, strategy, year, deposit, top_up, habits in plans:
            counts[tenant] = counts.get(tenant, 0) + 1
            portfolio_id = f"{household_id[:2]}-P{counts[tenant]:02d}"
            weights = STRATEGIES[strategy]
            equity = sum(weight for instrument_id, weight in weights.items() if not instrument_id.startswith("BOND"))
            portfolio = Portfolio(
                tenant=tenant,
                portfolio_id=portfolio_id,
                household_id=household_id,
                adviser_id=_user(Role.ADVISER, adviser, tenant),
                name=name,
                account=account,
                inception=first_session_of[year],
                home_region=HOME_REGION,
                targets=tuple(Target(instrument_id, Decimal(weight) / 100) for instrument_id, weight in weights.items()),
                custodian_account=f"CUST-{portfolio_id}",
                benchmark_equity=Decimal(equity) / 100,
            )
            found.append(AccountPlan(portfolio, strategy, deposit, top_up, "r" in habits, "a" in habits))
    return tuple(found)


def users() -> tuple[Principal, ...]:
    """Every role in every tenant, one client per household, and the shared tenant's operator."""
    found = [Principal("operations.daymark", SHARED_TENANT, Role.OPERATIONS)]
    for tenant, staff in _STAFF.items():
        found += [Principal(_user(role, name, tenant), tenant, role) for role, names in staff.items() for name in names]
    found += [Principal(_user(Role.CLIENT, client, tenant), tenant, Role.CLIENT, house) for tenant, house, _, _, client, _ in _HOUSEHOLDS]
    return tuple(found)


def _user(role: Role, name: str, tenant: str) -> str:
    return f"{role.value}.{name}.{tenant}"
