"""Every adapter over tables of this process, one sample at least of every kind of item, and the items that versions left.

Run as a program it freezes what the present code writes and no frozen file holds yet. What is frozen is never written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from daymark.adapters.dynamodb.audit_trail import DynamoAuditTrail
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.connections import DynamoConnections
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.idempotency import DynamoIdempotencyKeys
from daymark.adapters.dynamodb.items import SCHEMA_VERSION
from daymark.adapters.dynamodb.mark_store import DynamoMarkStore
from daymark.adapters.dynamodb.rate_counter import DynamoRateCounter
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.dynamodb.tables import TABLES
from daymark.adapters.dynamodb.tickets import DynamoTickets
from daymark.book.models import (
    AccountKind,
    CashEntry,
    CashKind,
    Goal,
    Household,
    Portfolio,
    PortfolioMark,
    PortfolioRecord,
    PositionMark,
    Target,
)
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.clock import FixedClock
from daymark.core.instruments import AssetClass, BondTerms, Identifier, IdentifierScheme, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.core.tenancy import Principal, Role
from daymark.market_data.labels import PriceLabel
from daymark.monitoring.models import Connection, Grant, Topic
from daymark.operations.models import OperationPhase, RunId, Transition, TransitionKind

FOLDER = Path(__file__).resolve().parents[1] / "data" / "items"
SUMS = FOLDER / "SHA256SUMS"
DAY, AT = date(2018, 2, 5), datetime(2018, 2, 5, 21, 0, 0, 250_000, tzinfo=UTC)
RUN, SCOPE, REGION = RunId(DAY, OperationPhase.MARKET_CLOSE), "2018-02-05/MARKET_CLOSE", "us-east-1"

# The samples. Frozen files are compared with them: a field that is added later must have a default, and these stay as they are.
INSTRUMENTS = {
    "AAPL": Instrument(
        "AAPL",
        InstrumentKind.EQUITY,
        "Apple Inc.",
        AssetClass.EQUITY,
        sector="Information Technology",
        identifiers=(Identifier(IdentifierScheme.CUSIP, "037833100"),),
    ),
    "BOND-AAA": Instrument(
        "BOND-AAA", InstrumentKind.BOND, "Sample bond", AssetClass.FIXED_INCOME, bond=BondTerms(Decimal("0.0400"), date(2035, 6, 15), "AAA")
    ),
}
HOUSEHOLD = Household(
    "northstar", "H1", "Sample family", "adviser.one", (Goal("G1", "Retirement", Decimal("1500000.00"), date(2030, 6, 30)),)
)
PORTFOLIO = Portfolio(
    "northstar",
    "P1",
    "H1",
    "adviser.one",
    "Joint",
    AccountKind.TAXABLE,
    date(2010, 1, 4),
    REGION,
    (Target("AAPL", Decimal("0.60")),),
    custodian_account="CUST-P1",
)
LOT = Lot(
    "L1",
    "P1",
    "AAPL",
    date(2011, 5, 2),
    Decimal("10.5000"),
    Decimal("1234.50"),
    (Disposal(date(2012, 5, 2), Decimal("0.5000"), Decimal("70.10")),),
    date(2011, 4, 1),
)
CASH = CashEntry("C1", "P1", date(2010, 1, 4), CashKind.DEPOSIT, Decimal("100000.00"))
RECORD = PortfolioRecord(PORTFOLIO, (LOT,), (CASH,))
POSITION = PositionMark(
    "AAPL", AssetClass.EQUITY, Decimal("10.0000"), Decimal("36.996"), Decimal("369.96"), Decimal("1175.71"), DAY, PriceLabel.ADJUSTED_CLOSE
)
MARK = PortfolioMark("northstar", "P1", DAY, Decimal("12.30"), (POSITION,), Decimal("382.26"), 1)
RESULT = DayRecord("northstar", DAY, "MARKET_CLOSE", RecordKind.BENCHMARK, "P1", {"portfolio_return": 0.01, "benchmark": "S&P 500"})
JOURNAL = (
    Transition(0, TransitionKind.OPENED, AT, None, 0, {"epoch": 1}),
    Transition(1, TransitionKind.DISPATCHED, AT, "mark_portfolios", 1, {}),
)
PRINCIPAL = Principal("client.one", "northstar", Role.CLIENT, "H1")
GRANT = Grant(PRINCIPAL, AT + timedelta(hours=1))
CONNECTION = Connection("abc=", PRINCIPAL, AT + timedelta(hours=1), AT)
TOPIC = Topic("portfolio", "northstar", "P1", "live/bucket-0007")


@dataclass(frozen=True)
class Stores:
    """Every adapter over the tables of this process, under their plain names."""

    client: Any

    @property
    def ledger(self) -> DynamoFenceLedger:
        return DynamoFenceLedger("fence", self.client, workers=1)

    @property
    def book(self) -> DynamoBookStore:
        return DynamoBookStore("book", self.client)

    @property
    def marks(self) -> DynamoMarkStore:
        return DynamoMarkStore("operations", self.client)

    @property
    def records(self) -> DynamoDayRecords:
        return DynamoDayRecords("operations", self.client)

    @property
    def journal(self) -> DynamoRunJournal:
        return DynamoRunJournal("operations", self.client)

    @property
    def keys(self) -> DynamoIdempotencyKeys:
        return DynamoIdempotencyKeys("operations", self.client, FixedClock(AT))

    @property
    def trail(self) -> DynamoAuditTrail:
        return DynamoAuditTrail("audit", self.client)

    @property
    def connections(self) -> DynamoConnections:
        return DynamoConnections("connections", self.client)

    @property
    def tickets(self) -> DynamoTickets:
        return DynamoTickets("connections", self.client)

    @property
    def rates(self) -> DynamoRateCounter:
        return DynamoRateCounter("rates", self.client)


def stores() -> Stores:
    client = boto3.client("dynamodb", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    for table in TABLES.values():
        client.create_table(**table.creation(table.name))
    return Stores(client)


def write_everything(world: Stores) -> None:
    """One item at least of every kind, through the adapters."""
    fence = world.ledger.open(SCOPE, REGION)
    world.ledger.claim({"marks/P1": "0" * 64}, fence)
    world.book.save_instruments(list(INSTRUMENTS.values()), fence)
    world.book.save_household(HOUSEHOLD, fence)
    world.book.save_record(RECORD, fence)
    world.marks.save([MARK], fence)
    world.records.save([RESULT], fence)
    world.journal.append(RUN, JOURNAL)
    world.keys.claim("northstar/client.one", "key-1", "payload", {"run_id": str(RUN)})
    for event in ("task_failed", "task_succeeded"):
        world.trail.append("northstar", DAY, "MARKET_CLOSE", event, event, {"task": "mark_portfolios", "records": 1}, fence)
    world.tickets.put("digest", GRANT, AT + timedelta(seconds=30))
    world.connections.open(CONNECTION)
    world.connections.subscribe(CONNECTION, TOPIC, 5)
    world.rates.count("northstar/book/read", AT, AT + timedelta(minutes=1), 10)


def stored(world: Stores) -> dict[str, list[dict[str, Any]]]:
    """Every item by table, in the order of its keys."""
    found = {}
    for name in TABLES:
        rows = world.client.scan(TableName=name)["Items"]
        for row in rows:
            for value in row.values():
                if "SS" in value:
                    value["SS"] = sorted(value["SS"])
        found[name] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def kind(table: str, item: dict[str, Any]) -> str:
    """What an item is, by its table and the words in its keys: ``book TENANT HOUSEHOLD``."""
    parts = [part for key in ("pk", "sk") if key in item for part in item[key]["S"].split("#")]
    return " ".join([table, *(part for part in parts if re.fullmatch("[A-Z]{3,}", part) and part not in INSTRUMENTS)])


def frozen() -> dict[Path, dict[str, list[dict[str, Any]]]]:
    return {path: json.loads(path.read_text()) for path in sorted(FOLDER.glob("version-*.json"))}


def version_of(path: Path) -> int:
    return int(path.stem.split("-")[1])


def freeze() -> None:
    """Write a file of what the present version writes and no file of it holds."""
    with mock_aws():
        world = stores()
        write_everything(world)
        found = stored(world)
    held = {
        kind(table, row)
        for path, tables in frozen().items()
        if version_of(path) == SCHEMA_VERSION
        for table, rows in tables.items()
        for row in rows
    }
    missing = {table: [row for row in rows if kind(table, row) not in held] for table, rows in found.items()}
    missing = {table: rows for table, rows in missing.items() if rows}
    if missing:
        several = (
            ""
            if not held
            else "-" + "-".join(sorted({kind(table, row).lower().replace(" ", "-") for table, rows in missing.items() for row in rows}))
        )
        (FOLDER / f"version-{SCHEMA_VERSION}{several}.json").write_text(json.dumps(missing, indent=1, sort_keys=True) + "\n")
    SUMS.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in frozen()))


if __name__ == "__main__":
    freeze()
