"""The book in memory: the contract of the stored one, without the storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daymark.adapters.rows import claim_rows, encode_model, natural_key, require_home_region
from daymark.book.models import Household, Portfolio, PortfolioRecord
from daymark.core.errors import NotFound
from daymark.core.fence import Fence, FenceLedger
from daymark.core.instruments import Instrument


class MemoryBookStore:
    """``BookStore`` and ``BookWriter`` in memory.

    Args:
        ledger: Where writes are claimed; ``None`` leaves them unfenced.
    """

    def __init__(self, ledger: FenceLedger | None = None) -> None:
        self._ledger = ledger
        self._instruments: dict[str, Instrument] = {}
        self._households: dict[tuple[str, str], Household] = {}
        self._records: dict[tuple[str, str], PortfolioRecord] = {}
        self._generations: dict[str, tuple[int, str]] = {}

    def tenants(self) -> Sequence[str]:
        """Tenants that own portfolios, sorted."""
        return sorted({tenant for tenant, _ in self._records})

    def instruments(self) -> Mapping[str, Instrument]:
        """Every instrument by id."""
        return dict(sorted(self._instruments.items()))

    def households(self, tenant: str) -> Sequence[Household]:
        """A tenant's households, sorted by id."""
        return [household for (owner, _), household in sorted(self._households.items(), key=lambda row: row[0]) if owner == tenant]

    def portfolios(self, tenant: str) -> Sequence[Portfolio]:
        """A tenant's portfolios, sorted by id."""
        return [record.portfolio for record in self.records(tenant)]

    def portfolio(self, tenant: str, portfolio_id: str) -> Portfolio:
        """One portfolio.

        Raises:
            NotFound: the tenant has no such portfolio.
        """
        return self.record(tenant, portfolio_id).portfolio

    def record(self, tenant: str, portfolio_id: str) -> PortfolioRecord:
        """One portfolio with all its lots and cash entries.

        Raises:
            NotFound: the tenant has no such portfolio.
        """
        record = self._records.get((tenant, portfolio_id))
        if record is None:
            raise NotFound("no such portfolio")
        return record

    def records(self, tenant: str) -> Sequence[PortfolioRecord]:
        """All of a tenant's portfolios with their lots and cash, sorted by id."""
        return [record for (owner, _), record in sorted(self._records.items(), key=lambda row: row[0]) if owner == tenant]

    def save_instruments(self, instruments: Sequence[Instrument], fence: Fence) -> None:
        """Store instruments one after the other; an existing id is replaced.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
        """
        for instrument in instruments:
            self._claim(natural_key("INSTRUMENT", instrument.instrument_id), encode_model(Instrument, instrument), fence)
            self._instruments[instrument.instrument_id] = instrument

    def save_household(self, household: Household, fence: Fence) -> None:
        """Store a household under its tenant; the same household again changes nothing."""
        self._claim(natural_key(household.tenant, "HOUSEHOLD", household.household_id), encode_model(Household, household), fence)
        self._households[household.tenant, household.household_id] = household

    def save_record(self, record: PortfolioRecord, fence: Fence) -> None:
        """Store a portfolio with its lots and cash.

        Raises:
            StaleFence: a later epoch owns the fence's scope, or the fence is not of the portfolio's home region.
        """
        require_home_region(record.portfolio, fence)
        tenant, portfolio_id = record.portfolio.tenant, record.portfolio.portfolio_id
        self._claim(natural_key(tenant, "PORTFOLIO", portfolio_id), encode_model(PortfolioRecord, record), fence)
        self._records[tenant, portfolio_id] = record

    def _claim(self, key: str, content: str, fence: Fence) -> None:
        generation, standing = self._generations.get(key, (0, ""))
        claimed = generation if standing == content else generation + 1
        claim_rows(self._ledger, {f"{key}/{claimed}": content}, fence)
        self._generations[key] = (claimed, content)
