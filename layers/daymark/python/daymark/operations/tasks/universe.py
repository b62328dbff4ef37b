"""Every tenant's book as one task reads it, and the instruments that must have a price for it: those held or targeted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from daymark.book.models import PortfolioRecord
from daymark.book.ports import BookStore
from daymark.core.errors import DaymarkError


def held_or_targeted(records: Iterable[PortfolioRecord], on: date) -> frozenset[str]:
    """Instruments that some portfolio holds at the end of a date or has a target for. Empty for no records."""
    names: set[str] = set()
    for record in records:
        names.update(lot.instrument_id for lot in record.lots if lot.open_quantity(on))
        names.update(target.instrument_id for target in record.portfolio.targets)
    return frozenset(names)


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
