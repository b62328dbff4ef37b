"""The ingest of a whole stream: each record reaches the session that its block names, and one of no session is kept for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.contracts.block_envelope import session_of
from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.live_session import LiveSession
from daymark.contracts.quote_blocks import decode_quotes
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.market_data.ingest import Outlets
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.session_ingest import SessionIngest
from daymark.market_data.tick_session import TickSession
from daymark.market_data.tick_shards import partition_key

ONE = 1_000_000_000
FRIDAY, MONDAY, TUESDAY = date(2018, 2, 2), date(2018, 2, 5), date(2018, 2, 6)
# The opens, 09:30 in New York.
OPENS = {FRIDAY: 1_517_581_800 * ONE, MONDAY: 1_517_841_000 * ONE, TUESDAY: 1_517_927_400 * ONE}
# 2018-02-05 23:59:59.5 in UTC: still Monday there, and in New York too.
LATE_MONDAY = 1_517_875_199.5
TABLE = SymbolTable.of(["KO", "XOM"])
DONE = {"batchItemFailures": []}


def live(session_date):
    return LiveSession(
        session_date=session_date,
        opened_at=datetime(2018, 2, 1, tzinfo=UTC),
        session_start=OPENS[session_date],
        session_end=OPENS[session_date] + 23_400 * ONE,
        publishers=(1,),
        synthetic=True,
        groups=1,
        references={"KO": 46 * ONE, "XOM": 78 * ONE},
        buckets={"KO": (2,), "XOM": ()},
        books={2: "books/2"},
    )


def record(sequence, session_date, bid=46, arrived=None):
    """One quote of KO, one hundredth wide, which arrives late on Monday or, of a later session, at once."""
    row = dict.fromkeys(COLUMNS, 0) | {"instrument": TABLE.number("KO"), "publisher": 1, "sequence": sequence, "action": Action.MODIFY}
    at = OPENS[session_date] + sequence
    row |= {"ts_event": at, "ts_recv": at, "bid": bid * ONE, "ask": bid * ONE + ONE // 100, "price": UNDEFINED_PRICE}
    ticks = Ticks(**{name: np.array([row[name]], dtype) for name, dtype in COLUMNS.items()})
    return StreamRecord(
        "shardId-0",
        sequence,
        "ticks-0000",
        encode_block(TickBlock(ticks, TABLE, session_date, True)),
        arrived=arrived or max(LATE_MONDAY, at / ONE),
    )


def junk(sequence, content=b"junk", arrived=LATE_MONDAY):
    return StreamRecord("shardId-0", sequence, "ticks-0000", content, arrived=arrived)


class Sessions:
    """Sessions that were opened; some cannot be asked for."""

    def __init__(self, *dates):
        self.open = {session_date: live(session_date) for session_date in dates}
        self.asked, self.lost = [], set()

    def session(self, session_date):
        self.asked.append(session_date)
        if session_date in self.lost:
            raise Unavailable("no answer")
        return self.open.get(session_date)

    def book(self, key):
        raise AssertionError("the ingest reads no book")


class World:
    """The stores, and workers over them."""

    def __init__(self, *dates):
        self.sessions = Sessions(*dates)
        self.archive, self.quarantine = MemoryObjects(), MemoryObjects()
        self.quotes, self.snapshots = MemoryQuoteStream(), MemoryLaneSnapshots()
        self.outlets = Outlets(self.archive, self.quarantine, MemoryHotQuotes(), self.quotes, self.snapshots)

    def worker(self, **settings):
        return SessionIngest(self.sessions, self.outlets, **settings)

    def archived(self):
        """Session and number of each record in the archive."""
        return [(key.split("/")[1], int(key.split("/")[3])) for key in self.archive.keys("")]

    def stray(self, sequence, day="2018-02-05"):
        return Quarantined.decode(self.quarantine.get(f"quarantine/strays/{day}/shardId-0/{sequence:056d}"))

    def everything(self):
        contents = {key: store.get(key) for store in (self.archive, self.quarantine) for key in store.keys("")}
        return contents, {day: self.snapshots.load(f"{day}/ticks-0000") for day in OPENS}, self.quotes.blocks


def failed(number):
    return {"batchItemFailures": [{"itemIdentifier": str(number)}]}


def test_every_record_reaches_its_own_session():
    world = World(FRIDAY, MONDAY)
    batch = [record(4, MONDAY), record(1, FRIDAY), record(3, FRIDAY), record(2, MONDAY), record(5, FRIDAY)]
    worker = world.worker()
    assert worker.take(batch) == DONE
    assert world.archived() == [("2018-02-02", 1), ("2018-02-02", 3), ("2018-02-02", 5), ("2018-02-05", 2), ("2018-02-05", 4)]
    # The stream's order: 1 | 2 | 3 | 4 | 5 are runs of Friday, Monday, Friday, Monday, Friday. The market and bucket 2 hear of each.
    told = {bucket: [decode_quotes(block) for block in blocks] for bucket, blocks in world.quotes.blocks.items()}
    order = [("2018-02-02", 1), ("2018-02-05", 2), ("2018-02-02", 3), ("2018-02-05", 4), ("2018-02-02", 5)]
    assert {bucket: [(str(block.session_date), block.positions[0].last) for block in blocks] for bucket, blocks in told.items()} == {
        0: order,
        2: order,
    }
    assert (worker.repeats, worker.strays, world.quarantine.keys()) == (0, 0, [])


def test_runs_of_one_session_are_taken_together():
    world = World(FRIDAY, MONDAY)
    world.worker().take([record(1, FRIDAY), record(2, FRIDAY), record(3, MONDAY), record(4, MONDAY)])
    assert [decode_quotes(block).positions[0].line for block in world.quotes.blocks[0]] == ["ticks-0000 1 2", "ticks-0000 3 4"]


def test_a_replay_changes_nothing_whoever_takes_it():
    world = World(FRIDAY, MONDAY)
    batch = [record(1, FRIDAY), junk(2), record(3, MONDAY), record(4, TUESDAY), record(5, FRIDAY)]
    first, second = world.worker(), world.worker()
    assert first.take(batch) == DONE
    before = world.everything()
    assert second.take(batch) == DONE
    assert first.take(batch[2:]) == DONE
    assert world.everything() == before
    assert (first.repeats, second.repeats) == (2, 3)
    assert (first.strays, second.strays) == (3, 2)


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        (b"", "invalid_input", "block.magic"),
        (b"junk", "invalid_input", "block.magic"),
        (b"DMBK", "invalid_input", "block"),
        (record(1, MONDAY).content[:39], "invalid_input", "block"),
        # Of the header's 40 bytes, 12 to 15 are the session: 20180230 is no day.
        (
            record(1, MONDAY).content[:12] + (20180230).to_bytes(4, "little") + record(1, MONDAY).content[16:],
            "invalid_input",
            "block.session",
        ),
        (record(1, TUESDAY).content, "not_found", "block.session"),
    ],
)
def test_a_record_of_no_open_session_is_kept_as_it_came_and_the_shard_goes_on(content, code, field):
    world = World(MONDAY)
    worker = world.worker()
    assert worker.take([record(1, MONDAY), junk(2, content), record(3, MONDAY)]) == DONE
    entry = world.stray(2)
    assert (entry.kind, entry.sequence, entry.partition_key, entry.payload) == ("record", 2, "ticks-0000", content)
    assert (entry.reasons["code"], entry.reasons["field"]) == (code, field)
    assert world.quarantine.keys() == [f"quarantine/strays/2018-02-05/shardId-0/{2:056d}"]
    assert (worker.strays, world.archived()) == (1, [("2018-02-05", 1), ("2018-02-05", 3)])


def test_a_stray_stands_under_the_day_of_its_arrival_in_utc():
    world = World()
    world.worker().take([junk(1), junk(2, arrived=LATE_MONDAY + 0.5)])
    assert (world.stray(1).sequence, world.stray(2, "2018-02-06").sequence) == (1, 2)


def test_a_session_that_opens_later_takes_its_records_from_then_on():
    """The first delivery found it closed; whatever Monday then refuses stands elsewhere, so nothing contradicts what was kept."""
    world = World()
    worker = world.worker()
    damaged = replace(record(2, MONDAY), content=record(2, MONDAY).content[:-1])
    assert worker.take([record(1, MONDAY), damaged]) == DONE
    assert (worker.strays, world.archived()) == (2, [])
    world.sessions.open[MONDAY] = live(MONDAY)
    assert worker.take([record(1, MONDAY), damaged, record(3, MONDAY)]) == DONE
    assert world.archived() == [("2018-02-05", 1), ("2018-02-05", 3)]
    assert world.stray(2).reasons["code"] == "not_found"
    refused = Quarantined.decode(world.quarantine.get(f"quarantine/2018-02-05/shardId-0/{2:056d}"))
    assert (refused.reasons["code"], worker.strays) == ("invalid_input", 2)


def test_an_open_session_is_asked_for_once_and_few_are_kept_at_hand():
    world = World(FRIDAY, MONDAY, TUESDAY)
    worker = world.worker(most_sessions=2)
    worker.take([record(1, FRIDAY), record(2, MONDAY), record(3, FRIDAY), record(4, MONDAY), record(5, FRIDAY), record(6, MONDAY)])
    assert world.sessions.asked == [FRIDAY, MONDAY]
    # Friday, opened first, is used once more: Tuesday takes the place of Monday, the one used longest ago.
    worker.take([record(7, FRIDAY), record(8, TUESDAY), record(9, FRIDAY)])
    assert world.sessions.asked == [FRIDAY, MONDAY, TUESDAY]
    # Back again, Monday goes on from its snapshot.
    worker.take([record(2, MONDAY), record(10, MONDAY)])
    assert world.sessions.asked == [FRIDAY, MONDAY, TUESDAY, MONDAY]
    assert (worker.repeats, world.archived()[-2]) == (1, ("2018-02-05", 10))


def test_of_several_strays_the_first_that_was_not_kept_comes_again():
    world = World()
    worker = world.worker()
    worker.outlets = replace(worker.outlets, quarantine=Failing(world.quarantine, 2, False))
    assert worker.take([record(1, MONDAY), record(2, MONDAY), record(3, MONDAY)]) == failed(2)
    assert (worker.strays, len(world.quarantine.keys())) == (1, 1)


def test_an_answer_that_names_no_record_of_the_batch_is_never_given(monkeypatch):
    monkeypatch.setattr("daymark.market_data.session_ingest.Ingest.take", lambda *_: failed(77))
    with pytest.raises(InvalidInput):
        World(MONDAY).worker().take([record(1, MONDAY)])


def test_a_session_that_cannot_be_asked_for_stops_the_batch_there():
    world = World(FRIDAY, MONDAY)
    world.sessions.lost.add(MONDAY)
    worker = world.worker()
    batch = [record(1, FRIDAY), record(2, MONDAY), record(3, MONDAY), record(4, FRIDAY), junk(5)]
    assert worker.take(batch) == failed(2)
    assert (world.archived(), world.quarantine.keys()) == ([("2018-02-02", 1)], [])
    world.sessions.lost.clear()
    assert worker.take(batch[1:]) == DONE
    assert world.archived() == [("2018-02-02", 1), ("2018-02-02", 4), ("2018-02-05", 2), ("2018-02-05", 3)]


class Failing:
    """A store whose put number ``at`` gets no answer: before it is taken, or after."""

    def __init__(self, inner, at, taken):
        self.inner, self.left, self.taken = inner, at, taken

    def put(self, *arguments):
        self.left -= 1
        if self.left == 0:
            if self.taken:
                self.inner.put(*arguments)
            raise Unavailable("no answer")
        self.inner.put(*arguments)


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(
    ("port", "at", "first"),
    # Puts into the archive: records 1, 3, 4 and 6; strays 2 and 5; quote blocks once a run: 1, 3 to 4, 6.
    [
        ("archive", 1, 1),
        ("archive", 2, 3),
        ("archive", 4, 6),
        ("quarantine", 1, 2),
        ("quarantine", 2, 5),
        ("quotes", 2, 3),
        ("quotes", 3, 6),
    ],
)
def test_the_first_failure_ends_the_batch_and_the_rest_comes_again(port, at, first, taken):
    batch = [record(1, FRIDAY), junk(2), record(3, MONDAY), record(4, MONDAY), junk(5), record(6, FRIDAY)]
    world, calm = World(FRIDAY, MONDAY), World(FRIDAY, MONDAY)
    worker = world.worker()
    whole = worker.outlets
    worker.outlets = replace(whole, **{port: Failing(getattr(whole, port), at, taken)})
    assert worker.take(batch) == failed(first)
    # Nothing after the failure was begun.
    assert not any(number > 4 for _, number in world.archived() if first < 5)
    other = world.worker()
    assert other.take(batch[first - 1 :]) == DONE
    calm.worker().take(batch)
    contents, snapshots, _ = world.everything()
    contents_calm, snapshots_calm, _ = calm.everything()
    assert contents == contents_calm
    assert {day: stored and stored[0] for day, stored in snapshots.items()} == {
        day: stored and stored[0] for day, stored in snapshots_calm.items()
    }


def test_other_content_under_a_strays_key_is_told():
    world = World()
    world.quarantine.put(f"quarantine/strays/2018-02-05/shardId-0/{1:056d}", b"other")
    with pytest.raises(Conflict):
        world.worker().take([junk(1)])


def test_an_empty_batch_is_done():
    assert World().worker().take([]) == DONE


def test_at_least_one_session_is_kept_at_hand():
    with pytest.raises(InvalidInput) as refused:
        World().worker(most_sessions=0)
    assert refused.value.field == "most_sessions"
    assert World().worker(most_sessions=1).most_sessions == 1


def test_the_ingests_session_is_the_live_one():
    session = TickSession.of(replace(live(MONDAY), groups=16, references={"AAPL": 5, "KO": 46 * ONE}, buckets={"AAPL": (2,), "KO": ()}))
    assert (session.session_date, session.synthetic, session.publishers) == (MONDAY, True, (1,))
    assert (session.rules.session_start, session.rules.session_end) == (OPENS[MONDAY], OPENS[MONDAY] + 23_400 * ONE)
    # SHA-256 of AAPL begins with hexadecimal 1, of KO with 8 (sha256sum): the first of sixteen digits is the group of sixteen.
    assert session.partition_keys == {"AAPL": partition_key(1), "KO": partition_key(8)}
    assert dict(session.references) == {"AAPL": 5, "KO": 46 * ONE}
    assert dict(session.buckets) == {"AAPL": (0, 2), "KO": (0,)}


@pytest.mark.parametrize("groups", [0, 10_001])
def test_a_live_session_without_groups_is_refused(groups):
    with pytest.raises(InvalidInput) as refused:
        TickSession.of(replace(live(MONDAY), groups=groups))
    assert refused.value.field == "groups"


def test_a_blocks_session_is_read_from_any_bytes_or_refused():
    content = record(1, MONDAY).content
    assert session_of(content) == session_of(content[:40] + b"anything") == MONDAY
    for size in range(40):
        with pytest.raises(InvalidInput):
            session_of(content[:size])
    with pytest.raises(InvalidInput):
        session_of(content[:12] + b"\xff\xff\xff\xff" + content[16:])
