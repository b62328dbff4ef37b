"""A portfolio's holdings on a date are what its lots and cash entries say: bought by then, not yet sold; no state of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from daymark.book.models import CashEntry, PortfolioRecord, Position
from daymark.core.errors import InvalidInput
from daymark.core.instruments import Instrument

ZERO = Decimal(0)


def positions(record: PortfolioRecord, instruments: Mapping[str, Instrument], on: date) -> tuple[Position, ...]:
    """What the portfolio holds at the end of a date, one row per instrument, sorted by instrument id.

    Instruments sold out by then do not appear. Empty for a portfolio that holds only cash.

    Raises:
        InvalidInput: a lot names an instrument that does not exist; the field names the lot.
    """
    held: dict[str, tuple[Decimal, Decimal]] = {}
    for lot in record.lots:
        quantity = lot.open_quantity(on)
        if not quantity:
            continue
        if lot.instrument_id not in instruments:
            raise InvalidInput(f"lot {lot.lot_id} holds unknown instrument {lot.instrument_id}", field=f"lots[{lot.lot_id}].instrument_id")
        units, basis = held.get(lot.instrument_id, (ZERO, ZERO))
        held[lot.instrument_id] = (units + quantity, basis + lot.open_basis(on))
    return tuple(
        Position(instrument_id, instruments[instrument_id].asset_class, units, basis)
        for instrument_id, (units, basis) in sorted(held.items())
    )


def cash_balance(record: PortfolioRecord, on: date) -> Decimal:
    """Cash at the end of a date: the sum of every entry booked by then. Negative when overdrawn."""
    return sum((entry.amount for entry in record.cash if entry.booked <= on), ZERO)


def entries_between(record: PortfolioRecord, after: date, on: date) -> tuple[CashEntry, ...]:
    """Cash entries booked after ``after`` and up to the end of ``on``, in the order of the record."""
    return tuple(entry for entry in record.cash if after < entry.booked <= on)


def external_flows(record: PortfolioRecord, on: date, after: date | None = None) -> Decimal:
    """Net deposits less withdrawals booked on a date; with ``after``, all those booked after it and up to ``on``.

    A deposit on a Saturday thus counts on Monday when ``after`` is the Friday session.
    """
    return sum(
        (
            entry.amount
            for entry in record.cash
            if entry.kind.is_external_flow and (entry.booked == on if after is None else after < entry.booked <= on)
        ),
        ZERO,
    )
