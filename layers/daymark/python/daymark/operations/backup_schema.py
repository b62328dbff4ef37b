"""The book's rows in a backup: households and portfolios as plain JSON and back, and the document of version 1 that held them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daymark.book.models import AccountKind, CashEntry, CashKind, Goal, Household, Portfolio, PortfolioRecord, Target
from daymark.core.errors import InvalidInput
from daymark.core.lots import Disposal, Lot
from daymark.core.money import Currency
from daymark.operations.backup_fields import Fields, decimal_text, refuse_repeats


def write_household(household: Household) -> Mapping[str, Any]:
    """A household as plain JSON."""
    return {
        "tenant": household.tenant,
        "household_id": household.household_id,
        "name": household.name,
        "adviser_id": household.adviser_id,
        "goals": [
            {"goal_id": goal.goal_id, "name": goal.name, "amount": decimal_text(goal.amount), "due": goal.due.isoformat()}
            for goal in household.goals
        ],
    }


def write_record(record: PortfolioRecord) -> Mapping[str, Any]:
    """A portfolio with its lots and cash entries, these sorted by id, as plain JSON."""
    portfolio = record.portfolio
    return {
        "portfolio": {
            "tenant": portfolio.tenant,
            "portfolio_id": portfolio.portfolio_id,
            "household_id": portfolio.household_id,
            "adviser_id": portfolio.adviser_id,
            "name": portfolio.name,
            "account": portfolio.account.value,
            "inception": portfolio.inception.isoformat(),
            "home_region": portfolio.home_region,
            "targets": [{"instrument_id": target.instrument_id, "weight": decimal_text(target.weight)} for target in portfolio.targets],
            "currency": portfolio.currency.value,
            "custodian_account": portfolio.custodian_account,
            "drift_band": decimal_text(portfolio.drift_band),
            "minimum_trade": decimal_text(portfolio.minimum_trade),
            "position_limit": decimal_text(portfolio.position_limit),
            "sector_limit": decimal_text(portfolio.sector_limit),
            "benchmark_equity": decimal_text(portfolio.benchmark_equity),
        },
        "lots": [_write_lot(lot) for lot in sorted(record.lots, key=lambda lot: lot.lot_id)],
        "cash": [_write_cash(entry) for entry in sorted(record.cash, key=lambda entry: entry.entry_id)],
    }


def _write_lot(lot: Lot) -> Mapping[str, Any]:
    return {
        "lot_id": lot.lot_id,
        "portfolio_id": lot.portfolio_id,
        "instrument_id": lot.instrument_id,
        "acquired": lot.acquired.isoformat(),
        "quantity": decimal_text(lot.quantity),
        "cost_basis": decimal_text(lot.cost_basis),
        "disposals": [
            {"disposed": sale.disposed.isoformat(), "quantity": decimal_text(sale.quantity), "proceeds": decimal_text(sale.proceeds)}
            for sale in lot.disposals
        ],
        "holding_start": None if lot.holding_start is None else lot.holding_start.isoformat(),
    }


def _write_cash(entry: CashEntry) -> Mapping[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "portfolio_id": entry.portfolio_id,
        "booked": entry.booked.isoformat(),
        "kind": entry.kind.value,
        "amount": decimal_text(entry.amount),
        "instrument_id": entry.instrument_id,
    }


def read_book(document: Mapping[str, Any], tenant: str) -> tuple[tuple[Household, ...], tuple[PortfolioRecord, ...]]:
    """Households and portfolios of a version 1 document.

    Raises:
        InvalidInput: a field is missing, unknown or breaks a rule, an id occurs twice, or a row is of another tenant or portfolio.
    """
    fields = Fields(document, "")
    fields.take("schema")
    fields.take("version")
    if (named := fields.text("tenant")) != tenant:
        raise InvalidInput(f"the book is of tenant {named}, not {tenant}", field="tenant")
    fields.day("session_date")
    households = tuple(fields.rows("households", read_household))
    records = tuple(fields.rows("portfolios", read_record))
    fields.end()
    refuse_repeats("households", [one.household_id for one in households])
    refuse_repeats("portfolios", [one.portfolio.portfolio_id for one in records])
    for path, owner in [
        *((f"households[{place}]", one.tenant) for place, one in enumerate(households)),
        *((f"portfolios[{place}].portfolio", one.portfolio.tenant) for place, one in enumerate(records)),
    ]:
        if owner != tenant:
            raise InvalidInput(f"{path} is of tenant {owner}, not {tenant}", field=f"{path}.tenant")
    return households, records


def read_household(fields: Fields) -> Household:
    """A household from its row."""
    return Household(
        tenant=fields.text("tenant"),
        household_id=fields.text("household_id"),
        name=fields.text("name"),
        adviser_id=fields.text("adviser_id"),
        goals=tuple(
            fields.rows("goals", lambda goal: Goal(goal.text("goal_id"), goal.text("name"), goal.decimal("amount"), goal.day("due")))
        ),
    )


def read_record(fields: Fields) -> PortfolioRecord:
    """A portfolio from its row, with its lots and cash entries."""
    portfolio = fields.object("portfolio", _read_portfolio)
    lots = tuple(fields.rows("lots", _read_lot))
    cash = tuple(fields.rows("cash", _read_cash))
    refuse_repeats(fields.path("lots"), [lot.lot_id for lot in lots])
    refuse_repeats(fields.path("cash"), [entry.entry_id for entry in cash])
    owners = [(f"lots[{place}]", lot.portfolio_id) for place, lot in enumerate(lots)]
    owners += [(f"cash[{place}]", entry.portfolio_id) for place, entry in enumerate(cash)]
    for row, owner in owners:
        if owner != portfolio.portfolio_id:
            path = fields.path(f"{row}.portfolio_id")
            raise InvalidInput(f"the row is of portfolio {owner}, not {portfolio.portfolio_id}", field=path)
    return PortfolioRecord(portfolio, lots, cash)


def _read_portfolio(fields: Fields) -> Portfolio:
    return Portfolio(
        tenant=fields.text("tenant"),
        portfolio_id=fields.text("portfolio_id"),
        household_id=fields.text("household_id"),
        adviser_id=fields.text("adviser_id"),
        name=fields.text("name"),
        account=fields.one_of("account", AccountKind),
        inception=fields.day("inception"),
        home_region=fields.text("home_region"),
        targets=tuple(fields.rows("targets", lambda target: Target(target.text("instrument_id"), target.decimal("weight")))),
        currency=fields.one_of("currency", Currency),
        custodian_account=fields.text("custodian_account"),
        drift_band=fields.decimal("drift_band"),
        minimum_trade=fields.decimal("minimum_trade"),
        position_limit=fields.decimal("position_limit"),
        sector_limit=fields.decimal("sector_limit"),
        benchmark_equity=fields.decimal("benchmark_equity"),
    )


def _read_lot(fields: Fields) -> Lot:
    return Lot(
        lot_id=fields.text("lot_id"),
        portfolio_id=fields.text("portfolio_id"),
        instrument_id=fields.text("instrument_id"),
        acquired=fields.day("acquired"),
        quantity=fields.decimal("quantity"),
        cost_basis=fields.decimal("cost_basis"),
        disposals=tuple(
            fields.rows("disposals", lambda sale: Disposal(sale.day("disposed"), sale.decimal("quantity"), sale.decimal("proceeds")))
        ),
        holding_start=fields.day("holding_start") if fields.has_value("holding_start") else fields.take("holding_start"),
    )


def _read_cash(fields: Fields) -> CashEntry:
    return CashEntry(
        entry_id=fields.text("entry_id"),
        portfolio_id=fields.text("portfolio_id"),
        booked=fields.day("booked"),
        kind=fields.one_of("kind", CashKind),
        amount=fields.decimal("amount"),
        instrument_id=fields.text("instrument_id") if fields.has_value("instrument_id") else fields.take("instrument_id"),
    )
