"""A synthetic book of two tenants on real prices, in memory, and a registry that performs any task of the day on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache

from daymark.adapters.memory.audit_trail import MemoryAuditTrail
from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.memory.day_records import MemoryDayRecords
from daymark.adapters.memory.documents import MemoryDocuments
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.live_sessions import MemoryLiveSessions
from daymark.adapters.memory.mark_store import MemoryMarkStore
from daymark.adapters.memory.price_archive import MemoryPriceArchive
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.book.models import AccountKind, CashEntry, CashKind, Household, Portfolio, PortfolioRecord, Target
from daymark.core.clock import FixedClock
from daymark.core.lots import Lot
from daymark.core.sessions import Calendar
from daymark.local.price_history import PriceHistoryFiles, load_price_history
from daymark.local.sample_people import instruments
from daymark.market_data.price_desk import PriceDesk
from daymark.operations import catalogue
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskReport
from daymark.operations.tasks.audit import AuditTasks
from daymark.operations.tasks.backup import BackupTasks
from daymark.operations.tasks.live_session import LivePlan, LiveSessionTasks
from daymark.operations.tasks.prices import PriceTasks
from daymark.operations.tasks.reconciliation import ReconciliationTasks
from daymark.operations.tasks.registry import TaskRegistry
from daymark.operations.tasks.risk import RiskTasks
from daymark.operations.tasks.trades import TradeTasks
from daymark.operations.tasks.valuation import ValuationTasks

D = Decimal
FRIDAY, MONDAY, TUESDAY = date(2018, 2, 2), date(2018, 2, 5), date(2018, 2, 6)
START = date(2016, 1, 4)
HEADER = "account,record_type,identifier,quantity,price,amount,currency,as_of"
LIVE_PLAN = LivePlan(groups=4, buckets=8, publishers=(1, 2, 3), synthetic=True)
REPORTS = {"publish_client_reports", "publish_operations_report"}


@cache
def history() -> PriceHistoryFiles:
    return load_price_history()


def entry(portfolio_id: str, number: int, booked: date, kind: CashKind, amount: str, instrument_id: str | None = None) -> CashEntry:
    return CashEntry(f"C{number}", portfolio_id, booked, kind, D(amount), instrument_id)


def synthetic_records() -> list[PortfolioRecord]:
    growth = Portfolio(
        "alpha", "P-A1", "H-A", "adviser.a", "Growth", AccountKind.TAXABLE, START, "us-east-1",
        (Target("AAPL", D("0.50")), Target("KO", D("0.30"))), custodian_account="ACC-A1",
    )  # fmt: skip
    retirement = Portfolio(
        "alpha", "P-A2", "H-A", "adviser.a", "IRA", AccountKind.ROTH_IRA, START, "us-east-1", (), custodian_account="ACC-A2"
    )
    energy = Portfolio(
        "beta", "P-B1", "H-B", "adviser.b", "Energy", AccountKind.TAXABLE, START, "us-east-1",
        (Target("XOM", D("0.35")),), custodian_account="ACC-B1", benchmark_equity=D(1), position_limit=D("0.40"),
    )  # fmt: skip
    return [
        PortfolioRecord(
            growth,
            (
                Lot("L1", "P-A1", "AAPL", date(2017, 6, 1), D("10"), D("500.00")),
                Lot("L2", "P-A1", "KO", START, D("100"), D("3000.00")),
                Lot("L3", "P-A1", "XOM", MONDAY, D("5"), D("301.53")),
            ),
            (
                entry("P-A1", 1, START, CashKind.DEPOSIT, "10000.00"),
                entry("P-A1", 2, START, CashKind.BUY, "-3000.00", "KO"),
                entry("P-A1", 3, date(2017, 6, 1), CashKind.BUY, "-500.00", "AAPL"),
                entry("P-A1", 4, MONDAY, CashKind.DEPOSIT, "500.00"),
                entry("P-A1", 5, MONDAY, CashKind.BUY, "-301.53", "XOM"),
                entry("P-A1", 6, MONDAY, CashKind.FEE, "-2.00"),
            ),
        ),
        PortfolioRecord(retirement, (), (entry("P-A2", 1, START, CashKind.DEPOSIT, "1000.00"),)),
        PortfolioRecord(
            energy,
            (Lot("L1", "P-B1", "XOM", date(2017, 1, 3), D("50"), D("4000.00")),),
            (
                entry("P-B1", 1, START, CashKind.DEPOSIT, "10000.00"),
                entry("P-B1", 2, date(2017, 1, 3), CashKind.BUY, "-4000.00", "XOM"),
            ),
        ),
    ]


# Monday's holdings at Monday's closes as the custodian would state them, written by hand from the price file.
STATEMENTS = {
    "alpha": [
        "ACC-A1,HOLDING,AAPL,10,37.094,370.94,USD,2018-02-05",
        "ACC-A1,HOLDING,KO,100,37.711,3771.10,USD,2018-02-05",
        "ACC-A1,HOLDING,XOM,5,60.305,301.52,USD,2018-02-05",
        "ACC-A1,CASH,,,,6696.47,USD,2018-02-05",
        "ACC-A2,CASH,,,,1000.00,USD,2018-02-05",
    ],
    "beta": ["ACC-B1,HOLDING,XOM,50,60.305,3015.25,USD,2018-02-05", "ACC-B1,CASH,,,,6000.00,USD,2018-02-05"],
}


@dataclass
class World:
    """Every adapter in memory around one registry."""

    archive: MemoryPriceArchive = field(default_factory=lambda: history().archive())
    ledger: MemoryFenceLedger = field(default_factory=MemoryFenceLedger)

    def __post_init__(self) -> None:
        self.trail, self.journal, self.seals = MemoryAuditTrail(self.ledger), MemoryRunJournal(), MemoryDocuments(self.ledger)
        self.book = MemoryBookStore(self.ledger)
        self.marks, self.records, self.documents = MemoryMarkStore(self.ledger), MemoryDayRecords(self.ledger), MemoryDocuments(self.ledger)
        self.sessions, self.clock = MemoryLiveSessions(self.ledger), FixedClock(datetime(2026, 1, 5, 9, tzinfo=UTC))
        self.loading = self.ledger.open("load", "us-east-1")
        self.book.save_instruments(instruments(), self.loading)
        calendar = Calendar.exchange()
        desk = PriceDesk(self.archive, self.book.instruments(), calendar)
        groups = {
            catalogue.CHECK_PRICES: PriceTasks(desk, self.archive, self.book, self.records),
            catalogue.ASSESS_RISK: RiskTasks(desk, self.book, self.records),
            catalogue.OPEN_LIVE_SESSION: LiveSessionTasks(desk, self.book, self.marks, self.sessions, self.clock, LIVE_PLAN),
            catalogue.PROPOSE_TRADES: TradeTasks(desk, self.book, self.records),
            catalogue.VALUE_PORTFOLIOS: ValuationTasks(desk, self.book, self.marks, self.records),
            catalogue.RECONCILE_HOLDINGS: ReconciliationTasks(self.book, self.marks, self.documents, self.records),
            catalogue.BACK_UP_BOOK: BackupTasks(self.book, self.marks, self.documents, self.records, self.trail),
            catalogue.SEAL_AUDIT: AuditTasks(self.book, self.trail, self.records, self.journal, self.seals),
        }
        self.registry = TaskRegistry(calendar, groups, self.book, self.records, self.trail)

    def load(self, records: list[PortfolioRecord] | None = None, statements: dict[str, list[str]] | None = None) -> World:
        for record in synthetic_records() if records is None else records:
            self.book.save_record(record, self.loading)
            portfolio = record.portfolio
            self.book.save_household(Household(portfolio.tenant, portfolio.household_id, "Sample", portfolio.adviser_id), self.loading)
        for tenant, lines in (STATEMENTS if statements is None else statements).items():
            content = "\n".join([HEADER, *lines]).encode()
            self.documents.put(f"statements/{tenant}/{MONDAY}/0001.csv", content, "text/csv", self.loading)
        return self

    def command(self, phase: OperationPhase, task: str, session: date = MONDAY, try_number: int = 1, attempt: int = 1) -> TaskCommand:
        run = RunId(session, phase, attempt)
        function = catalogue.trading_day().tasks(phase)[task].function
        return TaskCommand(run, task, function, try_number, self.ledger.open(run.scope, "us-east-1").epoch, "us-east-1")

    def run(self, phase: OperationPhase, task: str, session: date = MONDAY, try_number: int = 1, attempt: int = 1) -> TaskReport:
        return self.registry(self.command(phase, task, session, try_number, attempt))

    def run_phase(self, phase: OperationPhase, session: date = MONDAY, attempt: int = 1) -> dict[str, TaskReport]:
        """The phase's tasks in catalogue order, which respects what each waits for; reports have a group of their own."""
        names = [name for name in catalogue.trading_day().tasks(phase) if name not in REPORTS]
        return {name: self.run(phase, name, session, attempt=attempt) for name in names}

    def run_day(self, session: date = MONDAY, attempt: int = 1) -> dict[str, dict[str, TaskReport]]:
        return {phase.value: self.run_phase(phase, session, attempt) for phase in OperationPhase}
