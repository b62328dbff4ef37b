"""Every tenant's book as one task reads it, and the instruments that must have a price for it: those held or targeted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from daymark.book.models import PortfolioMark, PortfolioRecord
from daymark.book.ports import BookStore
from daymark.book.valuation import mark
from daymark.core.errors import DaymarkError
from daymark.market_data.price_desk import PriceDesk


def held_or_targeted(records: Iterable[PortfolioRecord], on: date) -> frozenset[str]:
    """Instruments that some portfolio holds at the end of a date or has a target for. Empty for no records."""
    names: set[str] = set()
    for record in records:
        names.update(lot.instrument_id for lot in record.lots if lot.open_quantity(on))
        names.update(target.instrument_id for target in record.portfolio.targets)
    return frozenset(names)


def ever_held(records: Iterable[PortfolioRecord], on: date) -> frozenset[str]:
    """Instruments that some portfolio has acquired by the end of a date, sold out since or not. Empty for no records."""
    return frozenset(lot.instrument_id for record in records for lot in record.lots if lot.acquired <= on)


class Universe:
    """The records of every tenant, read once. One whose records cannot be read fails when its turn comes, not the others."""

    def __init__(self, book: BookStore) -> None:
        self._records: dict[str, Sequence[PortfolioRecord]] = {}
        self._failures: dict[str, DaymarkError] = {}
        self.tenants = tuple(book.tenants())
        for tenant in self.tenants:
            try:
                self._records[tenant] = tuple(book.records(tenant))
            except DaymarkError as failure:
                self._failures[tenant] = failure

    def records(self, tenant: str) -> Sequence[PortfolioRecord]:
        """One tenant's records.

        Raises:
            DaymarkError: what went wrong when they were read.
        """
        if tenant in self._failures:
            raise self._failures[tenant]
        return self._records[tenant]

    def priced(self, on: date) -> frozenset[str]:
        """Instruments held or targeted by the tenants whose records could be read."""
        return held_or_targeted((record for records in self._records.values() for record in records), on)


class PricedUniverse(Universe):
    """The records of every tenant beside the closes that a session's books are marked with.

    Raises:
        NotPublished, QualityBlocked: the session has no closes that may be used.

    Attributes:
        instruments: Every instrument by id.
        closes: The session's closes by instrument id.
    """

    def __init__(self, book: BookStore, desk: PriceDesk, session_date: date) -> None:
        super().__init__(book)
        self.session_date = session_date
        self.instruments = book.instruments()
        self.closes = desk.marking_closes(session_date, self.priced(session_date))

    def mark(self, record: PortfolioRecord) -> PortfolioMark:
        """A portfolio at the session's closes.

        Raises:
            InvalidInput: a lot names an instrument that does not exist.
            NotPublished: a holding has no close.
        """
        return mark(record, self.closes, self.instruments, self.session_date)
