"""The live path in figures: what a rate of ticks and a number of portfolios make of the streams, functions, objects and messages.

Steady rates during a session. A lane has at most one batch under way. A worker takes what waits: so calls are as many as there are
records, or as workers can make one after the other, or, where a batch waits to be filled, as windows; and never fewer than full batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from cdk.cost.assumptions import Assumptions
from cdk.cost.deployment import Batches, Deployment
from daymark.core.errors import InvalidInput
from daymark.market_data.tick_producer_models import ProducerLimits

ZERO, ONE = Decimal(0), Decimal(1)
KB, MB = Decimal(1024), Decimal(1024) ** 2
# A shard takes this many MB and records a second; an on-demand stream has room for twice its peak, and four shards at least.
SHARD_MB, SHARD_RECORDS, ROOM, LEAST_SHARDS = ONE, Decimal(1000), 2, Decimal(4)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much there is: portfolios, ticks a second during sessions, and symbols they are of.

    Raises:
        InvalidInput: a number is none, or below zero, or there is not one symbol; the field names it.
    """

    portfolios: Decimal = ZERO
    ticks: Decimal = ZERO
    symbols: Decimal = Decimal(500)

    def __post_init__(self) -> None:
        for name, least in (("portfolios", 0), ("ticks", 0), ("symbols", 1)):
            value = getattr(self, name)
            if not (value.is_finite() and value >= least):
                raise InvalidInput(f"{name} must be at least {least}, got {value}", field=name)


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream during a session.

    Attributes:
        records: A second.
        record_bytes: Mean size of a record.
        billed_kb: KB a second, each record rounded up to whole ones.
        shards: That an on-demand stream needs.
        workers: Batches that may be under way at a time.
        calls: Of its reader a second.
        call_seconds: Of one call.
        load: The share of the workers that full batches would keep busy; above one the reader falls behind.
    """

    records: Decimal
    record_bytes: Decimal
    billed_kb: Decimal
    shards: Decimal
    workers: Decimal
    calls: Decimal
    call_seconds: Decimal
    load: Decimal

    @property
    def mb(self) -> Decimal:
        """MB a second."""
        return self.records * self.record_bytes / MB

    @property
    def concurrency(self) -> Decimal:
        """Calls under way at a time."""
        return self.calls * self.call_seconds


NOTHING = Stream(*(ZERO,) * 8)


@dataclass(frozen=True, slots=True)
class LivePath:
    """Rates a second during a session.

    Attributes:
        lane_bytes: Size of an ingest lane's snapshot.
        lane_saves: Snapshots put.
        board_bytes: Size of a portfolio bucket's board.
        boards: Boards that have rows.
        board_saves: Boards put, each told by one event and one call of the push.
        watchers: WebSockets open.
        messages: Posted.
        push_seconds: Of one call of the push.
    """

    ticks: Stream
    quotes: Stream
    lane_bytes: Decimal
    lane_saves: Decimal
    board_bytes: Decimal
    boards: Decimal
    board_saves: Decimal
    watchers: Decimal
    messages: Decimal
    push_seconds: Decimal

    @classmethod
    def of(cls, scale: Scale, deployed: Deployment, said: Assumptions) -> LivePath:
        """The rates of a scale; without ticks all are zero."""
        if not scale.ticks:
            return cls(NOTHING, NOTHING, *(ZERO,) * 8)
        ticks, changed = _ticks(scale, deployed, said)
        boards = _reached(scale, deployed, ONE)
        quotes = _quotes(scale, deployed, said, ticks.records, changed, boards)
        saves = _saved(quotes, boards + 1)
        watchers = scale.portfolios * said["watched_share"]
        # Every save of a bucket's board reaches all who watch it; the market's board is one of boards + 1.
        messages = ZERO if not boards else saves / (boards + 1) * watchers
        posts = messages / saves if saves else ZERO
        return cls(
            ticks=ticks,
            quotes=quotes,
            lane_bytes=scale.symbols / min(scale.symbols, Decimal(deployed.groups)) * said["lane_row_bytes"],
            lane_saves=ticks.records,
            board_bytes=said["board_bytes"] + said["board_row_bytes"] * (scale.portfolios / boards if boards else ZERO),
            boards=boards,
            board_saves=saves,
            watchers=watchers,
            messages=messages,
            push_seconds=said["push_call_seconds"] + posts * said["post_seconds"],
        )


def ceiling(value: Decimal) -> Decimal:
    """The least whole number that is not below a value."""
    return value.to_integral_value(ROUND_CEILING)


def _ticks(scale: Scale, deployed: Deployment, said: Assumptions) -> tuple[Stream, Decimal]:
    """The ``ticks`` stream, and how many symbols change with one record."""
    limits, groups = ProducerLimits(), min(scale.symbols, Decimal(deployed.groups))
    lingering = groups / Decimal(str(limits.linger_seconds))
    sized = scale.ticks * said["tick_row_bytes"] / limits.block_bytes
    records = min(scale.ticks, max(lingering, sized))
    rows = scale.ticks / records
    record_bytes = said["tick_record_bytes"] + rows * said["tick_row_bytes"]
    work = scale.ticks / said["ticks_a_core_second"]
    symbols = scale.symbols / groups
    changed = symbols * (1 - _missed(1 / symbols, rows))
    return _stream(records, record_bytes, deployed.ticks, groups, said["ingest_call_seconds"], work), changed


def _reached(scale: Scale, deployed: Deployment, chance: Decimal) -> Decimal:
    """Buckets with a portfolio of which something is true that is true of each portfolio with this chance."""
    buckets = Decimal(deployed.buckets)
    return buckets * (1 - _missed(chance / buckets, scale.portfolios))


def _quotes(scale: Scale, deployed: Deployment, said: Assumptions, saves: Decimal, changed: Decimal, boards: Decimal) -> Stream:
    holds = min(ONE, said["positions_a_portfolio"] / scale.symbols)
    told = _reached(scale, deployed, 1 - _missed(holds, changed))
    records = saves * (1 + told)
    # The market's block has every symbol that changed, a bucket's those that it holds.
    rows = changed * (1 + _reached(scale, deployed, holds)) / (1 + told)
    record_bytes = said["quote_record_bytes"] + rows * said["quote_row_bytes"]
    work = saves * changed * holds * scale.portfolios / said["positions_a_core_second"]
    return _stream(records, record_bytes, deployed.quotes, boards + 1, said["mark_call_seconds"], work)


def _stream(records: Decimal, record_bytes: Decimal, batches: Batches, lanes: Decimal, seconds: Decimal, work: Decimal) -> Stream:
    """A stream with its reader, whose calls take ``seconds`` each and ``work`` processor seconds a second together."""
    shards = max(LEAST_SHARDS, ceiling(ROOM * max(records / SHARD_RECORDS, records * record_bytes / MB / SHARD_MB)))
    workers = min(shards * batches.at_once, lanes)
    full = records / batches.records
    calls = min(records, max(full, workers / seconds))
    if batches.window_seconds:
        calls = min(calls, max(full, workers / batches.window_seconds))
    # Upper bounds both: as many calls as if there were no work, and workers busy with it.
    call_seconds = min(seconds + work / calls, max(seconds, workers / calls))
    billed = records * ceiling(record_bytes / KB)
    return Stream(records, record_bytes, billed, shards, workers, calls, call_seconds, (full * seconds + work) / workers)


def _saved(quotes: Stream, lanes: Decimal) -> Decimal:
    """Boards saved a second: a call saves every lane it has records of."""
    return quotes.calls * min(quotes.records / quotes.calls, max(ONE, lanes / quotes.workers))


def _missed(chance: Decimal, tries: Decimal) -> Decimal:
    """The chance that something of this chance never happens in so many tries."""
    if chance >= 1:
        return ZERO if tries > 0 else ONE
    return (1 - chance) ** tries
