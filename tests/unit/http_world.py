"""A small world for the REST tests: two tenants that reuse each other's ids on purpose, and real gateway events."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.memory.day_records import MemoryDayRecords
from daymark.adapters.memory.documents import MemoryDocuments
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.idempotency import MemoryIdempotencyKeys
from daymark.adapters.memory.mark_store import MemoryMarkStore
from daymark.adapters.memory.rate_counter import MemoryRateCounter
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.adapters.memory.tickets import MemoryTickets
from daymark.book.models import AccountKind, CashEntry, CashKind, Household, Portfolio, PortfolioMark, PortfolioRecord, PositionMark, Target
from daymark.book.ports import DayRecord, RecordKind
from daymark.core.clock import Clock, FixedClock
from daymark.core.errors import InvalidInput
from daymark.core.fence import Fence
from daymark.core.instruments import AssetClass, Instrument, InstrumentKind
from daymark.core.lots import Disposal, Lot
from daymark.core.sessions import Calendar
from daymark.http.app import create_app
from daymark.http.authentication import Identity
from daymark.http.gateway import behind_gateway
from daymark.http.tenant_rates import Rates, TenantRates
from daymark.market_data.labels import PriceLabel
from daymark.monitoring.tickets import TicketDesk
from daymark.operations.catalogue import trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import ReplyKind, WakeUp
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskReport
from daymark.operations.tasks.tenant_work import TenantWork

DAY = date(2018, 2, 5)
ISSUER, CLIENT_ID = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool", "app-client"
FENCE = Fence("test", "us-east-1", 1)
D = Decimal


def claims(user: str, tenant: str, role: str, household: str | None = None, **changes: Any) -> dict[str, Any]:
    """Claims of an ID token as API Gateway passes them; a change to ``None`` removes a claim."""
    whole = {
        "sub": "7f1c", "iss": ISSUER, "aud": CLIENT_ID, "token_use": "id", "cognito:username": user, "cognito:groups": f"[{role}]",
        "custom:tenant": tenant, "custom:household": household, "auth_time": "1517871600", "exp": "1517875200",
    }  # fmt: skip
    whole.update(changes)
    return {name: value for name, value in whole.items() if value is not None}


# Everybody who may ask. Portfolios: NS-1 (H-1, ben), NS-2 (H-2, ben), NS-3 (H-2, bea) in northstar; HB-1 (H-1, ben) and NS-1 in harbor.
CALLERS: Mapping[str, dict[str, Any]] = {
    "client H-1": claims("client.ada.northstar", "northstar", "client", "H-1"),
    "client H-2": claims("client.bob.northstar", "northstar", "client", "H-2"),
    "client H-1 of harbor": claims("client.cyd.harbor", "harbor", "client", "H-1"),
    "adviser ben": claims("adviser.ben", "northstar", "adviser"),
    "adviser bea": claims("adviser.bea", "northstar", "adviser"),
    "adviser ben of harbor": claims("adviser.ben", "harbor", "adviser"),
    "operations": claims("operations.oda.northstar", "northstar", "operations"),
    "operations of harbor": claims("operations.ole.harbor", "harbor", "operations"),
    "risk": claims("risk.ray.northstar", "northstar", "risk"),
    "administrator": claims("administrator.amy.northstar", "northstar", "administrator"),
    "operations of shared": claims("operations.daymark", "shared", "operations"),
    "risk of shared": claims("risk.daymark", "shared", "risk"),
}


@dataclass
class RecordingStarter:
    """Remembers what was started and resumed."""

    started: list[tuple[RunId, str | None]] = field(default_factory=list)
    resumed: list[tuple[RunId, str | None]] = field(default_factory=list)

    def start(self, run: RunId, redo: str | None = None) -> str:
        self.started.append((run, redo))
        return f"arn:execution/{run.execution_name}"

    def resume(self, run: RunId, driver: str | None) -> str:
        self.resumed.append((run, driver))
        return f"arn:execution/{run.execution_name}_resume_1"


@dataclass
class World:
    """The application and what stands behind it."""

    book: MemoryBookStore
    marks: MemoryMarkStore
    records: MemoryDayRecords
    journal: MemoryRunJournal
    cycle: PhaseCycle
    starter: RecordingStarter
    documents: MemoryDocuments
    clock: FixedClock
    app: Any = None

    def ask(
        self,
        path: str,
        caller: str | Mapping[str, Any] | None,
        *,
        method: str = "GET",
        query: Mapping[str, list[str]] | None = None,
        body: str | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, JSON body and headers of one gateway event."""
        given = CALLERS[caller] if isinstance(caller, str) else caller
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        event = gateway_event(method, path, given, query or {}, text, headers or {})
        answer = behind_gateway(self.app)(event, None)
        content = answer["body"]
        is_json = "json" in answer["headers"]["content-type"]
        return answer["statusCode"], json.loads(content) if is_json else content, answer["headers"]


def gateway_event(
    method: str, path: str, given: Mapping[str, Any] | None, query: Mapping[str, list[str]], body: str | None, headers: Mapping[str, str]
) -> dict[str, Any]:
    """A REST proxy event of API Gateway (payload format 1.0) with a Cognito authoriser's claims."""
    sent = {"Host": "x1.execute-api.us-east-1.amazonaws.com", "X-Forwarded-Proto": "https", "Accept": "application/json", **headers}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    context: dict[str, Any] = {
        "accountId": "000000000000", "apiId": "x1", "stage": "v", "httpMethod": method, "path": f"/v{path}", "protocol": "HTTP/1.1",
        "requestId": "5ce2", "resourcePath": "/v1/book/{proxy+}", "identity": {"sourceIp": "192.0.2.7", "userAgent": "test"},
    }  # fmt: skip
    if given is not None:
        context["authorizer"] = {"claims": dict(given)}
    return {
        "resource": "/v1/book/{proxy+}", "path": path, "httpMethod": method, "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": dict(query) or None, "pathParameters": {"proxy": path}, "stageVariables": None,
        "requestContext": context, "body": body, "isBase64Encoded": False,
    }  # fmt: skip


def portfolio(tenant: str, portfolio_id: str, household: str, adviser: str) -> Portfolio:
    """A taxable portfolio aiming at 60% Apple."""
    return Portfolio(
        tenant, portfolio_id, household, adviser, f"{portfolio_id} account", AccountKind.TAXABLE, date(2017, 1, 3), "us-east-1",
        (Target("AAPL", D("0.6")),),
    )  # fmt: skip


def record(owned: Portfolio) -> PortfolioRecord:
    """Five purchases of ten Apple shares; the first sold out, the second half sold, on 2 and 5 February 2018."""
    lots = [
        Lot(f"{owned.portfolio_id}-L{n}", owned.portfolio_id, "AAPL", date(2017, 6, n), D(10), D("1500.00"), disposals)
        for n, disposals in enumerate(
            [(Disposal(date(2018, 2, 2), D(10), D("1600.00")),), (Disposal(DAY, D(5), D("790.00")),), (), (), ()], start=1
        )
    ]
    cash = (CashEntry(f"{owned.portfolio_id}-C1", owned.portfolio_id, date(2017, 1, 3), CashKind.DEPOSIT, D("10000.00")),)
    return PortfolioRecord(owned, tuple(lots), cash)


def drive(
    world: World,
    run: RunId,
    *,
    redo: str | None = None,
    failing: str = "",
    until_ended: bool = True,
    work: Callable[[], TaskReport] | None = None,
) -> None:
    """Drive a run through the real cycle; the task named ``failing`` fails for good, ``mark_portfolios`` does ``work``."""

    def performer(command: TaskCommand) -> TaskReport:
        if work is not None and command.task == "mark_portfolios":
            return work()
        if command.task == failing:
            raise InvalidInput("the file has no rows", field="rows")
        parts = {"northstar": {"portfolios": 3}, "harbor": {"portfolios": 2}} if command.task == "mark_portfolios" else {}
        return TaskReport({"done": True}, parts)

    reply = world.cycle.open(WakeUp(run=run, redo=redo))
    while reply.kind is not ReplyKind.END:
        reply = world.cycle.plan(reply.ticket)
        if reply.kind is ReplyKind.DISPATCH:
            if not until_ended:
                return
            world.clock.advance(timedelta(seconds=1))
            outcomes = [world.cycle.perform(command, performer) for command, _ in reply.commands]
            reply = world.cycle.record(reply.ticket, outcomes)


SECRET = "HB-1 owes 4711.00"


def harbors_failure() -> TaskReport:
    """The work of a task of which nothing but harbor's part was to be done; what fails it is harbor's alone to know."""
    work = TenantWork()
    with work.on("harbor", "HB-1"):
        raise InvalidInput(SECRET, field=f"lots[{SECRET}]", account=SECRET)
    return work.report(0)


def ample_rates(clock: Clock) -> TenantRates:
    """More calls than any test makes."""
    return TenantRates(Rates(60, {"read": 1_000_000, "effect": 1_000_000}), MemoryRateCounter(), clock, lambda *_: None)


def make_world() -> World:
    """Two tenants, one run that succeeded, one that degraded, one that still runs, records and reports of the day."""
    clock = FixedClock(datetime(2018, 2, 5, 23, tzinfo=UTC))
    journal, fences = MemoryRunJournal(), MemoryFenceLedger()
    cycle = PhaseCycle(trading_day(), journal, fences, clock, Calendar.exchange(), "us-east-1")
    world = World(MemoryBookStore(), MemoryMarkStore(), MemoryDayRecords(), journal, cycle, RecordingStarter(), MemoryDocuments(), clock)
    world.book.save_instruments([Instrument("AAPL", InstrumentKind.EQUITY, "Apple Inc.", AssetClass.EQUITY, sector="Technology")], FENCE)
    for owned in (
        portfolio("northstar", "NS-1", "H-1", "adviser.ben"),
        portfolio("northstar", "NS-2", "H-2", "adviser.ben"),
        portfolio("northstar", "NS-3", "H-2", "adviser.bea"),
        portfolio("harbor", "NS-1", "H-1", "adviser.ben"),
        portfolio("harbor", "HB-1", "H-1", "adviser.ben"),
    ):
        world.book.save_household(Household(owned.tenant, owned.household_id, "Household", owned.adviser_id), FENCE)
        world.book.save_record(record(owned), FENCE)
        save_day(world, owned)
    save_report(world, "shared", "-", "operations")
    drive(world, RunId(DAY, OperationPhase.MARKET_CLOSE))
    drive(world, RunId(DAY, OperationPhase.POST_MARKET), failing="reconcile_custodian")
    drive(world, RunId(DAY, OperationPhase.MID_DAY), until_ended=False)
    world.app = create_app(
        book=world.book, marks=world.marks, records=world.records, journal=journal, cycle=cycle, starter=world.starter,
        documents=world.documents, keys=MemoryIdempotencyKeys(clock), identity=Identity({ISSUER: CLIENT_ID}), cursor_key=b"k" * 32,
        clock=clock, rates=ample_rates(clock), tickets=TicketDesk(MemoryTickets(), clock), websocket_url="wss://p1.execute-api.us-east-1.amazonaws.com/live",
    )  # fmt: skip
    return world


def save_day(world: World, owned: Portfolio) -> None:
    tenant, portfolio_id = owned.tenant, owned.portfolio_id
    for day in (date(2018, 2, 1), date(2018, 2, 2), DAY):
        held = PositionMark("AAPL", AssetClass.EQUITY, D(35), D("100.125"), D("3504.38"), D("5250.00"), day, PriceLabel.ADJUSTED_CLOSE)
        world.marks.save([PortfolioMark(tenant, portfolio_id, day, D("10000.00"), (held,), D("13504.38"))], FENCE)
    bodies: dict[RecordKind, tuple[str, dict[str, Any]]] = {
        RecordKind.OVERNIGHT_RISK: ("PRE_MARKET", {"value": "13600.00", "var_95": 0.01, "var_99": 0.02, "var_99_amount": "272.00",
                                                   "es_99_amount": "300.00"}),
        RecordKind.PROFIT_AND_LOSS: ("MARKET_CLOSE", {"value": "13504.38", "pnl": "-95.62", "restatement": "0.00", "return": -0.00703}),
        RecordKind.BENCHMARK: ("MARKET_CLOSE", {"benchmark_return": -0.041}),
        RecordKind.DRIFT: ("MARKET_CLOSE", {"largest_drift": 0.34, "rows": []}),
        RecordKind.RECONCILIATION: ("POST_MARKET", {"matched": 1, "breaks": [{"kind": "quantity"}]}),
    }  # fmt: skip
    rows = [DayRecord(tenant, DAY, phase, kind, portfolio_id, body) for kind, (phase, body) in bodies.items()]
    # The open's drift is older than the close's and must not be shown once the close's stands.
    rows.append(DayRecord(tenant, DAY, "MARKET_OPEN", RecordKind.DRIFT, portfolio_id, {"largest_drift": 0.31, "rows": []}))
    world.records.save(rows, FENCE)
    save_report(world, tenant, portfolio_id, portfolio_id)


def save_report(world: World, tenant: str, subject: str, name: str) -> None:
    keys = {kind: f"reports/{tenant}/{DAY}/0001/{name}.{kind}" for kind in ("html", "pdf")}
    for key in keys.values():
        world.documents.put(key, key.encode(), "text/html", FENCE)
    body = {**keys, "sha256_html": "aa", "sha256_pdf": "bb"}
    world.records.save([DayRecord(tenant, DAY, "POST_MARKET", RecordKind.REPORT, subject, body)], FENCE)
