"""Every holding and every cash balance of ours must stand once at the custodian, equal and as of the session; all else is a break.

Each line of the statement and each row of our book ends either matched or in a break, so nothing is lost in between. A line that
is late or in another currency proves nothing, so it is reported as that alone. A line under an account where it does not belong
is paired with the row that misses it, same instrument and same quantity, and both accounts hear of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daymark.book.models import Portfolio, PortfolioMark, PositionMark
from daymark.book.valuation import position_value
from daymark.core.errors import InvalidInput
from daymark.core.instruments import Instrument
from daymark.operations.custodian_statement import RecordType, Statement, StatementLine

# A custodian may publish prices to the cent; ours carry more decimals.
PRICE_TOLERANCE = Decimal("0.005")


class BreakKind(StrEnum):
    """How our book and the custodian's statement differ."""

    QUANTITY = "QUANTITY"
    PRICE = "PRICE"
    CASH = "CASH"
    MISSING_AT_CUSTODIAN = "MISSING_AT_CUSTODIAN"
    UNKNOWN_AT_CUSTODIAN = "UNKNOWN_AT_CUSTODIAN"
    DUPLICATE_LINE = "DUPLICATE_LINE"
    WRONG_ACCOUNT = "WRONG_ACCOUNT"
    LATE = "LATE"
    CURRENCY = "CURRENCY"


@dataclass(frozen=True, slots=True)
class Break:
    """One difference. ``instrument_id`` is ``None`` for cash and for an identifier we do not know."""

    kind: BreakKind
    instrument_id: str | None
    ours: str | None
    custodian: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class PortfolioReconciliation:
    """One portfolio against its account: rows of ours (positions and cash) without a break, and the breaks."""

    portfolio_id: str
    matched: int
    breaks: tuple[Break, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A tenant's whole book against one statement. ``homeless`` breaks lie under accounts that no portfolio has."""

    portfolios: tuple[PortfolioReconciliation, ...]
    homeless: tuple[Break, ...]

    @property
    def break_count(self) -> int:
        """Breaks in all portfolios and outside of them."""
        return len(self.homeless) + sum(len(portfolio.breaks) for portfolio in self.portfolios)


# What a row or a line is about inside an account: an instrument id, cash, or an identifier we do not know.
_CASH = ""
_UNKNOWN = "?"
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of ours: a position, or the cash balance (``position`` is ``None``)."""

    portfolio: Portfolio
    amount: Decimal
    position: PositionMark | None = None

    @property
    def instrument_id(self) -> str | None:
        return None if self.position is None else self.position.instrument_id

    @property
    def measure(self) -> Decimal:
        return self.amount if self.position is None else self.position.quantity


@dataclass(frozen=True, slots=True)
class _Stray:
    """A line that no row of its account answers to, or a second line for one that another line answers to."""

    key: _Key
    line: StatementLine
    is_repeat: bool


def reconcile(
    book: Sequence[tuple[Portfolio, PortfolioMark]], statement: Statement, instruments: Mapping[str, Instrument], session_date: date
) -> Reconciliation:
    """Compare a tenant's marked portfolios with the custodian's statement.

    Args:
        book: Each portfolio with its mark of the session.
        statement: The custodian's lines, in any order.
        instruments: Every instrument by id, with the identifiers the custodian uses.
        session_date: The session both sides should be as of.

    Returns:
        One result per portfolio, in the order given. An empty book against an empty statement has no breaks.

    Raises:
        InvalidInput: a portfolio has no custodian account, two share one, or one identifier names two instruments.
    """
    owners = _accounts(portfolio for portfolio, _ in book)
    ours = _our_rows(book)
    groups = _by_subject(statement, _identifiers(instruments))
    breaks: defaultdict[str, list[Break]] = defaultdict(list)
    broken: set[_Key] = set()
    strays: list[_Stray] = []
    for key, lines in groups.items():
        row = ours.get(key)
        if row is None:
            strays += [_Stray(key, line, is_repeat=place > 0) for place, line in enumerate(lines)]
            continue
        best = _closest(row, lines, session_date)
        strays += [_Stray(key, line, is_repeat=True) for line in lines if line is not best]
        if found := _compare(row, best, session_date):
            breaks[key[0]] += found
            broken.add(key)
    missing = {key: row for key, row in ours.items() if key not in groups and (row.position is not None or row.amount)}
    broken |= missing.keys()
    for stray in strays:
        _place(stray, missing, owners, breaks)
    for (account, _), row in missing.items():
        breaks[account].append(Break(BreakKind.MISSING_AT_CUSTODIAN, row.instrument_id, str(row.measure), None, "no line in the statement"))
    return Reconciliation(
        portfolios=tuple(
            PortfolioReconciliation(
                portfolio.portfolio_id,
                matched=sum(key[0] == portfolio.custodian_account and key not in broken for key in ours),
                breaks=_ordered(breaks[portfolio.custodian_account]),
            )
            for portfolio, _ in book
        ),
        homeless=_ordered(found for account, listed in breaks.items() if account not in owners for found in listed),
    )


def _accounts(portfolios: Iterable[Portfolio]) -> Mapping[str, Portfolio]:
    owners: dict[str, Portfolio] = {}
    for portfolio in portfolios:
        account = portfolio.custodian_account
        if not account:
            raise InvalidInput(f"{portfolio.portfolio_id} names no custodian account", field="custodian_account")
        if account in owners:
            raise InvalidInput(
                f"{portfolio.portfolio_id} shares account {account} with {owners[account].portfolio_id}", field="custodian_account"
            )
        owners[account] = portfolio
    return owners


def _identifiers(instruments: Mapping[str, Instrument]) -> Mapping[str, str]:
    """Every name an instrument goes by, its own id among them, to that id."""
    names: dict[str, str] = {}
    for instrument in instruments.values():
        for name in (instrument.instrument_id, *(identifier.value for identifier in instrument.identifiers)):
            if names.setdefault(name, instrument.instrument_id) != instrument.instrument_id:
                raise InvalidInput(f"{name} names both {names[name]} and {instrument.instrument_id}", field="identifiers")
    return names


def _our_rows(book: Sequence[tuple[Portfolio, PortfolioMark]]) -> Mapping[_Key, _Row]:
    rows: dict[_Key, _Row] = {}
    for portfolio, mark in book:
        if (mark.tenant, mark.portfolio_id) != (portfolio.tenant, portfolio.portfolio_id):
            raise InvalidInput(f"the mark is of {mark.tenant}/{mark.portfolio_id}, not {portfolio.portfolio_id}", field="mark")
        rows[portfolio.custodian_account, _CASH] = _Row(portfolio, mark.cash)
        for position in mark.positions:
            rows[portfolio.custodian_account, position.instrument_id] = _Row(portfolio, position.value, position)
    return rows


def _by_subject(statement: Statement, names: Mapping[str, str]) -> Mapping[_Key, list[StatementLine]]:
    groups: defaultdict[_Key, list[StatementLine]] = defaultdict(list)
    for line in statement.lines:
        subject = _CASH if line.record_type is RecordType.CASH else names.get(line.identifier, _UNKNOWN + line.identifier)
        groups[line.account, subject].append(line)
    return groups


def _measure(line: StatementLine) -> Decimal:
    return line.amount if line.quantity is None else line.quantity


def _closest(row: _Row, lines: Sequence[StatementLine], session_date: date) -> StatementLine:
    """Of several lines for one row, the one that is current, in its currency and equal speaks for it."""

    def closeness(line: StatementLine) -> tuple[bool, bool, bool]:
        return line.as_of == session_date, line.currency == row.portfolio.currency, _measure(line) == row.measure

    return max(lines, key=closeness)


def _compare(row: _Row, line: StatementLine, session_date: date) -> list[Break]:
    """The breaks of one row against its line; empty when they agree."""
    where = f"statement line {line.line}"
    name = row.instrument_id
    if line.as_of < session_date:
        return [Break(BreakKind.LATE, name, session_date.isoformat(), line.as_of.isoformat(), f"{where} is not of the session")]
    if line.currency != row.portfolio.currency:
        return [Break(BreakKind.CURRENCY, name, row.portfolio.currency, line.currency, f"{where} is in another currency")]
    if row.position is None or line.quantity is None or line.price is None:
        if line.amount == row.amount:
            return []
        return [Break(BreakKind.CASH, None, str(row.amount), str(line.amount), f"{where}: {line.amount - row.amount:+f}")]
    breaks = []
    if line.quantity != row.position.quantity:
        difference = line.quantity - row.position.quantity
        breaks.append(Break(BreakKind.QUANTITY, name, str(row.position.quantity), str(line.quantity), f"{where}: {difference:+f} units"))
    if abs(line.price - row.position.price) > PRICE_TOLERANCE:
        breaks.append(Break(BreakKind.PRICE, name, str(row.position.price), str(line.price), f"{where}: another price"))
    elif line.amount != position_value(line.quantity, line.price) and line.amount != row.amount:
        breaks.append(Break(BreakKind.PRICE, name, str(row.amount), str(line.amount), f"{where}: the amount is not quantity times price"))
    return breaks


def _place(stray: _Stray, missing: dict[_Key, _Row], owners: Mapping[str, Portfolio], breaks: defaultdict[str, list[Break]]) -> None:
    """Report a line that no row of its account answers to; a row it was paired with is no longer missing."""
    (account, subject), line = stray.key, stray.line
    units = str(_measure(line))
    name = None if subject == _CASH or subject.startswith(_UNKNOWN) else subject
    where = f"statement line {line.line}"
    if not _measure(line):
        return  # nothing there, and nothing with us
    home = next((key for key, row in missing.items() if key[1] == subject and row.measure == _measure(line)), None)
    if home is not None:
        detail = f"{where} lies under account {account}, it belongs to {home[0]}"
        breaks[home[0]].append(Break(BreakKind.WRONG_ACCOUNT, name, str(missing.pop(home).measure), None, detail))
        if account in owners:
            breaks[account].append(Break(BreakKind.WRONG_ACCOUNT, name, None, units, detail))
    elif account not in owners:
        breaks[account].append(Break(BreakKind.WRONG_ACCOUNT, name, None, units, f"{where}: no portfolio has account {account}"))
    elif stray.is_repeat:
        breaks[account].append(
            Break(BreakKind.DUPLICATE_LINE, name, None, units, f"{where} repeats {line.identifier or 'the cash balance'}")
        )
    else:
        breaks[account].append(Break(BreakKind.UNKNOWN_AT_CUSTODIAN, name, None, units, f"{where}: we hold no {line.identifier}"))


def _ordered(breaks: Iterable[Break]) -> tuple[Break, ...]:
    return tuple(sorted(breaks, key=lambda found: (found.instrument_id or "", found.kind, found.detail)))
