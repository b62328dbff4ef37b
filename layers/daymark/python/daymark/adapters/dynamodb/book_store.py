"""The book in one table: directory rows per tenant, and each portfolio's lots and cash in chunks that appear all at once.

Layout (partition key | sort key)::

    TENANTS                     | TENANT#<tenant>                      a tenant that owns portfolios
    INSTRUMENTS                 | INSTRUMENT#<id>                      generation
    TENANT#<tenant>             | HOUSEHOLD#<id>                       generation
    TENANT#<tenant>             | PORTFOLIO#<id>                       header: the portfolio, its generation and number of chunks
    TENANT#<tenant>#PORTFOLIO#<id> | GENERATION#00000001#CHUNK#0000   lots and cash, append-only

A saved record becomes visible when its header is written, last, on condition that the generation before it still stands. A reader
takes the header first, so it sees one generation whole. A tenant's records cost one query for the headers and one batch read per
hundred chunks, all strongly consistent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.errors import ConditionFailed
from daymark.adapters.dynamodb.items import Row, encode
from daymark.adapters.dynamodb.table import NOTHING_THERE, Table
from daymark.adapters.rows import claim_rows, decode_model, encode_model, fingerprint, natural_key, plain, require_home_region
from daymark.book.models import Household, Portfolio, PortfolioRecord
from daymark.core.audit import canonical_json
from daymark.core.errors import Conflict, NotFound
from daymark.core.fence import Fence, FenceLedger
from daymark.core.instruments import Instrument

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TENANTS, INSTRUMENTS = "TENANTS", "INSTRUMENTS"
GENERATION = "generation"
# Below the item limit with room for keys; small enough that a hundred chunks come in few pages.
CHUNK_BYTES = 256 * 1024


class DynamoBookStore:
    """``BookStore`` and ``BookWriter`` over the book table.

    Args:
        table_name: The book table.
        client: A DynamoDB client with bounded time-outs.
        ledger: Where writes are claimed; ``None`` for a reader or an unfenced load.
    """

    def __init__(self, table_name: str, client: DynamoDBClient, ledger: FenceLedger | None = None) -> None:
        self._table = Table(table_name, client)
        self._ledger = ledger

    def tenants(self) -> Sequence[str]:
        """Tenants that own portfolios, sorted."""
        return [row.sk.partition("#")[2] for row in self._table.query(TENANTS, "TENANT#")]

    def instruments(self) -> Mapping[str, Instrument]:
        """Every instrument by id."""
        read = [decode_model(Instrument, row.body) for row in self._table.query(INSTRUMENTS, "INSTRUMENT#")]
        return {instrument.instrument_id: instrument for instrument in read}

    def households(self, tenant: str) -> Sequence[Household]:
        """A tenant's households, sorted by id."""
        return [decode_model(Household, row.body) for row in self._table.query(_tenant_key(tenant), "HOUSEHOLD#")]

    def portfolios(self, tenant: str) -> Sequence[Portfolio]:
        """A tenant's portfolios, sorted by id."""
        return [_portfolio(row) for row in self._headers(tenant)]

    def portfolio(self, tenant: str, portfolio_id: str) -> Portfolio:
        """One portfolio.

        Raises:
            NotFound: the tenant has no such portfolio.
        """
        return _portfolio(self._header(tenant, portfolio_id))

    def record(self, tenant: str, portfolio_id: str) -> PortfolioRecord:
        """One portfolio with all its lots and cash entries.

        Raises:
            NotFound: the tenant has no such portfolio.
        """
        return self._assembled(tenant, [self._header(tenant, portfolio_id)])[0]

    def records(self, tenant: str) -> Sequence[PortfolioRecord]:
        """All of a tenant's portfolios with their lots and cash, sorted by id."""
        return self._assembled(tenant, list(self._headers(tenant)))

    def save_instruments(self, instruments: Sequence[Instrument], fence: Fence) -> None:
        """Store instruments one after the other; an existing id is replaced.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
            Conflict: another writer saved the next generation first.
        """
        for instrument in instruments:
            sk = natural_key("INSTRUMENT", instrument.instrument_id)
            self._save_generation(INSTRUMENTS, sk, encode_model(Instrument, instrument), lambda _: [], fence)

    def save_household(self, household: Household, fence: Fence) -> None:
        """Store a household under its tenant; the same household again changes nothing."""
        pk, sk = _tenant_key(household.tenant), natural_key("HOUSEHOLD", household.household_id)
        body = encode_model(Household, household)
        self._save_generation(pk, sk, body, lambda _: [], fence)

    def save_record(self, record: PortfolioRecord, fence: Fence) -> None:
        """Store a portfolio with its lots and cash; a reader sees the earlier generation or this one, whole.

        Raises:
            StaleFence: a later epoch owns the fence's scope, or the fence is not of the portfolio's home region.
            Conflict: another writer saved the next generation first.
        """
        require_home_region(record.portfolio, fence)
        tenant, portfolio_id = record.portfolio.tenant, record.portfolio.portfolio_id
        chunks = tuple(_chunks(record))
        header = {
            "portfolio": plain(Portfolio, record.portfolio),
            "chunks": len(chunks),
            "sha256": fingerprint(canonical_json(list(chunks))),
        }
        pk, sk = _tenant_key(tenant), natural_key("PORTFOLIO", portfolio_id)

        def rows(generation: int) -> list[Row]:
            return [Row(f"{pk}#{sk}", _chunk_key(generation, place), chunk) for place, chunk in enumerate(chunks)]

        self._save_generation(pk, sk, canonical_json(header), rows, fence, register=tenant)

    def _save_generation(
        self, pk: str, sk: str, body: str, rows: Callable[[int], list[Row]], fence: Fence, *, register: str | None = None
    ) -> None:
        """Claim the next generation, add the rows it needs, and last make it the one that readers see."""
        standing = self._table.read(pk, sk)
        generation = standing.numbers[GENERATION] if standing else 0
        repeated = standing is not None and standing.body == body
        claimed = generation if repeated else generation + 1
        claim_rows(self._ledger, {f"{pk}/{sk}/{claimed}": body}, fence)
        if repeated:
            return
        if register is not None:
            self._table.append([Row(TENANTS, natural_key("TENANT", register), "{}")])
        self._table.append(rows(claimed))
        condition, values = (NOTHING_THERE, None) if standing is None else ("generation = :before", {":before": {"N": str(generation)}})
        try:
            self._table.transact([self._table.put(encode(Row(pk, sk, body, {GENERATION: claimed})), condition, values)])
        except ConditionFailed:
            after = self._table.read(pk, sk)
            if after is None or after.body != body:
                raise Conflict(f"another writer saved generation {claimed} of {pk} {sk} first", field="generation") from None

    def _header(self, tenant: str, portfolio_id: str) -> Row:
        if not portfolio_id or "#" in portfolio_id:
            raise NotFound("no such portfolio")
        row = self._table.read(_tenant_key(tenant), natural_key("PORTFOLIO", portfolio_id))
        if row is None:
            raise NotFound("no such portfolio")
        return row

    def _headers(self, tenant: str) -> Iterator[Row]:
        return self._table.query(_tenant_key(tenant), "PORTFOLIO#")

    def _assembled(self, tenant: str, headers: Sequence[Row]) -> list[PortfolioRecord]:
        contents = [json.loads(header.body) for header in headers]
        keys = [
            [(f"{header.pk}#{header.sk}", _chunk_key(header.numbers[GENERATION], place)) for place in range(content["chunks"])]
            for header, content in zip(headers, contents, strict=True)
        ]
        rows = self._table.read_many([key for chunk_keys in keys for key in chunk_keys])
        records = []
        for header, content, chunk_keys in zip(headers, contents, keys, strict=True):
            missing = [key for key in chunk_keys if key not in rows]
            if missing:
                raise Conflict(f"{tenant} {header.sk} lacks {missing[0][1]} of its lots and cash", field="chunks")
            chunks = [json.loads(rows[key].body) for key in chunk_keys]
            whole: dict[str, Any] = {
                "portfolio": content["portfolio"],
                "lots": [lot for chunk in chunks for lot in chunk["lots"]],
                "cash": [entry for chunk in chunks for entry in chunk["cash"]],
            }
            records.append(decode_model(PortfolioRecord, whole))
        return records


def _tenant_key(tenant: str) -> str:
    return natural_key("TENANT", tenant)


def _portfolio(header: Row) -> Portfolio:
    content: Mapping[str, Any] = json.loads(header.body)["portfolio"]
    return decode_model(Portfolio, content)


def _chunk_key(generation: int, place: int) -> str:
    return f"GENERATION#{generation:08d}#CHUNK#{place:04d}"


def _chunks(record: PortfolioRecord) -> Iterator[str]:
    """The record's lots, then its cash, as JSON texts of at most ``CHUNK_BYTES`` (or one entry, if that alone is larger)."""
    whole = plain(PortfolioRecord, record)
    open_chunk: dict[str, list[Any]] = {"lots": [], "cash": []}
    size = 0
    for kind in ("lots", "cash"):
        for entry in whole[kind]:
            more = len(canonical_json(entry).encode()) + 1
            if size and size + more > CHUNK_BYTES:
                yield canonical_json(open_chunk)
                open_chunk, size = {"lots": [], "cash": []}, 0
            open_chunk[kind].append(entry)
            size += more
    if size:
        yield canonical_json(open_chunk)
