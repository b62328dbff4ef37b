"""A region's month in figures: calls of each function, and units of each table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from cdk.cost import trading_day
from cdk.cost.assumptions import Assumptions
from cdk.cost.deployment import Deployment
from cdk.cost.live_path import KB, ZERO, LivePath, Scale, ceiling
from daymark.adapters.dynamodb.fence_ledger import ITEMS_PER_SCOPE, KEYS_PER_UPDATE
from daymark.operations.models import OperationPhase

GB = Decimal(1024) ** 3
# A read unit reads this many KB.
READ_KB = Decimal(4)
# The largest item of a table (AWS documentation, Quotas in Amazon DynamoDB).
ITEM_BYTES = Decimal(400 * 1024)


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of a function in a month, and what they take.

    Attributes:
        each_seconds: Mean billed time of a call.
        why: What the figures rest on.
    """

    count: Decimal
    each_seconds: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class TableUse:
    """Request units and size of a table in a month."""

    writes: Decimal
    reads: Decimal
    gigabytes: Decimal
    why: str


@dataclass(frozen=True)
class Load:
    """The month of one region at a scale."""

    scale: Scale
    deployed: Deployment
    said: Assumptions

    @cached_property
    def live(self) -> LivePath:
        """Rates a second during a session."""
        return LivePath.of(self.scale, self.deployed, self.said)

    @property
    def seconds(self) -> Decimal:
        """Seconds of sessions in the month."""
        return self.said.session_seconds

    @property
    def sessions(self) -> Decimal:
        """Sessions in the month."""
        return self.said["sessions_a_month"]

    @property
    def requests(self) -> Decimal:
        """REST requests in the month."""
        return self.scale.portfolios * self.said["requests_a_portfolio_session"] * self.sessions

    @property
    def connections(self) -> Decimal:
        """WebSockets opened in the month: each lives two hours at most, so a session takes four."""
        return self.live.watchers * ceiling(self.said["session_hours"] / 2) * self.sessions

    @property
    def events(self) -> Decimal:
        """Events put on the bus: boards that moved, and the steps of runs."""
        return self.live.board_saves * self.seconds + self.steps

    @property
    def steps(self) -> Decimal:
        """Steps of runs that are told."""
        counted = trading_day.calls()
        return self.sessions * sum(counted[name] for name in ("open_phase", "plan_phase", "record_outcomes"))

    def calls(self, function: str) -> Calls:
        """A function's calls by its name; one that no rule knows is taken for a small hourly one."""
        said, live, seconds = self.said, self.live, self.seconds
        rest = {"book_api": Decimal("0.9"), "operations_api": Decimal("0.09"), "monitoring_api": Decimal("0.01")}
        if function in rest:
            return Calls(self.requests * rest[function], said["api_call_seconds"], f"{rest[function]:%} of REST requests")
        if function == "ingest_ticks":
            return Calls(live.ticks.calls * seconds, live.ticks.call_seconds, f"{live.ticks.calls:.1f} calls/s in sessions")
        if function == "mark_portfolios":
            return Calls(live.quotes.calls * seconds, live.quotes.call_seconds, f"{live.quotes.calls:.1f} calls/s in sessions")
        if function == "push_marks":
            return Calls(live.board_saves * seconds, live.push_seconds, f"a call for each of {live.board_saves:.1f} boards saved a second")
        if function == "push_progress":
            return Calls(self.steps, said["push_call_seconds"], "a call for each step of a run")
        if function in ("open_connection", "close_connection"):
            return Calls(self.connections, said["api_call_seconds"], "a call for each WebSocket")
        if function == "receive_message":
            return Calls(self.connections * 2, said["api_call_seconds"], "two messages of each WebSocket")
        counted = trading_day.calls()
        if function not in counted:
            return Calls(said["other_calls_a_day"] * said["days_a_month"], said["other_call_seconds"], said.bases["other_calls_a_day"])
        if function in ("open_phase", "plan_phase", "record_outcomes"):
            return Calls(counted[function] * self.sessions, said["step_call_seconds"], f"{counted[function]} steps a session")
        work = trading_day.portfolio_seconds(function, said["task_portfolio_seconds"], said["report_portfolio_seconds"])
        each = said["task_call_seconds"] + work * self.scale.portfolios / counted[function]
        return Calls(counted[function] * self.sessions, each, f"{counted[function]} tasks a session, {work} s for each portfolio")

    def table(self, name: str) -> TableUse:
        """A table's use by its name in ``adapters.dynamodb.tables``; one that no rule knows is not used."""
        uses = {"book": self._book, "operations": self._operations, "fence": self._fence, "audit": self._audit}
        uses |= {"connections": self._connections, "rates": self._rates}
        return uses[name]() if name in uses else TableUse(ZERO, ZERO, ZERO, "no rule knows it: not used")

    def _book(self) -> TableUse:
        said, portfolios = self.said, self.scale.portfolios
        record_kb = said["record_kb"]
        reads = portfolios * self.sessions * trading_day.book_reads() * (ceiling(record_kb / READ_KB) + 1)
        writes = portfolios * self.sessions * said["bookings_a_portfolio_session"] * (record_kb + 1)
        kept = 1 + said["bookings_a_portfolio_session"] * self.sessions * said["months_kept"]
        why = f"{trading_day.book_reads()} strongly consistent reads of {record_kb} KB a portfolio and session; generations of a year"
        return TableUse(writes, reads + self.requests * 2, portfolios * kept * record_kb * KB / GB, why)

    def _operations(self) -> TableUse:
        said, rows = self.said, trading_day.row_tasks()
        journal = self.sessions * (3 * len(trading_day.tasks()) + 2 * len(OperationPhase))
        written = self.scale.portfolios * self.sessions * rows
        # Rows are appended in transactions, which take two units for a KB.
        writes = 2 * (written * ceiling(said["row_kb"]) + journal)
        gigabytes = said["months_kept"] * (written * said["row_kb"] + journal) * KB / GB
        reads = 2 * written + 10 * journal + 2 * self.requests
        return TableUse(
            writes, reads, gigabytes, f"{rows} rows of {said['row_kb']} KB a portfolio and session, and the journal; kept for a year"
        )

    def _fence(self) -> TableUse:
        said, writes, reads, kept = self.said, ZERO, ZERO, ZERO
        for phase in OperationPhase:
            named = trading_day.task_count(phase)
            claims = self.scale.portfolios * trading_day.row_tasks(phase) + 3 * named
            held = claims * said["claim_bytes"]
            items = max(Decimal(ITEMS_PER_SCOPE), ceiling(held / ITEM_BYTES))
            saves = said["tenants"] * trading_day.row_tasks(phase) + 3 * named
            updates = max(claims / KEYS_PER_UPDATE, min(claims, saves * items))
            # Every update costs its whole item, which is half full on average.
            writes += updates * max(Decimal(1), ceiling(held / items / 2 / KB))
            reads += named * max(Decimal(1), ceiling(held / items / KB / READ_KB))
            kept += held
        gigabytes = kept * self.sessions * said["months_kept"] / GB
        why = f"every row is claimed; an update costs its whole item; as many items as hold the claims, {ITEMS_PER_SCOPE} at least"
        return TableUse(writes * self.sessions, reads * self.sessions, gigabytes, why)

    def _audit(self) -> TableUse:
        rows = self.sessions * len(trading_day.tasks()) * (self.said["tenants"] + 1)
        why = "an entry for each task and tenant, two units each"
        return TableUse(rows * 2, rows * 2, rows * KB * self.said["months_kept"] / GB, why)

    def _rates(self) -> TableUse:
        return TableUse(self.requests, ZERO, ZERO, "one update for each REST request; rows end within the hour")

    def _connections(self) -> TableUse:
        noted = self.live.messages * self.seconds
        watching = self.live.watchers / max(Decimal(1), self.live.boards)
        asked = self.live.board_saves * self.seconds * max(Decimal(1), ceiling(watching * self.said["subscription_kb"] / READ_KB))
        why = "a query for each board saved, six rows for each WebSocket, one note for each message"
        return TableUse(self.connections * 6 + noted, asked + self.connections * 4, ZERO, why)
