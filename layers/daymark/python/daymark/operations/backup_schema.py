"""Version 1 of the book's backup: each row as plain JSON and back; a field missing, unknown or out of its rule is refused by path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from daymark.book.models import AccountKind, CashEntry, CashKind, Goal, Household, Portfolio, PortfolioRecord, Target
from daymark.core.errors import DaymarkError, InvalidInput
from daymark.core.lots import Disposal, Lot
from daymark.core.money import Currency, decimal_of

SCHEMA = "daymark/book"
VERSION = 1

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


def decimal_text(value: Decimal) -> str:
    """One text for one number: plain notation, no trailing zeros, no minus before zero.

    >>> decimal_text(Decimal("1.50")), decimal_text(Decimal("1E+3")), decimal_text(Decimal("-0.00"))
    ('1.5', '1000', '0')
    """
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


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
    fields = _Fields(document, "")
    fields.take("schema")
    fields.take("version")
    if (named := fields.text("tenant")) != tenant:
        raise InvalidInput(f"the book is of tenant {named}, not {tenant}", field="tenant")
    fields.day("session_date")
    households = tuple(fields.rows("households", _read_household))
    records = tuple(fields.rows("portfolios", _read_record))
    fields.end()
    _refuse_repeats("households", [one.household_id for one in households])
    _refuse_repeats("portfolios", [one.portfolio.portfolio_id for one in records])
    for path, owner in [
        *((f"households[{place}]", one.tenant) for place, one in enumerate(households)),
        *((f"portfolios[{place}].portfolio", one.portfolio.tenant) for place, one in enumerate(records)),
    ]:
        if owner != tenant:
            raise InvalidInput(f"{path} is of tenant {owner}, not {tenant}", field=f"{path}.tenant")
    return households, records


def _refuse_repeats(path: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for place, one in enumerate(ids):
        if one in seen:
            raise InvalidInput(f"{one} occurs twice in {path}", field=f"{path}[{place}]")
        seen.add(one)


class _Fields:
    """The fields of one JSON object, taken one by one; what is left at the end is unknown."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, Mapping):
            raise InvalidInput(f"{path or 'document'} must be an object", field=path or "document")
        self._left = dict(document)
        self._path = path

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def take(self, name: str) -> Any:
        if name not in self._left:
            raise InvalidInput(f"{self.path(name)} is missing", field=self.path(name))
        return self._left.pop(name)

    def end(self) -> None:
        for name in sorted(self._left):
            raise InvalidInput(f"{self.path(name)} is not known to version {VERSION}", field=self.path(name))

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str):
            raise InvalidInput(f"{self.path(name)} must be a text", field=self.path(name))
        return value

    def has_value(self, name: str) -> bool:
        """Whether the field is there and not null; a missing one is refused when it is taken."""
        return self._left.get(name) is not None

    def day(self, name: str) -> date:
        text = self.text(name)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise InvalidInput(f"{self.path(name)} must be an ISO date, got {text!r}", field=self.path(name)) from None

    def decimal(self, name: str) -> Decimal:
        return decimal_of(self.text(name), self.path(name))

    def one_of(self, name: str, kinds: type[_E]) -> _E:
        text = self.text(name)
        try:
            return kinds(text)
        except ValueError:
            raise InvalidInput(f"{self.path(name)} must be one of {', '.join(kinds)}, got {text!r}", field=self.path(name)) from None

    def rows(self, name: str, read: Callable[[_Fields], _T]) -> list[_T]:
        value = self.take(name)
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise InvalidInput(f"{self.path(name)} must be a list", field=self.path(name))
        return [_Fields(item, f"{self.path(name)}[{place}]").read(read) for place, item in enumerate(value)]

    def object(self, name: str, read: Callable[[_Fields], _T]) -> _T:
        return _Fields(self.take(name), self.path(name)).read(read)

    def read(self, read: Callable[[_Fields], _T]) -> _T:
        """Build one thing of this object; a rule its type holds is reported under this object's path."""
        try:
            thing = read(self)
        except DaymarkError as error:
            if error.field is not None and error.field.startswith(self._path):
                raise
            raise InvalidInput(f"{self._path}: {error.message}", field=self.path(error.field or "")) from None
        self.end()
        return thing


def _read_household(fields: _Fields) -> Household:
    return Household(
        tenant=fields.text("tenant"),
        household_id=fields.text("household_id"),
        name=fields.text("name"),
        adviser_id=fields.text("adviser_id"),
        goals=tuple(
            fields.rows("goals", lambda goal: Goal(goal.text("goal_id"), goal.text("name"), goal.decimal("amount"), goal.day("due")))
        ),
    )


def _read_record(fields: _Fields) -> PortfolioRecord:
    portfolio = fields.object("portfolio", _read_portfolio)
    lots = tuple(fields.rows("lots", _read_lot))
    cash = tuple(fields.rows("cash", _read_cash))
    _refuse_repeats(fields.path("lots"), [lot.lot_id for lot in lots])
    _refuse_repeats(fields.path("cash"), [entry.entry_id for entry in cash])
    owners = [(f"lots[{place}]", lot.portfolio_id) for place, lot in enumerate(lots)]
    owners += [(f"cash[{place}]", entry.portfolio_id) for place, entry in enumerate(cash)]
    for row, owner in owners:
        if owner != portfolio.portfolio_id:
            path = fields.path(f"{row}.portfolio_id")
            raise InvalidInput(f"the row is of portfolio {owner}, not {portfolio.portfolio_id}", field=path)
    return PortfolioRecord(portfolio, lots, cash)


def _read_portfolio(fields: _Fields) -> Portfolio:
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


def _read_lot(fields: _Fields) -> Lot:
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


def _read_cash(fields: _Fields) -> CashEntry:
    return CashEntry(
        entry_id=fields.text("entry_id"),
        portfolio_id=fields.text("portfolio_id"),
        booked=fields.day("booked"),
        kind=fields.one_of("kind", CashKind),
        amount=fields.decimal("amount"),
        instrument_id=fields.text("instrument_id") if fields.has_value("instrument_id") else fields.take("instrument_id"),
    )
