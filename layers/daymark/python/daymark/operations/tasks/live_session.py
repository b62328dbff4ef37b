"""The live session task: before the first tick every bucket's book is cut and the session opened, once; what was opened first stands.

What another try may mend keeps the session closed, because what is opened stays: a tenant whose records did not come this time would
be without live marks until the next session. What no try mends is named in the report, and the others' portfolios go live.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from daymark.book.ports import BookStore, MarkStore
from daymark.contracts.bucket_book import BucketBook, book_key, encode_book
from daymark.contracts.live_session import LiveSession, bucket_of, encode_live_session, session_key
from daymark.core.clock import Clock
from daymark.core.errors import InvalidInput
from daymark.core.tenancy import SHARED_TENANT
from daymark.market_data.price_desk import PriceDesk
from daymark.market_data.tick_shards import MAX_GROUPS, check_groups
from daymark.operations.bucket_books import LOOK_BACK, PortfolioRow, bucket_book, live_prices, portfolio_row, references
from daymark.operations.models import TaskReport
from daymark.operations.ports import LiveSessionWriter
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.tenant_work import TenantWork
from daymark.operations.tasks.universe import PricedUniverse

BOOKS_CHANGED = "a bucket's book has changed since the session was opened: the live marks do not show it until the next session"
SETTING_CHANGED = "prices or settings have changed since the session was opened: the live streams keep to those it was opened with"
_MOST_PUBLISHERS = 2**16 - 1


@dataclass(frozen=True, slots=True)
class LivePlan:
    """How a session's live streams are laid out.

    Attributes:
        groups: Over how many partition keys symbols are spread.
        buckets: Over how many buckets portfolios are spread.
        publishers: Known publisher numbers.
        synthetic: Whether the session runs on ticks that no market made.

    Raises:
        InvalidInput: a number is out of its range, or no publisher is known.
    """

    groups: int
    buckets: int
    publishers: tuple[int, ...]
    synthetic: bool

    def __post_init__(self) -> None:
        if not 1 <= self.groups <= MAX_GROUPS:
            raise InvalidInput(f"groups must be 1 to {MAX_GROUPS}, got {self.groups}", field="groups")
        bucket_of("any", "portfolio", self.buckets)
        if not self.publishers or len(set(self.publishers)) != len(self.publishers):
            raise InvalidInput("publishers must be different numbers, at least one", field="publishers")
        if not all(1 <= number <= _MOST_PUBLISHERS for number in self.publishers):
            raise InvalidInput(f"a publisher's number is 1 to {_MOST_PUBLISHERS}", field="publishers")


class LiveSessionTasks:
    """The task of the function ``open_live_session``."""

    def __init__(
        self, desk: PriceDesk, book: BookStore, marks: MarkStore, sessions: LiveSessionWriter, clock: Clock, plan: LivePlan
    ) -> None:
        self._desk, self._book, self._marks = desk, book, marks
        self._sessions, self._clock, self._plan = sessions, clock, plan

    def open_live_session(self, context: TaskContext) -> TaskReport:
        """Cut the books at the previous session's closes and open the session, or tell that it stands, and with which books."""
        universe = PricedUniverse(self._book, self._desk, context.previous_session)
        prices = live_prices(universe.closes, universe.instruments)
        work = TenantWork()
        rows = self._rows(context, universe, prices, work)
        # Raises for what another try may mend, and when nothing succeeded: neither may open a session that then stays.
        work.report(len(rows))
        books = self._books(context, rows, prices, universe)
        contents = {bucket: encode_book(book) for bucket, book in books.items()}
        keys = {bucket: book_key(context.session_date, bucket, content) for bucket, content in contents.items()}
        session = self._session(context, prices, books, keys)
        standing = self._sessions.open(session, {keys[bucket]: content for bucket, content in contents.items()}, context.fence)
        _tell_changes(work, session, standing)
        digest = hashlib.sha256(encode_live_session(standing)).hexdigest()
        work.tell(SHARED_TENANT, session=session_key(context.session_date), sha256=digest)
        return work.report(
            len(rows),
            portfolios=len(rows),
            buckets=len(standing.books),
            symbols=len(standing.references),
            opened="now" if standing == session else "before",
            opened_at=standing.opened_at.isoformat(),
            synthetic=standing.synthetic,
        )

    def _rows(self, context: TaskContext, universe: PricedUniverse, prices: Mapping[str, int], work: TenantWork) -> list[PortfolioRow]:
        rows: list[PortfolioRow] = []
        for tenant in universe.tenants:
            with work.on(tenant):
                before = len(rows)
                for record in universe.records(tenant):
                    portfolio_id = record.portfolio.portfolio_id
                    with work.on(tenant, portfolio_id):
                        history = self._marks.history(tenant, portfolio_id, LOOK_BACK, context.session_date)
                        closing = universe.mark(record)
                        row = portfolio_row(record, closing, universe.closes, prices, universe.instruments, context.session_date, history)
                        rows.append(row)
                work.tell(tenant, portfolios=len(rows) - before)
        return rows

    def _books(
        self, context: TaskContext, rows: Sequence[PortfolioRow], prices: Mapping[str, int], universe: PricedUniverse
    ) -> dict[int, BucketBook]:
        """The book of every bucket that has a portfolio, by number."""
        members: dict[int, list[PortfolioRow]] = {}
        for row in rows:
            members.setdefault(bucket_of(row.tenant, row.portfolio_id, self._plan.buckets), []).append(row)
        return {
            bucket: bucket_book(context.session_date, bucket, members[bucket], prices, universe.instruments) for bucket in sorted(members)
        }

    def _session(
        self, context: TaskContext, prices: Mapping[str, int], books: Mapping[int, BucketBook], keys: Mapping[int, str]
    ) -> LiveSession:
        held: dict[str, list[int]] = {name: [] for name in prices}
        for bucket, book in books.items():
            for symbol in book.symbols:
                held[symbol].append(bucket)
        check_groups(prices, self._plan.groups)
        return LiveSession(
            session_date=context.session_date,
            opened_at=self._clock.now(),
            session_start=_nanoseconds(context.session.open),
            session_end=_nanoseconds(context.session.close),
            publishers=self._plan.publishers,
            synthetic=self._plan.synthetic,
            groups=self._plan.groups,
            references=references(prices),
            buckets={symbol: tuple(buckets) for symbol, buckets in held.items()},
            books=keys,
        )


def _tell_changes(work: TenantWork, session: LiveSession, standing: LiveSession) -> None:
    """Warn of what a session that was opened before does not show."""
    for bucket in sorted(session.books.keys() | standing.books.keys()):
        if session.books.get(bucket) != standing.books.get(bucket):
            work.notice(BOOKS_CHANGED)
    if _setting(session) != _setting(standing):
        work.notice(SETTING_CHANGED)


def _setting(session: LiveSession) -> tuple[object, ...]:
    times = (session.session_start, session.session_end)
    return (*times, session.publishers, session.synthetic, session.groups, dict(session.references))


def _nanoseconds(instant: datetime) -> int:
    """Since 1970 in UTC; an instant of a session is on a full second."""
    return int(instant.timestamp()) * 1_000_000_000
