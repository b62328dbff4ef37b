"""Replayed ticks through producer, ingest and marking in memory: every portfolio ends on the mark of the session's closes, to the cent."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from functools import cache

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.live_sessions import MemoryLiveSessions
from daymark.adapters.memory.marks_announcer import MemoryMarksAnnouncer
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.adapters.memory.tick_stream import MemoryTickStream, StreamFaults
from daymark.book.valuation import mark
from daymark.contracts.bucket_book import book_key, encode_book
from daymark.contracts.live_board import LiveBoard, decode_board
from daymark.contracts.live_session import LiveSession, bucket_key, bucket_of
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.local.sample_book import sample_book
from daymark.market_data.ingest import Outlets
from daymark.market_data.ingest_lane import Account, Lane
from daymark.market_data.ingest_snapshots import restore_snapshot
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.session_ingest import SessionIngest
from daymark.market_data.tick_producer import TickProducer
from daymark.market_data.tick_producer_models import ProducerLimits
from daymark.market_data.tick_replay import PUBLISHERS, TickReplay, replay_closes
from daymark.market_data.tick_session import TickSession
from daymark.market_data.tick_shards import partition_key
from daymark.monitoring.marking import Marking, MarkOutlets
from daymark.operations.bucket_books import bucket_book, live_prices, portfolio_row, references
from tests.market_data_world import BEFORE_CRASH, CRASH, desk, history
from tests.tick_world import Clock

GROUPS, BUCKETS, TICKS = 4, 3, 400
CALENDAR = Calendar.exchange()


@cache
def book():
    return sample_book(history())


@cache
def closes(day: date):
    return desk(history().archive()).marking_closes(day)


def opened(sessions: MemoryLiveSessions) -> LiveSession:
    """The session of the crash, with the sample book spread over three buckets."""
    instruments = {each.instrument_id: each for each in book().instruments}
    before, session = closes(BEFORE_CRASH), CALENDAR.session(CRASH)
    prices = live_prices(before, instruments)
    members: dict[int, list] = {}
    for record in book().records:
        marked = mark(record, before, instruments, BEFORE_CRASH)
        row = portfolio_row(record, marked, before, prices, instruments, CRASH, ())
        members.setdefault(bucket_of(row.tenant, row.portfolio_id, BUCKETS), []).append(row)
    made = {bucket: bucket_book(CRASH, bucket, rows, prices, instruments) for bucket, rows in sorted(members.items())}
    contents = {bucket: encode_book(each) for bucket, each in made.items()}
    keys = {bucket: book_key(CRASH, bucket, content) for bucket, content in contents.items()}
    live = LiveSession(
        CRASH,
        datetime(2018, 2, 5, 9, tzinfo=UTC),
        int(session.open.timestamp()) * 10**9,
        int(session.close.timestamp()) * 10**9,
        tuple(publisher.number for publisher in PUBLISHERS),
        synthetic=True,
        groups=GROUPS,
        references=references(prices),
        buckets={symbol: tuple(bucket for bucket, each in made.items() if symbol in each.symbols) for symbol in prices},
        books=keys,
    )
    return sessions.open(live, {keys[bucket]: content for bucket, content in contents.items()}, Fence("live/2018-02-05", "us-east-1", 1))


def sent() -> tuple[MemoryTickStream, TickReplay, int]:
    """The session's ticks on a stream that loses answers, so that records stand in it twice."""
    replay = TickReplay(CALENDAR.session(CRASH), *replay_closes(desk(history().archive()), CALENDAR, CALENDAR.session(CRASH)), TICKS)
    clock, draw = Clock(), random.Random(5)
    stream = MemoryTickStream(2, faults=StreamFaults(failed=0.1, unanswered=0.1), uniform=draw.random)
    limits = ProducerLimits(groups=GROUPS, block_rows=200, patience_seconds=1e6)
    producer = TickProducer(
        stream, replay.symbols, CRASH, synthetic=True, limits=limits, monotonic=clock, sleep=clock.sleep, uniform=lambda: 0.5
    )
    for ticks in replay.blocks(500):
        producer.offer(ticks)
    closed = producer.close()
    assert (closed.given_up, closed.counts.rows_sent) == ((), replay.rows)
    return stream, replay, closed.counts.calls_failed


def spoiled(content: bytes) -> bytes:
    """The first row's price below zero: one row for quarantine, sent under numbers of its own."""
    block = decode_block(content)
    ticks = block.ticks.take(slice(0, 1))
    ticks.bid[:], ticks.sequence[:] = -1, 4_000_000_000
    return encode_block(TickBlock(ticks, block.symbols, block.session_date, block.synthetic))


def test_every_portfolio_ends_on_the_mark_of_the_closes_and_every_row_is_accounted_for():
    sessions, snapshots, objects, quotes = MemoryLiveSessions(), MemoryLaneSnapshots(), MemoryObjects(), MemoryQuoteStream()
    live = opened(sessions)
    stream, replay, lost_answers = sent()
    assert lost_answers > 0
    rows = poison_rows = number = 0
    for shard in stream.shard_ids:
        records = []
        for stored in stream.records(shard):
            rows += len(decode_block(stored.data).ticks)
            number += 2
            records.append(StreamRecord(shard, number, stored.partition_key, stored.data))
        records.append(StreamRecord(shard, number + 1, records[0].partition_key, spoiled(records[0].content)))
        poison_rows += 1
        while records:
            # A worker of its own for every batch: the state is what was stored.
            worker = SessionIngest(sessions, Outlets(objects, objects, MemoryHotQuotes(), quotes, snapshots))
            assert worker.take(records[:7]) == {"batchItemFailures": []}
            del records[:7]
    account = total(live, snapshots)
    assert account.rows == rows + poison_rows == account.applied + account.coalesced + account.quarantined + account.repeated
    assert (account.applied + account.coalesced, account.quarantined) == (replay.rows, poison_rows)
    assert account.repeated == rows - replay.rows > 0
    kept = [decode_block(Quarantined.decode(objects.get(key)).payload) for key in objects.keys("quarantine/")]
    assert sum(len(block.ticks) for block in kept) == poison_rows

    boards, announcer = marked(sessions, quotes)
    instruments = {each.instrument_id: each for each in book().instruments}
    shown: dict[str, int] = {}
    for bucket in live.books:
        board = decode_board(boards.load(bucket_key(bucket))[0])
        assert (board.as_of, board.synthetic) == (live.session_end, True)
        shown |= dict(zip(board.names, board.cells[board.columns.index("value")].tolist(), strict=True))
    official = closes(CRASH)
    expected = {
        f"{record.portfolio.tenant}/{record.portfolio.portfolio_id}": int(100 * mark(record, official, instruments, CRASH).value)
        for record in book().records
    }
    assert shown == expected
    market: LiveBoard = decode_board(boards.load(bucket_key(0))[0])
    last = dict(zip(market.names, market.cells[market.columns.index("price")].tolist(), strict=True))
    assert last == {name: int(official[name].price * 10**9) for name in live.references}
    assert {moved.bucket for moved in announcer.told} == {0, *live.books}


def total(live: LiveSession, snapshots: MemoryLaneSnapshots) -> Account:
    found, session = Account(), TickSession.of(live)
    for group in range(GROUPS):
        lane = Lane(session, partition_key(group), partition_key(group))
        stored = snapshots.load(f"{CRASH}/{partition_key(group)}")
        if stored is not None:
            restore_snapshot(lane, *stored)
            sums = {name: getattr(found, name) + getattr(lane.account, name) for name in Account.__dataclass_fields__}
            found = Account(**sums)
    return found


def marked(sessions: MemoryLiveSessions, quotes: MemoryQuoteStream) -> tuple[MemoryLaneSnapshots, MemoryMarksAnnouncer]:
    """Every quote block marked, in batches of all buckets with a worker of its own for each, some of them delivered twice."""
    boards, quarantine, announcer = MemoryLaneSnapshots(), MemoryObjects(), MemoryMarksAnnouncer()
    listed = [(place, bucket, content) for bucket, contents in quotes.blocks.items() for place, content in enumerate(contents)]
    records = [
        StreamRecord("shardId-0", number, bucket_key(bucket), content) for number, (_, bucket, content) in enumerate(sorted(listed), 1)
    ]
    for first in range(0, len(records), 40):
        for _ in range(1 + first % 80 // 40):
            worker = Marking(sessions, MarkOutlets(boards, quarantine, announcer), prove_every=1)
            assert worker.take(records[first : first + 40]) == {"batchItemFailures": []}
            assert worker.refused == 0
    return boards, announcer
