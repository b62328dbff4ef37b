"""The custodian's daily statement, synthetic: our own book as another firm would report it, with a few differences planted and listed.

The differences depend on tenant and session alone, so a statement delivered twice is the same file.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from daymark.adapters.dynamodb.client import s3_client
from daymark.adapters.s3.price_archive import S3PriceArchive
from daymark.book.models import PortfolioRecord
from daymark.book.ports import BookStore
from daymark.book.valuation import mark
from daymark.core.errors import InvalidInput
from daymark.core.fence import FenceLedger
from daymark.core.instruments import IdentifierScheme, Instrument
from daymark.core.money import CENT, to_cents
from daymark.core.sessions import Calendar
from daymark.local.sample_people import HOME_REGION
from daymark.market_data.models import ClosingPrice
from daymark.market_data.price_desk import PriceDesk
from daymark.operations.custodian_statement import HEADER, RecordType, statement_key, statements_prefix
from daymark.operations.ports import Documents
from daymark.operations.reconciliation import BreakKind
from daymark.operations.tasks.universe import held_or_targeted


@dataclass(frozen=True, slots=True)
class PlantedBreak:
    """One difference put into a statement on purpose."""

    kind: BreakKind
    portfolio_id: str
    instrument_id: str | None


@dataclass(frozen=True, slots=True)
class CustodianFile:
    """A statement as CSV, and what was planted in it."""

    content: bytes
    planted: tuple[PlantedBreak, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    portfolio_id: str
    account: str
    instrument_id: str | None
    identifier: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal
    currency: str
    as_of: date

    def cells(self) -> tuple[str, ...]:
        kind = RecordType.CASH if self.quantity is None else RecordType.HOLDING
        measured = ("", "") if self.quantity is None else (str(self.quantity), str(self.price))
        return (self.account, kind.value, self.identifier, *measured, str(self.amount), self.currency, self.as_of.isoformat())


def custodian_statement(
    records: Sequence[PortfolioRecord],
    closes: Mapping[str, ClosingPrice],
    instruments: Mapping[str, Instrument],
    session_date: date,
    planted: Sequence[BreakKind] = (BreakKind.QUANTITY, BreakKind.CASH, BreakKind.MISSING_AT_CUSTODIAN),
) -> CustodianFile:
    """One tenant's statement for a session.

    Args:
        records: The tenant's portfolios.
        closes: The session's closing prices by instrument id.
        instruments: Every instrument by id.
        session_date: Holdings and cash are as of the end of this session.
        planted: Kinds of difference to plant, each in another portfolio as far as there are enough: ``QUANTITY`` (ten units more),
            ``CASH`` (12.34 less) or ``MISSING_AT_CUSTODIAN`` (a holding left out).
    """
    lines: list[_Line] = []
    for record in records:
        lines += _lines(record, closes, instruments, session_date)
    tenant = records[0].portfolio.tenant if records else "-"
    rng = random.Random(f"{tenant}/{session_date.isoformat()}")  # noqa: S311 - a sample, nothing secret
    portfolios = [record.portfolio.portfolio_id for record in records]
    rng.shuffle(portfolios)
    done: list[PlantedBreak] = []
    for kind, portfolio_id in zip(planted, portfolios, strict=False):
        is_cash = kind is BreakKind.CASH
        places = [
            place for place, line in enumerate(lines) if line.portfolio_id == portfolio_id and (line.instrument_id is None) == is_cash
        ]
        if not places:
            continue
        place = rng.choice(places)
        done.append(PlantedBreak(kind, portfolio_id, lines[place].instrument_id))
        lines[place : place + 1] = _planted(kind, lines[place])
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(line.cells() for line in lines)
    return CustodianFile(text.getvalue().encode(), tuple(done))


def deliver_statements(book: BookStore, prices_bucket: str, documents: Documents, ledger: FenceLedger, session_date: date) -> None:
    """Put every tenant's statement where reconciliation looks for it, as the session's first delivery, unless one was delivered."""
    records = {tenant: book.records(tenant) for tenant in book.tenants()}
    missing = [tenant for tenant in records if not documents.keys(statements_prefix(tenant, session_date))]
    if not missing:
        return
    instruments = book.instruments()
    desk = PriceDesk(S3PriceArchive(prices_bucket, s3_client(HOME_REGION)), instruments, Calendar.exchange())
    held = held_or_targeted([record for tenant in missing for record in records[tenant]], session_date)
    closes = desk.closing_prices(session_date, held).closes
    fence = ledger.open(f"custodian/{session_date.isoformat()}", HOME_REGION)
    for tenant in missing:
        statement = custodian_statement(records[tenant], closes, instruments, session_date)
        documents.put(statement_key(tenant, session_date, 1), statement.content, "text/csv", fence)


def _lines(
    record: PortfolioRecord, closes: Mapping[str, ClosingPrice], instruments: Mapping[str, Instrument], session_date: date
) -> list[_Line]:
    marked = mark(record, closes, instruments, session_date)
    portfolio = record.portfolio
    lines = [
        _Line(
            portfolio.portfolio_id,
            portfolio.custodian_account,
            position.instrument_id,
            _identifier(instruments[position.instrument_id]),
            position.quantity,
            position.price,
            position.value,
            str(portfolio.currency),
            session_date,
        )
        for position in marked.positions
    ]
    cash = _Line(
        portfolio.portfolio_id,
        portfolio.custodian_account,
        None,
        "",
        None,
        None,
        marked.cash.quantize(CENT),
        str(portfolio.currency),
        session_date,
    )
    return [*lines, cash]


def _planted(kind: BreakKind, line: _Line) -> list[_Line]:
    if kind is BreakKind.MISSING_AT_CUSTODIAN:
        return []
    if kind is BreakKind.CASH:
        return [replace(line, amount=line.amount - Decimal("12.34"))]
    if kind is BreakKind.QUANTITY and line.quantity is not None and line.price is not None:
        quantity = line.quantity + 10
        return [replace(line, quantity=quantity, amount=to_cents(quantity * line.price))]
    raise InvalidInput(f"{kind} is no difference this feed can plant", field="planted")


def _identifier(instrument: Instrument) -> str:
    """CUSIP where there is one: a custodian does not use our own ids."""
    by_scheme = {identifier.scheme: identifier.value for identifier in instrument.identifiers}
    return by_scheme.get(IdentifierScheme.CUSIP, instrument.instrument_id)
