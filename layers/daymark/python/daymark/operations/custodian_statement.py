"""The custodian's statement file: one CSV line per holding or cash balance; a line that breaks the format is quarantined, not guessed.

UTF-8, first line ``account,record_type,identifier,quantity,price,amount,currency,as_of``, then for each account

- ``HOLDING`` lines: ``identifier`` is the ticker, CUSIP or ISIN; ``quantity`` at most four decimals; ``price`` above zero;
  ``amount`` the holding's value to the cent.
- one ``CASH`` line: ``amount`` is the balance to the cent, negative when overdrawn; identifier, quantity and price say nothing.

``currency`` is an ISO 4217 code; ``as_of`` is the ISO date of the holding, no later than the statement's session.

Deliveries of a session are numbered from 1: a corrected statement is delivered under the next number, and the newest is read.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from daymark.core.errors import InvalidInput
from daymark.core.money import CENT, Quantity, decimal_of
from daymark.core.numbering import key_number

HEADER = ("account", "record_type", "identifier", "quantity", "price", "amount", "currency", "as_of")


def statements_prefix(tenant: str, session_date: date) -> str:
    """Under which every delivery of a tenant's statement for a session stands; the last key in order is the newest."""
    return f"statements/{tenant}/{session_date.isoformat()}/"


def statement_key(tenant: str, session_date: date, delivery: int) -> str:
    """Where one delivery stands.

    >>> statement_key("northstar", date(2018, 2, 5), 1)
    'statements/northstar/2018-02-05/0001.csv'

    Raises:
        InvalidInput: the delivery is not from 1 to 9999.
    """
    return f"{statements_prefix(tenant, session_date)}{key_number(delivery, 'delivery')}.csv"


class RecordType(StrEnum):
    """What a line states."""

    HOLDING = "HOLDING"
    CASH = "CASH"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line as the custodian states it. ``quantity`` and ``price`` are ``None`` on a cash line.

    ``line`` is the line's number in the file; the header is line 1.
    """

    line: int
    account: str
    record_type: RecordType
    identifier: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal
    currency: str
    as_of: date


@dataclass(frozen=True, slots=True)
class QuarantinedLine:
    """A line that could not be read: where it stands, which field is at fault, and why."""

    line: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement file: every line of it is in exactly one of the two."""

    lines: tuple[StatementLine, ...]
    quarantined: tuple[QuarantinedLine, ...]


def parse_statement(content: bytes, session_date: date) -> Statement:
    """Read a statement file.

    Args:
        content: The file's bytes.
        session_date: The session the statement is for; a later ``as_of`` is refused.

    Returns:
        The readable lines and the quarantined ones, in file order. Empty lines are skipped.

    Raises:
        InvalidInput: the first line is not the header, so nothing in the file can be trusted.
    """
    raw_lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    header = raw_lines[0].rstrip(b"\r")
    if header != ",".join(HEADER).encode():
        raise InvalidInput(
            f"a statement must begin with the line {','.join(HEADER)}", field="header", got=header[:200].decode(errors="replace")
        )
    lines: list[StatementLine] = []
    quarantined: list[QuarantinedLine] = []
    for number, raw in enumerate(raw_lines[1:], start=2):
        if not raw.strip():
            continue
        try:
            lines.append(_parse_line(number, raw.rstrip(b"\r"), session_date))
        except InvalidInput as error:
            quarantined.append(QuarantinedLine(number, error.field or "line", error.message))
    return Statement(tuple(lines), tuple(quarantined))


def _parse_line(number: int, raw: bytes, session_date: date) -> StatementLine:
    try:
        cells = next(csv.reader([raw.decode()], strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise InvalidInput("the line is not UTF-8 comma-separated text", field="line") from None
    if len(cells) != len(HEADER):
        raise InvalidInput(f"the line has {len(cells)} fields, not {len(HEADER)}", field="line")
    cell = dict(zip(HEADER, (text.strip() for text in cells), strict=True))
    if not cell["account"]:
        raise InvalidInput("account must not be empty", field="account")
    if cell["record_type"] not in RecordType.__members__:
        raise InvalidInput(f"record_type must be HOLDING or CASH, got {cell['record_type']!r}", field="record_type")
    record_type = RecordType(cell["record_type"])
    is_holding = record_type is RecordType.HOLDING
    if is_holding and not cell["identifier"]:
        raise InvalidInput("a holding must name its instrument", field="identifier")
    return StatementLine(
        line=number,
        account=cell["account"],
        record_type=record_type,
        identifier=cell["identifier"],
        quantity=_quantity(cell["quantity"]) if is_holding else None,
        price=_price(cell["price"]) if is_holding else None,
        amount=_amount(cell["amount"]),
        currency=_currency(cell["currency"]),
        as_of=_as_of(cell["as_of"], session_date),
    )


def _quantity(text: str) -> Decimal:
    return Quantity(decimal_of(text, "quantity")).units


def _price(text: str) -> Decimal:
    price = decimal_of(text, "price")
    if price <= 0:
        raise InvalidInput(f"price must be above zero, got {price}", field="price")
    return price


def _amount(text: str) -> Decimal:
    amount = decimal_of(text, "amount")
    if amount % CENT:
        raise InvalidInput(f"amount must be whole cents, got {amount}", field="amount")
    return amount


def _currency(text: str) -> str:
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise InvalidInput(f"currency must be three capital letters, got {text!r}", field="currency")
    return text


def _as_of(text: str, session_date: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"as_of must be a date like 2018-02-05, got {text!r}", field="as_of") from None
    if day > session_date:
        raise InvalidInput(f"as_of {day} lies after the session {session_date}", field="as_of")
    return day
