"""Version 2 of the backup: one row of canonical JSON for each thing that is kept, in a fixed order, and back.

The rows come by kind, in the order of :class:`RowKind`, and by key within a kind; no key occurs twice. A row names no tenant of its
own where the file's does. A tenant's file holds its households, portfolios, marks, day records and the ends of its audit chains;
the shared tenant's holds the instruments, and the market's day records and chains.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from daymark.book.models import Household, PortfolioMark, PortfolioRecord, PositionMark
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput
from daymark.core.instruments import AssetClass, BondTerms, Identifier, IdentifierScheme, Instrument, InstrumentKind
from daymark.core.money import Currency
from daymark.market_data.labels import PriceLabel
from daymark.operations.backup_fields import Fields, decimal_text
from daymark.operations.backup_schema import read_household, read_record, write_household, write_record


class RowKind(StrEnum):
    """What a row holds, in the order of the file."""

    INSTRUMENT = "instrument"
    HOUSEHOLD = "household"
    PORTFOLIO = "portfolio"
    MARK = "mark"
    RECORD = "record"
    CHAIN = "chain"


_ORDER = {kind: place for place, kind in enumerate(RowKind)}


@dataclass(frozen=True, slots=True)
class ChainEnd:
    """Where an audit chain ends: how many entries it has and the hash of the last, which fixes them all."""

    tenant: str
    session_date: date
    phase: str
    entries: int
    last_hash: str


Item = Instrument | Household | PortfolioRecord | PortfolioMark | DayRecord | ChainEnd


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        key: What tells it from the others of its kind.
        text: Its canonical JSON.
    """

    kind: RowKind
    key: tuple[str, ...]
    item: Item
    text: str

    @property
    def order(self) -> tuple[int, tuple[str, ...]]:
        """Where the row comes in the file."""
        return _ORDER[self.kind], self.key

    @property
    def name(self) -> str:
        """What a person calls it: ``portfolio P-1``."""
        return " ".join((self.kind, *self.key))


def write_row(item: Item, tenant: str) -> Row:
    """A thing as its row.

    Raises:
        InvalidInput: it is of another tenant, or would not be read back as it is; the field names it.
    """
    kind, key, owner, document = _written(item)
    row = Row(kind, key, item, _text(kind, document))
    if owner not in (tenant, None):
        raise InvalidInput(f"{row.name} is of tenant {owner}, not {tenant}", field=f"{row.name}.tenant")
    if _sorted_inside(item) != _sorted_inside(_read_item(kind, document, tenant, 0)):
        raise InvalidInput(f"{row.name} would not be restored as it is", field=row.name)
    return row


def read_row(document: Mapping[str, Any], tenant: str, place: int) -> Row:
    """A row from its JSON.

    Args:
        document: The row.
        tenant: The file's.
        place: Its place among the rows of its kind, for the path of what is wrong.

    Raises:
        InvalidInput: a field is missing, unknown or breaks a rule (the field's path), or the row is of another tenant.
    """
    outer = Fields(document, "")
    kind = outer.one_of("kind", RowKind)
    item = _read_item(kind, outer.take("row"), tenant, place)
    outer.end()
    _, key, owner, written = _written(item)
    if owner not in (tenant, None):
        raise InvalidInput(f"{kind.value}[{place}] is of tenant {owner}, not {tenant}", field=f"{kind.value}[{place}].tenant")
    return Row(kind, key, item, _text(kind, written))


def _read_item(kind: RowKind, document: object, tenant: str, place: int) -> Item:
    return Fields(document, f"{kind.value}[{place}]").read(lambda fields: _READERS[kind](fields, tenant))


def _text(kind: RowKind, document: Mapping[str, Any]) -> str:
    """Canonical JSON, at the price of a plain dump: what cannot be written so is told by :func:`canonical_json`, which looks closer."""
    row = {"kind": kind.value, "row": document}
    try:
        text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        text = canonical_json(row)
    return text


def _sorted_inside(item: Item) -> object:
    """What makes two items the same: the order of a portfolio's rows does not, nor lists written as tuples in a record."""
    if isinstance(item, PortfolioRecord):
        lots = sorted(item.lots, key=lambda lot: lot.lot_id)
        return item.portfolio, lots, sorted(item.cash, key=lambda entry: entry.entry_id)
    if isinstance(item, DayRecord):
        return replace(item, body={}), canonical_json(item.body)
    return item


def _written(item: Item) -> tuple[RowKind, tuple[str, ...], str | None, Mapping[str, Any]]:
    """Kind, key, owner (``None`` for what is everybody's) and JSON."""
    match item:
        case Instrument():
            return RowKind.INSTRUMENT, (item.instrument_id,), None, _write_instrument(item)
        case Household():
            return RowKind.HOUSEHOLD, (item.household_id,), item.tenant, write_household(item)
        case PortfolioRecord(portfolio):
            return RowKind.PORTFOLIO, (portfolio.portfolio_id,), portfolio.tenant, write_record(item)
        case PortfolioMark():
            return RowKind.MARK, (item.portfolio_id, item.session_date.isoformat()), item.tenant, _write_mark(item)
        case DayRecord():
            key = (item.session_date.isoformat(), item.kind.value, item.phase, item.subject)
            return RowKind.RECORD, key, item.tenant, _write_day_record(item)
        case _:
            return RowKind.CHAIN, (item.session_date.isoformat(), item.phase), item.tenant, _write_chain_end(item)


def _write_instrument(instrument: Instrument) -> Mapping[str, Any]:
    terms = instrument.bond
    bond = terms and {
        "coupon": decimal_text(terms.coupon),
        "maturity": terms.maturity.isoformat(),
        "yield_series": terms.yield_series,
        "payments_per_year": terms.payments_per_year,
    }
    return {
        "instrument_id": instrument.instrument_id,
        "kind": instrument.kind.value,
        "name": instrument.name,
        "asset_class": instrument.asset_class.value,
        "currency": instrument.currency.value,
        "sector": instrument.sector,
        "identifiers": [{"scheme": one.scheme.value, "value": one.value} for one in instrument.identifiers],
        "bond": bond,
    }


def _read_instrument(fields: Fields, tenant: str) -> Instrument:
    del tenant  # everybody's
    return Instrument(
        fields.text("instrument_id"),
        fields.one_of("kind", InstrumentKind),
        fields.text("name"),
        fields.one_of("asset_class", AssetClass),
        fields.one_of("currency", Currency),
        fields.text("sector") if fields.has_value("sector") else fields.take("sector"),
        tuple(fields.rows("identifiers", lambda one: Identifier(one.one_of("scheme", IdentifierScheme), one.text("value")))),
        fields.object("bond", _read_bond) if fields.has_value("bond") else fields.take("bond"),
    )


def _read_bond(fields: Fields) -> BondTerms:
    return BondTerms(fields.decimal("coupon"), fields.day("maturity"), fields.text("yield_series"), fields.whole("payments_per_year"))


def _write_mark(mark: PortfolioMark) -> Mapping[str, Any]:
    return {
        "portfolio_id": mark.portfolio_id,
        "session_date": mark.session_date.isoformat(),
        "cash": decimal_text(mark.cash),
        "positions": [
            {
                "instrument_id": position.instrument_id,
                "asset_class": position.asset_class.value,
                "quantity": decimal_text(position.quantity),
                "price": decimal_text(position.price),
                "value": decimal_text(position.value),
                "cost_basis": decimal_text(position.cost_basis),
                "price_as_of": position.price_as_of.isoformat(),
                "label": position.label.value,
            }
            for position in mark.positions
        ],
        "value": decimal_text(mark.value),
        "attempt": mark.attempt,
    }


def _read_mark(fields: Fields, tenant: str) -> PortfolioMark:
    return PortfolioMark(
        tenant,
        fields.text("portfolio_id"),
        fields.day("session_date"),
        fields.decimal("cash"),
        tuple(fields.rows("positions", _read_position)),
        fields.decimal("value"),
        fields.whole("attempt"),
    )


def _read_position(fields: Fields) -> PositionMark:
    return PositionMark(
        fields.text("instrument_id"),
        fields.one_of("asset_class", AssetClass),
        fields.decimal("quantity"),
        fields.decimal("price"),
        fields.decimal("value"),
        fields.decimal("cost_basis"),
        fields.day("price_as_of"),
        fields.one_of("label", PriceLabel),
    )


def _write_day_record(record: DayRecord) -> Mapping[str, Any]:
    return {
        "session_date": record.session_date.isoformat(),
        "phase": record.phase,
        "kind": record.kind.value,
        "subject": record.subject,
        "attempt": record.attempt,
        "body": record.body,
    }


def _read_day_record(fields: Fields, tenant: str) -> DayRecord:
    session_date, phase, kind = fields.day("session_date"), fields.text("phase"), fields.one_of("kind", RecordKind)
    return DayRecord(tenant, session_date, phase, kind, fields.text("subject"), fields.mapping("body"), fields.whole("attempt"))


def _write_chain_end(end: ChainEnd) -> Mapping[str, Any]:
    return {"session_date": end.session_date.isoformat(), "phase": end.phase, "entries": end.entries, "last_hash": end.last_hash}


def _read_chain_end(fields: Fields, tenant: str) -> ChainEnd:
    return ChainEnd(tenant, fields.day("session_date"), fields.text("phase"), fields.whole("entries"), fields.text("last_hash"))


_READERS: Mapping[RowKind, Callable[[Fields, str], Item]] = {
    RowKind.INSTRUMENT: _read_instrument,
    RowKind.HOUSEHOLD: lambda fields, _: read_household(fields),
    RowKind.PORTFOLIO: lambda fields, _: read_record(fields),
    RowKind.MARK: _read_mark,
    RowKind.RECORD: _read_day_record,
    RowKind.CHAIN: _read_chain_end,
}
