"""What the book needs from the outside: portfolios, instruments, and the rows each day adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from daymark.book.models import Household, Portfolio, PortfolioMark, PortfolioRecord
from daymark.core.fence import Fence
from daymark.core.instruments import Instrument


class BookStore(Protocol):
    """Households, portfolios, lots and cash. Every read names its tenant; ids are unique inside one tenant only."""

    def tenants(self) -> Sequence[str]:
        """Tenants that own portfolios, sorted."""
        ...

    def instruments(self) -> Mapping[str, Instrument]:
        """Every instrument by id."""
        ...

    def households(self, tenant: str) -> Sequence[Household]:
        """A tenant's households, sorted by id."""
        ...

    def portfolios(self, tenant: str) -> Sequence[Portfolio]:
        """A tenant's portfolios, sorted by id."""
        ...

    def portfolio(self, tenant: str, portfolio_id: str) -> Portfolio:
        """One portfolio.

        Raises:
            NotFound: the tenant has no such portfolio.
        """
        ...

    def record(self, tenant: str, portfolio_id: str) -> PortfolioRecord:
        """One portfolio with all its lots and cash entries.

        Raises:
            NotFound: the tenant has no such portfolio.
        """
        ...

    def records(self, tenant: str) -> Sequence[PortfolioRecord]:
        """All of a tenant's portfolios with their lots and cash, sorted by id."""
        ...


class BookWriter(Protocol):
    """Loads a book: natural keys, so loading the same book again changes nothing."""

    def save_instruments(self, instruments: Sequence[Instrument], fence: Fence) -> None:
        """Store instruments; an existing id is replaced.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
        """
        ...

    def save_household(self, household: Household, fence: Fence) -> None:
        """Store a household under its tenant."""
        ...

    def save_record(self, record: PortfolioRecord, fence: Fence) -> None:
        """Store a portfolio with its lots and cash, all or nothing as far as a reader can tell."""
        ...


class MarkStore(Protocol):
    """Closing marks, append-only, one per portfolio, session and attempt: a later attempt restates, what it restated stays."""

    def save(self, marks: Sequence[PortfolioMark], fence: Fence) -> None:
        """Append marks. The same mark again is a harmless repeat.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: another mark stands for the portfolio, session and attempt.
        """
        ...

    def mark(self, tenant: str, portfolio_id: str, session_date: date) -> PortfolioMark | None:
        """The mark of one session by its latest attempt, or ``None``."""
        ...

    def history(self, tenant: str, portfolio_id: str, limit: int, before: date | None = None) -> Sequence[PortfolioMark]:
        """Each session's mark by its latest attempt, newest first, at most ``limit``, strictly before ``before`` if given."""
        ...


class RecordKind(StrEnum):
    """What a day's record is about; one module writes each kind."""

    PRICE_QUALITY = "price_quality"
    OVERNIGHT_RISK = "overnight_risk"
    LIMITS = "limits"
    REGIME = "regime"
    DRIFT = "drift"
    REBALANCING = "rebalancing"
    TAX_LOSSES = "tax_losses"
    OFFICIAL_CLOSES = "official_closes"
    PROFIT_AND_LOSS = "profit_and_loss"
    BENCHMARK = "benchmark"
    RECONCILIATION = "reconciliation"
    BACKUP = "backup"
    REPORT = "report"
    AUDIT_SEAL = "audit_seal"


@dataclass(frozen=True, slots=True)
class DayRecord:
    """One result of one day: typed by ``kind``, keyed by session, phase, subject and attempt, its body plain JSON data.

    ``subject`` is a portfolio id, or ``"-"`` for what concerns a tenant (or, under the shared tenant, the market) as a whole.
    ``attempt`` is the run's: a day that is run again after its inputs were corrected restates its results beside the earlier ones.
    Money and quantities in ``body`` are decimal strings; ratios are numbers; dates are ISO strings. NaN is never stored.
    """

    tenant: str
    session_date: date
    phase: str
    kind: RecordKind
    subject: str
    body: Mapping[str, Any]
    attempt: int = 1


class DayRecords(Protocol):
    """The results each day leaves behind, append-only by natural key (tenant, session, phase, kind, subject, attempt)."""

    def save(self, records: Sequence[DayRecord], fence: Fence) -> None:
        """Append records; the same content again is a harmless repeat.

        Raises:
            StaleFence: a later epoch owns the run.
            Conflict: other content stands under the key.
        """
        ...

    def find(
        self,
        tenant: str,
        session_date: date,
        kind: RecordKind | None = None,
        subject: str | None = None,
        phase: str | None = None,
    ) -> Sequence[DayRecord]:
        """The day's records that match, by their latest attempt, sorted by (phase, kind, subject)."""
        ...

    def history(self, tenant: str, session_date: date, kind: RecordKind, subject: str) -> Sequence[DayRecord]:
        """Every attempt's record of one kind and subject, sorted by (phase, attempt)."""
        ...
