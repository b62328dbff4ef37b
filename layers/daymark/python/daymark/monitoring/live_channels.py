"""Live channels: ``portfolio/<id>`` for those entitled to the portfolio, ``symbol/<id>`` for staff; all of a bucket share a room."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from daymark.book.ports import BookStore
from daymark.contracts.live_session import MARKET_BUCKET, bucket_key, bucket_of
from daymark.contracts.push import ResumeToken, not_resumable
from daymark.core.clock import Clock
from daymark.core.entitlement import Resource
from daymark.core.tenancy import SHARED_TENANT, Principal
from daymark.monitoring.channels import no_such_channel
from daymark.monitoring.live_boards import LiveBoards
from daymark.monitoring.live_views import NOT_LIVE, BoardView
from daymark.monitoring.models import UPDATES, ChannelState, Topic

# How long a process goes on with what it once read of a portfolio's owner and adviser, or of the list of instruments.
ENTITLEMENT_AGE = timedelta(seconds=60)
PORTFOLIOS_KEPT = 10_000


def live_room(bucket: int) -> str:
    """The room of everything that a bucket's board shows.

    >>> live_room(7)
    'live/bucket-0007'
    """
    return f"live/{bucket_key(bucket)}"


def live_state(rows: BoardView | None, name: str, bucket: int, since: int | None) -> ChannelState:
    """What a watcher is told of a row who knows it as it was at ``since``.

    Args:
        rows: The bucket's board; ``None`` before there is one.
        name: The row.
        bucket: The bucket's number.
        since: A revision; ``None`` or below zero for a watcher who knows nothing.

    Returns:
        A change, where that is enough. Else the whole state: there is no board or no such row, everything has changed, or ``since``
        is ahead of the board, whose lane must have begun anew.
    """
    known = None if since is not None and since < 0 else since
    if rows is None:
        # Without a token: whatever board comes, it is told whole.
        return ChannelState(0, NOT_LIVE, restart=bool(known))
    revision = rows.board.revision
    restart = known is not None and known > revision
    resume = ResumeToken(bucket, revision).text
    if known is None or restart or rows.is_new(name, known):
        return ChannelState(revision, rows.body(name), resume=resume, restart=restart)
    return ChannelState(revision, rows.changes(name, known), known, resume)


def row_name(topic: Topic) -> str:
    """The name of a live topic's row: a symbol, or tenant and portfolio."""
    return topic.name if topic.kind == SymbolChannel.kind else f"{topic.tenant}/{topic.name}"


class PortfolioChannel:
    """``portfolio/<id>``: what a portfolio of the caller's own tenant is worth now.

    Args:
        boards: The buckets' boards.
        book: Who owns and advises a portfolio; what was read is good for 60 seconds.
        portfolio_buckets: Over how many buckets portfolios are spread.
        clock: Wall time.
    """

    kind: ClassVar[str] = "portfolio"
    update: ClassVar[str] = UPDATES

    def __init__(self, boards: LiveBoards, book: BookStore, portfolio_buckets: int, clock: Clock) -> None:
        self._boards, self._book, self._buckets, self._clock = boards, book, portfolio_buckets, clock
        self._resources: dict[tuple[str, str], tuple[Resource, datetime]] = {}

    def topic(self, name: str, principal: Principal) -> tuple[Topic, Resource]:
        """The portfolio of this id in the caller's tenant; other tenants' are never looked at.

        Raises:
            NotFound: the tenant has no such portfolio.
            Unavailable: the book did not answer.
        """
        topic = Topic(self.kind, principal.tenant, name)
        resource = self._resource(principal.tenant, name)
        return replace(topic, room=live_room(bucket_of(principal.tenant, name, self._buckets))), resource

    def state(self, topic: Topic, resume: ResumeToken | None) -> ChannelState:
        """The portfolio as its bucket's board shows it, or what changed since the token.

        Raises:
            InvalidInput: the token is another bucket's.
            Unavailable: the board could not be read.
        """
        return _state(self._boards, topic, bucket_of(topic.tenant, topic.name, self._buckets), resume)

    def _resource(self, tenant: str, portfolio_id: str) -> Resource:
        key, now = (tenant, portfolio_id), self._clock.now()
        held = self._resources.get(key)
        if held is not None and now < held[1] + ENTITLEMENT_AGE:
            return held[0]
        resource = self._book.portfolio(tenant, portfolio_id).resource
        self._resources.pop(key, None)
        if len(self._resources) >= PORTFOLIOS_KEPT:
            self._resources.pop(next(iter(self._resources)))
        self._resources[key] = (resource, now)
        return resource


class SymbolChannel:
    """``symbol/<id>``: a symbol's latest quote and trade. Market rows belong to the shared tenant, so staff of any tenant may see them.

    Args:
        boards: The buckets' boards, of which the market's is read.
        book: What instruments there are; the list is good for 60 seconds.
        clock: Wall time.
    """

    kind: ClassVar[str] = "symbol"
    update: ClassVar[str] = UPDATES

    def __init__(self, boards: LiveBoards, book: BookStore, clock: Clock) -> None:
        self._boards, self._book, self._clock = boards, book, clock
        self._instruments: tuple[frozenset[str], datetime] | None = None

    def topic(self, name: str, principal: Principal) -> tuple[Topic, Resource]:
        """The symbol, whoever asks.

        Raises:
            NotFound: no instrument has this id.
            Unavailable: the book did not answer.
        """
        topic = Topic(self.kind, SHARED_TENANT, name, live_room(MARKET_BUCKET))
        if name not in self._known():
            raise no_such_channel()
        return topic, Resource(SHARED_TENANT)

    def state(self, topic: Topic, resume: ResumeToken | None) -> ChannelState:
        """The symbol as the market's board shows it, or what changed since the token.

        Raises:
            InvalidInput: the token is another bucket's.
            Unavailable: the board could not be read.
        """
        return _state(self._boards, topic, MARKET_BUCKET, resume)

    def _known(self) -> frozenset[str]:
        now = self._clock.now()
        if self._instruments is None or now >= self._instruments[1] + ENTITLEMENT_AGE:
            self._instruments = (frozenset(self._book.instruments()), now)
        return self._instruments[0]


def _state(boards: LiveBoards, topic: Topic, bucket: int, resume: ResumeToken | None) -> ChannelState:
    if resume is not None and resume.bucket != bucket:
        raise not_resumable()
    return live_state(boards.read(bucket), row_name(topic), bucket, None if resume is None else resume.revision)
