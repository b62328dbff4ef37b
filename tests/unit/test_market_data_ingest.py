"""The ingest, effect by effect: what a record leaves where, what a snapshot holds, and what is refused by name."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.packed_arrays import pack, unpack
from daymark.contracts.quote_blocks import StreamPosition, decode_quotes
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import Conflict, InvalidInput, Unavailable
from daymark.market_data.ingest import Ingest, Outlets
from daymark.market_data.ingest_lane import Account, Lane
from daymark.market_data.ingest_snapshots import encode_snapshot, restore_snapshot
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.stream_ports import HotQuote
from daymark.market_data.tick_gate import TickRules
from daymark.market_data.tick_session import TickSession

DAY, ONE = date(2018, 2, 5), 1_000_000_000
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE
TABLE = SymbolTable.of(["GE", "KO", "XOM"])
SESSION = TickSession(
    DAY, TickRules(OPEN, CLOSE), (1, 2), {"KO": "a", "XOM": "a", "GE": "b"}, {"KO": 46 * ONE}, {"KO": (0, 3), "XOM": (3,)}, True
)


def tick(symbol, sequence, bid, publisher=1, after=0, **others):
    """A quote one hundredth wide, ``after`` nanoseconds after the open."""
    row = dict.fromkeys(COLUMNS, 0) | {"instrument": TABLE.number(symbol), "publisher": publisher, "sequence": sequence}
    row |= {"ts_event": OPEN + after, "ts_recv": OPEN + after, "bid": bid, "ask": bid + ONE // 100, "price": UNDEFINED_PRICE}
    return row | {"action": Action.MODIFY} | others


def record(sequence, *rows, key="a", session_date=DAY, synthetic=True):
    ticks = Ticks(**{name: np.array([row[name] for row in rows], dtype) for name, dtype in COLUMNS.items()})
    return StreamRecord("shardId-0", sequence, key, encode_block(TickBlock(ticks, TABLE, session_date, synthetic)))


class Stores:
    """Everything a worker writes to."""

    def __init__(self):
        self.archive, self.quarantine, self.hot = MemoryObjects(), MemoryObjects(), MemoryHotQuotes()
        self.quotes, self.snapshots = MemoryQuoteStream(), MemoryLaneSnapshots()

    def worker(self, session=SESSION, **settings):
        return Ingest(session, Outlets(self.archive, self.quarantine, self.hot, self.quotes, self.snapshots), **settings)

    def lane(self, key="a"):
        lane = Lane(SESSION, key, key)
        restore_snapshot(lane, *self.snapshots.load(f"{DAY}/{key}"))
        return lane

    def blocks(self, bucket):
        return [decode_quotes(content) for content in self.quotes.blocks.get(bucket, ())]


@pytest.fixture
def stores():
    return Stores()


def test_a_record_leaves_its_rows_its_quotes_and_its_position(stores):
    trade = tick("XOM", 1, 78 * ONE, after=7, action=Action.TRADE, price=78 * ONE, size=50)
    answer = stores.worker().take([record(12, tick("KO", 1, 46 * ONE, after=5), tick("KO", 2, 47 * ONE, after=6), trade)])
    assert answer == {"batchItemFailures": []}
    (key,) = stores.archive.keys()
    assert key == "ticks/2018-02-05/shardId-0/" + "12".zfill(56)
    archived = decode_block(stores.archive.get(key))
    assert archived.ticks.sequence.tolist() == [1, 2, 1]
    assert archived.synthetic
    assert stores.quarantine.keys() == []
    assert stores.hot.read(["KO", "XOM", "GE"]) == {
        "KO": HotQuote(47 * ONE, 47 * ONE + ONE // 100, 0, 0, OPEN + 6),
        "XOM": HotQuote(78 * ONE, 78 * ONE + ONE // 100, 0, 0, OPEN + 7, 78 * ONE, 50, OPEN + 7),
    }
    (in_both,), (in_one,) = stores.blocks(3), stores.blocks(0)
    assert in_one.positions == in_both.positions == (StreamPosition("a", 12, 12),)
    assert [in_both.symbols.symbols[number] for number in in_both.quotes.instrument.tolist()] == ["KO", "XOM"]
    assert in_both.quotes.bid.tolist() == [47 * ONE, 78 * ONE]
    assert in_both.quotes.price.tolist() == [UNDEFINED_PRICE, 78 * ONE]
    assert (in_both.as_of, in_one.as_of) == (OPEN + 7, OPEN + 6)
    assert stores.lane().position == 12
    assert stores.lane().account == Account(records=1, rows=3, applied=2, coalesced=1)


def test_every_block_numbers_its_symbols_itself(stores):
    """In the first GE, KO and XOM are 0, 1 and 2, in the second KO and XOM are 0 and 1; and then again as in the first."""
    worker, own = stores.worker(), SymbolTable.of(["KO", "XOM"])
    row = tick("KO", 1, 78 * ONE) | {"instrument": own.number("XOM")}
    ticks = Ticks(**{name: np.array([row[name]], dtype) for name, dtype in COLUMNS.items()})
    worker.take([record(12, tick("KO", 1, 46 * ONE)), StreamRecord("shardId-0", 13, "a", encode_block(TickBlock(ticks, own, DAY, True)))])
    assert {name: quote.bid for name, quote in stores.hot.read(["GE", "KO", "XOM"]).items()} == {"KO": 46 * ONE, "XOM": 78 * ONE}
    worker.take([record(14, tick("XOM", 2, 79 * ONE, after=1))])
    assert {name: quote.bid for name, quote in stores.hot.read(["GE", "KO", "XOM"]).items()} == {"KO": 46 * ONE, "XOM": 79 * ONE}
    assert stores.quarantine.keys() == []


def test_refused_rows_go_into_one_object_with_their_reasons(stores):
    crossed = tick("KO", 2, 46 * ONE, ask=45 * ONE)
    foreign, stranger = tick("GE", 1, 15 * ONE), tick("KO", 3, 46 * ONE, publisher=9)
    stores.worker().take([record(12, tick("KO", 1, 46 * ONE), crossed, foreign, stranger, tick("KO", 1, 46 * ONE))])
    (key,) = stores.quarantine.keys()
    entry = Quarantined.decode(stores.quarantine.get(key))
    assert (key, entry.kind) == ("quarantine/2018-02-05/shardId-0/" + "12".zfill(56), "rows")
    assert entry.reasons == {"CROSSED": [0], "UNKNOWN_SYMBOL": [1], "UNKNOWN_PUBLISHER": [2]}
    refused = decode_block(entry.payload)
    assert refused.ticks.sequence.tolist() == [2, 1, 3]
    assert refused.ticks.ask.tolist()[0] == 45 * ONE
    assert stores.lane().account == Account(records=1, rows=5, applied=1, quarantined=3, repeated=1)


def test_a_row_received_after_its_record_arrived_is_refused_and_the_good_row_after_it_stands(stores):
    """The stream took the record at the open; the first publisher says it is ten minutes later."""
    fast = tick("KO", 1, 47 * ONE, after=600 * ONE)
    sent = replace(record(12, fast, tick("KO", 1, 46 * ONE, publisher=2)), arrived=OPEN / ONE)
    stores.worker().take([sent])
    (key,) = stores.quarantine.keys()
    assert Quarantined.decode(stores.quarantine.get(key)).reasons == {"FUTURE": [0]}
    assert stores.hot.read(["KO"])["KO"].bid == 46 * ONE


@pytest.mark.parametrize(
    ("poison", "field"),
    [
        (b"", "block.magic"),
        (b"{}", "block.magic"),
        (record(1, tick("KO", 1, ONE)).content[:-1], "block.payload_bytes"),
        (record(1, tick("KO", 1, ONE), session_date=date(2018, 2, 2)).content, "block.session"),
        (record(1, tick("KO", 1, ONE), synthetic=False).content, "block.flags"),
        (b"DMBK" + bytes(5000), "block"),
        (record(1, *[tick("KO", number, ONE) for number in range(9)]).content, "block.rows"),
    ],
)
def test_poison_is_kept_as_it_came_and_the_shard_goes_on(stores, poison, field):
    worker = stores.worker(replace(SESSION, max_rows=8, max_bytes=4000))
    answer = worker.take([StreamRecord("shardId-0", 7, "a", poison), record(8, tick("KO", 1, 46 * ONE))])
    assert answer == {"batchItemFailures": []}
    (key,) = stores.quarantine.keys()
    entry = Quarantined.decode(stores.quarantine.get(key))
    assert (entry.kind, entry.sequence, entry.payload, entry.partition_key) == ("record", 7, poison, "a")
    assert entry.reasons["code"] == "invalid_input"
    assert entry.reasons["field"] == field
    assert stores.lane().account == Account(records=2, refused_records=1, rows=1, applied=1)


def test_a_poison_record_under_half_a_character_is_kept_too(stores):
    assert stores.worker().take([StreamRecord("shardId-0", 7, "\ud800", b"x")]) == {"batchItemFailures": []}
    (key,) = stores.quarantine.keys()
    assert Quarantined.decode(stores.quarantine.get(key)).partition_key == "\\ud800"


def test_what_was_taken_is_a_repeat_for_every_worker(stores):
    records = [record(9, tick("KO", 1, 46 * ONE)), record(10, tick("KO", 2, 47 * ONE))]
    first, second = stores.worker(), stores.worker()
    first.take(records)
    before = stores.snapshots.load(f"{DAY}/a"), len(stores.quotes.blocks[0])
    second.take(records)
    first.take(records[:1])
    assert (first.repeats, second.repeats) == (1, 2)
    assert (stores.snapshots.load(f"{DAY}/a"), len(stores.quotes.blocks[0])) == before


def test_records_of_a_batch_are_taken_by_number_not_by_text(stores):
    stores.worker().take([record(10, tick("KO", 2, 47 * ONE, after=1)), record(9, tick("KO", 1, 46 * ONE))])
    assert stores.lane().account == Account(records=2, rows=2, applied=2)


def test_a_publisher_that_joins_without_changing_the_price_is_told(stores):
    worker = stores.worker()
    worker.take([record(1, tick("KO", 1, 46 * ONE, after=9))])
    worker.take([record(2, tick("KO", 1, 46 * ONE, publisher=2, after=5))])
    assert [block.quotes.publishers.tolist() for block in stores.blocks(0)] == [[1], [2]]
    assert [block.quotes.ts_event.tolist() for block in stores.blocks(0)] == [[OPEN + 9], [OPEN + 9]]


def test_records_that_change_nothing_leave_no_block(stores):
    worker = stores.worker()
    worker.take([record(1, tick("KO", 1, 46 * ONE))])
    worker.take([record(2, tick("KO", 1, 46 * ONE))])
    assert len(stores.blocks(0)) == 1
    assert stores.lane().position == 2


def test_snapshots_come_after_so_many_records_and_on_request(stores):
    worker = stores.worker(snapshot_every=2)
    worker.take([record(number, tick("KO", number, 46 * ONE, after=number)) for number in range(1, 6)])
    assert [block.positions[0].line for block in stores.blocks(0)] == ["a 1 2", "a 3 4", "a 5 5"]
    worker.commit()
    assert len(stores.blocks(0)) == 3


class Failing:
    """A port whose call number ``at`` gets no answer."""

    def __init__(self, inner, at):
        self.inner, self.left = inner, at

    def __getattr__(self, name):
        def call(*arguments):
            self.left -= 1
            if self.left == 0:
                raise Unavailable("no answer")
            return getattr(self.inner, name)(*arguments)

        return call


@pytest.mark.parametrize(("port", "at", "failed"), [("archive", 3, 3), ("archive", 4, 3), ("quotes", 2, 3), ("hot", 1, 1)])
def test_the_answer_names_the_first_record_without_a_snapshot(stores, port, at, failed):
    """Snapshots after every second record: a failure at the fourth brings the third again as well."""
    records = [record(number, tick("KO", number, 46 * ONE, after=number)) for number in range(1, 6)]
    worker = stores.worker(snapshot_every=2)
    worker.outlets = replace(worker.outlets, **{port: Failing(getattr(stores, port), at)})
    assert worker.take(records) == {"batchItemFailures": [{"itemIdentifier": str(failed)}]}
    assert worker.take(records[failed - 1 :]) == {"batchItemFailures": []}
    assert stores.lane().account == Account(records=5, rows=5, applied=5)


def test_other_content_under_a_records_key_is_no_failure_to_be_repeated_silently(stores):
    taken = record(12, tick("KO", 1, 46 * ONE))
    stores.archive.put(taken.key("ticks", DAY), b"another")
    with pytest.raises(Conflict):
        stores.worker().take([taken])
    assert stores.snapshots.load(f"{DAY}/a") is None


def test_a_lane_with_which_another_worker_went_on_comes_again(stores):
    """The other saves between this worker's reading and its saving."""
    first, second = record(1, tick("KO", 1, 46 * ONE)), record(2, tick("KO", 2, 47 * ONE, after=1))
    worker, other = stores.worker(), stores.worker()

    class Overtaken(MemoryObjects):
        def put(self, key, content):
            other.take([first, second])

    worker.outlets = replace(worker.outlets, archive=Overtaken())
    assert worker.take([first]) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert worker.take([first]) == {"batchItemFailures": []}
    assert (worker.repeats, stores.lane().position) == (1, 2)


def test_a_snapshot_brings_every_number_back(stores):
    rows = [tick("KO", 3, 46 * ONE), tick("XOM", 5, 78 * ONE, action=Action.TRADE, price=78 * ONE), tick("KO", 4, 90 * ONE)]
    stores.worker().take([record(10**55, *rows)])
    lane = stores.lane()
    assert {name: array.tolist() for name, array in lane.arrays().items() if name in ("last_sequence", "refused_in_a_row", "seen")} == {
        "last_sequence": [4, 5, -1, -1],
        "refused_in_a_row": [1, 0, 0, 0],
        "seen": [[True, True], [False, False]],
    }
    assert (lane.position, lane.committed, lane.version) == (10**55, 10**55, "1")
    again = Lane(SESSION, "a", "a")
    restore_snapshot(again, encode_snapshot(lane), "1")
    assert encode_snapshot(again) == encode_snapshot(lane)


@pytest.mark.parametrize(
    ("session", "name", "field"),
    [
        (replace(SESSION, session_date=date(2018, 2, 6)), "a", "snapshot.session_date"),
        (SESSION, "b", "snapshot.lane"),
        (replace(SESSION, partition_keys={"KO": "a"}, buckets={}), "a", "snapshot.symbols"),
        (replace(SESSION, publishers=(2, 1)), "a", "snapshot.publishers"),
        (replace(SESSION, synthetic=False), "a", "snapshot.synthetic"),
    ],
)
def test_a_snapshot_of_something_else_is_refused(session, name, field):
    content = encode_snapshot(Lane(SESSION, "a", "a"))
    with pytest.raises(InvalidInput) as refused:
        restore_snapshot(Lane(session, "a", name), content, "1")
    assert refused.value.field == field


def test_a_snapshot_of_other_arrays_or_without_a_position_is_refused_and_leaves_the_lane_as_it_was():
    header, arrays = unpack(b"DMIS", 1, encode_snapshot(Lane(SESSION, "a", "a")), "snapshot")
    more = {name: array + 1 if array.dtype == np.int64 else array for name, array in arrays.items()}
    forged = [
        ("snapshot.arrays", header, {**more, "more": np.zeros(1, np.int64)}),
        ("snapshot.arrays", header, {name: array for name, array in more.items() if name != "seen"}),
        ("snapshot.arrays", header, {**more, "seen": arrays["seen"].astype(np.uint8)}),
        ("snapshot.arrays", header, {**more, "seen": arrays["seen"].ravel()}),
        ("snapshot.header", {name: value for name, value in header.items() if name != "position"}, more),
        ("snapshot.header", {**header, "position": "x"}, more),
        ("snapshot.header", {**header, "account": {"pages": 1}}, more),
    ]
    lane = Lane(SESSION, "a", "a")
    for field, head, columns in forged:
        with pytest.raises(InvalidInput) as refused:
            restore_snapshot(lane, pack(b"DMIS", 1, head, columns), "1")
        assert refused.value.field == field
        assert encode_snapshot(lane) == encode_snapshot(Lane(SESSION, "a", "a"))


def test_an_infinite_position_of_a_snapshot_is_refused(monkeypatch):
    header, arrays = unpack(b"DMIS", 1, encode_snapshot(Lane(SESSION, "a", "a")), "snapshot")
    # As another writer's JSON may hold it: ours refuses to write it.
    monkeypatch.setattr("daymark.contracts.packed_arrays.canonical_json", json.dumps)
    with pytest.raises(InvalidInput) as refused:
        restore_snapshot(Lane(SESSION, "a", "a"), pack(b"DMIS", 1, {**header, "position": float("inf")}, arrays), "1")
    assert refused.value.field == "snapshot.header"


def test_a_damaged_snapshot_is_refused():
    content = encode_snapshot(Lane(SESSION, "a", "a"))
    for bit in range(0, 8 * len(content), 3):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidInput):
            restore_snapshot(Lane(SESSION, "a", "a"), bytes(damaged), "1")
    for size in range(len(content)):
        with pytest.raises(InvalidInput):
            restore_snapshot(Lane(SESSION, "a", "a"), content[:size], "1")


def test_a_snapshot_of_a_later_version_is_refused():
    later = bytearray(encode_snapshot(Lane(SESSION, "a", "a"))[:-4])
    later[4] += 1
    with pytest.raises(InvalidInput) as refused:
        restore_snapshot(Lane(SESSION, "a", "a"), bytes(later) + zlib.crc32(later).to_bytes(4, "little"), "1")
    assert refused.value.field == "snapshot.version"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"references": {"PG": ONE}}, "references.PG"),
        ({"references": {"KO": 0}}, "references.KO"),
        ({"buckets": {"PG": (1,)}}, "buckets.PG"),
    ],
)
def test_a_session_that_contradicts_itself_is_refused(change, field):
    with pytest.raises(InvalidInput) as refused:
        replace(SESSION, **change)
    assert refused.value.field == field


def test_a_snapshot_is_wanted_at_least_after_one_record(stores):
    with pytest.raises(InvalidInput):
        stores.worker(snapshot_every=0)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version":1}', b"\xff", b"[" * 100_000])
def test_what_is_no_quarantined_entry_is_refused(content):
    with pytest.raises(InvalidInput):
        Quarantined.decode(content)


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        (b'"version":1', b'"version":2'),
        (b'"kind":"record"', b'"kind":"table"'),
        (b'"sequence":"7"', b'"sequence":Infinity'),
        (b'"payload":"eA=="', b'"payload":"e!A=="'),
    ],
)
def test_an_entry_of_another_version_or_kind_is_refused(mine, other):
    content = Quarantined("record", "shardId-0", 7, "a", {}, b"x").encode()
    assert Quarantined.decode(content).payload == b"x"
    assert mine in content
    with pytest.raises(InvalidInput):
        Quarantined.decode(content.replace(mine, other))
