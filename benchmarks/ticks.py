"""Ticks in and out of bytes: Databento files into columns, tick blocks both ways, against row objects and JSON rows.

Run from the repository root: ``python -m benchmarks.ticks``. The ticks are synthetic: a seeded random walk in cents of Zipf-chosen
symbols, quoted by three publishers with small disagreements and delays, with one trade in ten. What every reader gives must equal
what was written before anything is timed. One thread; the fastest of a few runs.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import databento_dbn
import numpy as np
import numpy.typing as npt
import orjson
import zstandard

from benchmarks.recording import BenchmarkRow, Peer, record
from daymark.contracts.dbn import read_dbn, write_dbn
from daymark.contracts.dbn_metadata import DbnMetadata
from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action, RecordFlag, Records, RecordType
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, decode_block, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.market_data.conflation import HotQuotes
from daymark.market_data.tick_gate import TickGate, TickRules, Verdict

ROWS, SYMBOLS = 65_536, 500
DBN_ROWS = 524_288
REPEATS = 7
CENT = 10_000_000
OPEN = 1_517_841_000_000_000_000  # 2018-02-05 09:30 in New York


def synthetic_ticks(rows: int = ROWS, symbols: int = SYMBOLS, seed: int = 20180205, gap_ns: float = 20_000.0) -> Ticks:
    """``rows`` ticks of ``symbols`` symbols, one every ``gap_ns`` on average, in the order of receipt."""
    draw = np.random.default_rng(seed)
    shares = 1.0 / np.arange(1, symbols + 1)
    instrument = draw.permutation(symbols)[draw.choice(symbols, rows, p=shares / shares.sum())]
    publisher = draw.choice([1, 2, 3], rows, p=[0.5, 0.3, 0.2])
    ts_event = OPEN + np.cumsum(draw.exponential(gap_ns, rows)).astype(np.int64)
    ts_recv = ts_event + 15_000 + 10_000 * publisher + draw.lognormal(9.0, 0.7, rows).astype(np.int64)
    trade = draw.random(rows) < 0.1

    order = np.argsort(instrument, kind="stable")
    starts = np.flatnonzero(np.diff(instrument[order], prepend=-1))
    steps = draw.choice([-1, 0, 1], rows, p=[0.12, 0.76, 0.12])
    walk = np.cumsum(steps)
    mid = np.empty(rows, np.int64)
    mid[order] = walk - np.repeat(walk[starts], np.diff(np.append(starts, rows)))
    mid += draw.integers(1_000, 40_000, symbols)[instrument]
    bid = mid + draw.choice([-1, 0, 1], rows, p=[0.03, 0.94, 0.03])
    ask = bid + draw.integers(1, 6, symbols)[instrument] + (draw.random(rows) < 0.1)
    price = np.where(draw.random(rows) < 0.5, bid, ask)
    lots = 100 * draw.geometric(0.25, (2, rows))

    key = instrument * 4 + publisher
    by_key = np.argsort(key, kind="stable")
    key_starts = np.flatnonzero(np.diff(key[by_key], prepend=-1))
    sequence = np.empty(rows, np.int64)
    sequence[by_key] = 1 + np.arange(rows) - np.repeat(key_starts, np.diff(np.append(key_starts, rows)))
    columns = {
        **{"instrument": instrument, "publisher": publisher, "sequence": sequence, "ts_event": ts_event, "ts_recv": ts_recv},
        **{"bid": bid * CENT, "ask": ask * CENT, "price": np.where(trade, price * CENT, UNDEFINED_PRICE)},
        **{"bid_size": lots[0], "ask_size": lots[1], "size": np.where(trade, draw.geometric(0.01, rows), 0)},
        "action": np.where(trade, int(Action.TRADE), int(Action.MODIFY)),
        "flags": np.full(rows, int(RecordFlag.LAST | RecordFlag.TOP_OF_BOOK)),
    }
    in_order = np.argsort(ts_recv, kind="stable")
    return Ticks(**{name: np.ascontiguousarray(columns[name][in_order], dtype) for name, dtype in COLUMNS.items()})


def synthetic_block(rows: int = ROWS, symbols: int = SYMBOLS) -> TickBlock:
    """The block of those ticks; its symbols are made up."""
    table = SymbolTable(tuple(f"S{number:05d}" for number in range(symbols)))
    return TickBlock(synthetic_ticks(rows, symbols), table, date(2018, 2, 5), synthetic=True)


def agree(ours: Ticks, other: Ticks) -> None:
    """Stop unless every column is equal."""
    for name, column in ours.columns().items():
        np.testing.assert_array_equal(column, getattr(other, name), err_msg=name)


def dbn_content(ticks: Ticks) -> bytes:
    """The ticks as a compressed Databento file of mbp-1 records."""
    metadata = DbnMetadata("SYNTHETIC", OPEN, schema=1, symbols=tuple(f"S{number:05d}" for number in range(SYMBOLS)))
    return write_dbn(metadata, [ticks.to_mbp1()], level=3)


def dbn_objects(content: bytes) -> list[Any]:
    """The usual client path: one Python object for each record; the metadata comes first."""
    decoder = databento_dbn.DBNDecoder(compression=databento_dbn.Compression.from_str("zstd"))
    decoder.write(content)
    return list(decoder.decode())


def of_objects(objects: list[Any]) -> Ticks:
    """The peer's records as ticks, to be compared with ours."""
    header = ("publisher_id", "instrument_id", "ts_event", "price", "size", "ts_recv", "sequence")
    records: Records = read_dbn(b"".join([bytes(objects[0]), *(bytes(each) for each in objects[1:])])).records[RecordType.MBP_1]
    for name in header:
        np.testing.assert_array_equal(records[name], np.array([getattr(each, name) for each in objects[1:]], records[name].dtype))
    return Ticks.from_mbp1(records)


def to_json(rows: list[dict[str, int]]) -> bytes:
    """Rows as compressed JSON."""
    return zstandard.ZstdCompressor(level=1).compress(orjson.dumps(rows))


def from_json(content: bytes) -> list[dict[str, int]]:
    """The rows of :func:`to_json`."""
    rows: list[dict[str, int]] = orjson.loads(zstandard.ZstdDecompressor().decompress(content))
    return rows


def as_rows(ticks: Ticks) -> list[dict[str, int]]:
    """The ticks as one dict each."""
    columns = [column.tolist() for column in ticks.columns().values()]
    return [dict(zip(COLUMNS, row, strict=True)) for row in zip(*columns, strict=True)]


def rate(work: Callable[[], object], rows: int) -> float:
    """Millions of rows a second in the fastest of a few runs: the one least disturbed by the machine's other work."""
    durations = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        durations.append(time.perf_counter() - started)
    return rows / min(durations) / 1e6


def dbn_rows() -> list[BenchmarkRow]:
    """A compressed Databento file into columns."""
    ticks = synthetic_ticks(DBN_ROWS)
    content = dbn_content(ticks)
    agree(ticks, Ticks.from_mbp1(read_dbn(content).records[RecordType.MBP_1]))
    objects = dbn_objects(content)
    agree(ticks, of_objects(objects))
    del objects
    peer = {"databento-dbn objects": Peer(rate(lambda: dbn_objects(content), DBN_ROWS), importlib.metadata.version("databento-dbn"))}
    note = f"{DBN_ROWS} synthetic mbp-1 records of 80 bytes, Zstandard level 3, one thread"
    view = rate(lambda: read_dbn(content), DBN_ROWS)
    whole = rate(lambda: Ticks.from_mbp1(read_dbn(content).records[RecordType.MBP_1]), DBN_ROWS)
    claim = "A compressed Databento file is read into NumPy records without a Python object for each."
    every = "The same, with all thirteen columns made contiguous."
    return [
        BenchmarkRow("DBN zstd to records", view, "M rows/s", "higher", claim, limit=7.0, peers=peer, note=note),
        BenchmarkRow("DBN zstd to contiguous ticks", whole, "M rows/s", "higher", every, limit=7.0, peers=peer, note=note),
    ]


def block_rows() -> list[BenchmarkRow]:
    """Tick blocks both ways, and their size."""
    block = synthetic_block()
    content, rows = encode_block(block), as_rows(block.ticks)
    text = to_json(rows)
    agree(block.ticks, decode_block(content).ticks)
    if from_json(text) != rows:
        raise SystemExit("the JSON rows are not read back as they were")
    version = importlib.metadata.version("orjson")
    note = f"{ROWS} synthetic ticks of {SYMBOLS} symbols and three publishers, thirteen columns, checksum included, one thread"

    def peer(value: float) -> dict[str, Peer]:
        return {"orjson rows, zstd-1": Peer(value, version)}

    encoded, decoded = rate(lambda: encode_block(block), ROWS), rate(lambda: decode_block(content), ROWS)
    exact = "A tick takes few bytes on the stream and every column comes back exactly."
    return [
        BenchmarkRow("tick block size", len(content) / ROWS, "bytes/tick", "lower", exact, 12.0, peer(len(text) / ROWS), note),
        BenchmarkRow(
            "tick block decode",
            decoded,
            "M ticks/s",
            "higher",
            "A block becomes columns without a loop over rows.",
            peers=peer(rate(lambda: from_json(text), ROWS)),
            note=note,
        ),
        BenchmarkRow(
            "tick block encode",
            encoded,
            "M ticks/s",
            "higher",
            "Columns become a block without a loop over rows.",
            peers=peer(rate(lambda: to_json(rows), ROWS)),
            note=note,
        ),
    ]


def as_sent(ticks: Ticks) -> Ticks:
    """The same ticks received as a sound feed delivers them: each publisher's in the order in which they happened."""
    ticks = ticks.take(np.argsort(ticks.ts_event, kind="stable"))
    received = ticks.ts_recv.copy()
    for publisher in np.unique(ticks.publisher):
        sent = ticks.publisher == publisher
        received[sent] = np.maximum.accumulate(received[sent])
    return replace(ticks, ts_recv=received).take(np.argsort(received, kind="stable"))


def conflated(ticks: Ticks, symbols: int, *, block_checks: bool) -> tuple[float, HotQuotes, npt.NDArray[np.uint8]]:
    """Millions of rows a second through gate and conflation, in the fastest of a few runs; the state and the verdicts."""
    rules = TickRules(OPEN, OPEN + 23_400_000_000_000)
    arrived = int(ticks.ts_recv.max()) / 1e9
    durations = []
    for _ in range(REPEATS):
        gate = TickGate(rules, symbols, (1, 2, 3), np.zeros(symbols, np.int64), block_checks=block_checks)
        hot = HotQuotes(symbols)
        started = time.perf_counter()
        verdicts, taken, keys = gate.judge(ticks, rules.received_by(arrived))
        hot.take(ticks, taken, keys)
        durations.append(time.perf_counter() - started)
    # By another route: sort the taken rows by symbol, instant, publisher and sequence, and look at the last of each symbol.
    rows = np.flatnonzero(verdicts == Verdict.TAKEN)
    rows = rows[np.lexsort((ticks.sequence[rows], ticks.publisher[rows], ticks.ts_event[rows], ticks.instrument[rows]))]
    last = rows[np.append(np.diff(ticks.instrument[rows]) != 0, True)]
    np.testing.assert_array_equal(hot.quotes.columns["bid"][ticks.instrument[last]], ticks.bid[last])
    return len(ticks) / min(durations) / 1e6, hot, verdicts


def gate_row() -> BenchmarkRow:
    """Rows through the tick gate into the conflated state, each judged exactly."""
    value, _, verdicts = conflated(synthetic_ticks(), SYMBOLS, block_checks=False)
    taken = int((verdicts == Verdict.TAKEN).sum())
    return BenchmarkRow(
        "ticks to conflated state",
        value,
        "M ticks/s",
        "higher",
        "Every tick is judged by itself (order, prices, spread, times, band) and the latest quote and trade of each symbol kept.",
        limit=10.0,
        note=f"{ROWS} synthetic ticks of {SYMBOLS} symbols and three publishers, {taken} of them taken; one thread",
    )


def checked_row(symbols: int) -> BenchmarkRow:
    """Clean rows, held against the rules as whole blocks; the peer is our own judging of each row."""
    ticks = as_sent(synthetic_ticks(symbols=symbols))
    value, hot, verdicts = conflated(ticks, symbols, block_checks=True)
    exact, same, each = conflated(ticks, symbols, block_checks=False)
    np.testing.assert_array_equal(verdicts, each)
    for name, column in hot.quotes.columns.items():
        np.testing.assert_array_equal(column, same.quotes.columns[name])
    return BenchmarkRow(
        f"clean ticks of {symbols:,} symbols to conflated state",
        value,
        "M ticks/s",
        "higher",
        "A block of which a few passes prove that no rule refuses a row is taken whole; verdicts and state are those of every tick alone.",
        limit=20.0,
        peers={"each row judged by itself": Peer(exact, np.__version__)},
        note=f"{ROWS} synthetic ticks of three publishers in one block, all {int((verdicts == Verdict.TAKEN).sum())} taken; one thread",
    )


def main() -> None:
    """Check, measure, print and record."""
    rows = [*dbn_rows(), *block_rows(), gate_row(), *(checked_row(symbols) for symbols in (SYMBOLS, 10_000))]
    for row in rows:
        ratio = row.ratio_to_best_peer
        print(f"{row.name}: {row.value:.3f} {row.unit}" + ("" if ratio is None else f", {ratio:.1f} times the best peer"))
    print(record("ticks", rows))


if __name__ == "__main__":
    main()
