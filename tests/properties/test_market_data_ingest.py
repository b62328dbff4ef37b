"""However rows are cut into records and records into batches, the ingest leaves the same rows, quotes and counts."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.quote_blocks import decode_quotes
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.market_data.ingest import Ingest, Outlets
from daymark.market_data.ingest_lane import Lane
from daymark.market_data.ingest_snapshots import restore_snapshot
from daymark.market_data.quarantine import Quarantined
from daymark.market_data.tick_gate import TickRules
from daymark.market_data.tick_session import TickSession

DAY, ONE = date(2018, 2, 5), 1_000_000_000
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE
TABLE = SymbolTable.of(["KO", "XOM", "ZZZ"])
SESSION = TickSession(
    DAY, TickRules(OPEN, CLOSE, reanchor_after=2), (1, 2), {"KO": "a", "XOM": "a"}, {}, {"KO": (0,), "XOM": (0,)}, synthetic=True
)

ROW = st.fixed_dictionaries(
    {
        "instrument": st.sampled_from([0, 0, 1, 1, 2]),
        "publisher": st.sampled_from([1, 2, 1, 2, 9]),
        "sequence": st.integers(0, 15),
        "after": st.integers(-1, 6),
        "bid": st.sampled_from([46, 47, 48, 60, 0]),
        "traded": st.booleans(),
    }
)
CUTS = st.lists(st.integers(0, 20), max_size=6)


def ticks_of(rows):
    columns = {name: np.zeros(len(rows), dtype) for name, dtype in COLUMNS.items()}
    for place, row in enumerate(rows):
        bid, at = row["bid"] * ONE, OPEN + row["after"]
        filled = {"ts_event": at, "ts_recv": at, "bid": bid, "ask": bid + 1, "price": bid if row["traded"] else UNDEFINED_PRICE}
        filled |= {name: row[name] for name in ("instrument", "publisher", "sequence")}
        filled |= {"action": Action.TRADE if row["traded"] else Action.MODIFY}
        for name, value in filled.items():
            columns[name][place] = value
    return Ticks(**columns)


def pieces(listed, cuts):
    ends = sorted({min(cut, len(listed)) for cut in cuts} | {len(listed)})
    return [listed[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def rows_of(blocks):
    return [row for block in blocks for row in zip(*(column.tolist() for column in block.ticks.columns().values()), strict=True)]


def outcome(rows, record_cuts, batch_cuts, snapshot_every):
    archive, quarantine, hot, quotes, snapshots = (
        MemoryObjects(),
        MemoryObjects(),
        MemoryHotQuotes(),
        MemoryQuoteStream(),
        MemoryLaneSnapshots(),
    )
    records = [
        StreamRecord("shardId-0", number, "a", encode_block(TickBlock(ticks_of(part), TABLE, DAY, synthetic=True)))
        for number, part in enumerate(pieces(rows, record_cuts), 1)
    ]
    for batch in pieces(records, batch_cuts):
        Ingest(SESSION, Outlets(archive, quarantine, hot, quotes, snapshots), snapshot_every).take(batch)
    lane, latest = Lane(SESSION, "a", "a"), {}
    restore_snapshot(lane, *snapshots.load(f"{DAY}/a"))
    for content in quotes.blocks.get(0, ()):
        block = decode_quotes(content)
        columns = [column.tolist() for column in block.quotes.columns().values()]
        latest |= {number: rest for number, *rest in zip(*columns, strict=True)}
    entries = [Quarantined.decode(quarantine.get(key)) for key in quarantine.keys("quarantine/")]
    account = lane.account
    return {
        "archived": rows_of(decode_block(archive.get(key)) for key in archive.keys("ticks/")),
        "refused": rows_of(decode_block(entry.payload) for entry in entries),
        "hot": hot.read(("KO", "XOM")),
        "latest": latest,
        "state": {name: array.tolist() for name, array in lane.arrays().items()},
        "counts": (account.rows, account.applied + account.coalesced, account.quarantined, account.repeated),
    }


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=20), CUTS, CUTS, CUTS, st.integers(1, 3))
def test_no_cut_changes_the_outcome(rows, record_cuts, batch_cuts, other_batch_cuts, snapshot_every):
    whole = outcome(rows, [], [], 16)
    cut = outcome(rows, record_cuts, batch_cuts, snapshot_every)
    assert cut == whole
    assert outcome(rows, record_cuts, other_batch_cuts, 16) == cut
    assert whole["counts"][0] == len(rows) == sum(whole["counts"][1:])
