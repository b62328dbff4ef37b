"""A seeded ticks stream of which every row's fate is known by the way it was made, not by the gate that will judge it. Synthetic."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from daymark.contracts.dbn_records import UNDEFINED_PRICE, Action
from daymark.contracts.quote_blocks import COLUMNS as QUOTE_COLUMNS
from daymark.contracts.quote_blocks import QuoteBlock, Quotes, encode_quotes
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.market_data.tick_gate import TickRules
from daymark.market_data.tick_session import TickSession
from tests.simulation.event_source_mapping import Sent
from tests.simulation.resharding import ShardedKeys

DAY = date(2018, 2, 5)
ONE = 1_000_000_000
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE
SYMBOLS = tuple(f"S{number:02d}" for number in range(10))
KEYS = ("group-0", "group-1", "schlüssel 2", "group-3")
PUBLISHERS = (1, 2)
MAX_ROWS, MAX_BYTES = 40, 20_000
TABLE = SymbolTable.of([*SYMBOLS, "ZZZ"])
POISON = ("magic", "flipped bit", "cut short", "later version", "other kind", "other session", "market ticks", "too long", "too many rows")
BAD_ROWS = (
    *("NO_PRICE", "NOT_POSITIVE", "CROSSED", "WIDE_SPREAD", "OFF_MARKET", "OUTSIDE_SESSION", "FUTURE", "FAST CLOCK", "STALE"),
    *("UNKNOWN_PUBLISHER", "UNKNOWN_SYMBOL"),
)
VERDICTS = {"FAST CLOCK": "FUTURE"}

SESSION = TickSession(
    session_date=DAY,
    rules=TickRules(OPEN, CLOSE),
    publishers=PUBLISHERS,
    partition_keys={symbol: KEYS[number % 4] for number, symbol in enumerate(SYMBOLS)},
    references=dict.fromkeys(SYMBOLS[:8], 100 * ONE),
    buckets={symbol: {number % 2, 2 - number % 3 // 2} for number, symbol in enumerate(SYMBOLS) if number != 9},
    synthetic=True,
    max_rows=MAX_ROWS,
    max_bytes=MAX_BYTES,
)


@dataclass
class Fate:
    """What must become of the rows sent: identities are (publisher, symbol, sequence)."""

    taken: list[tuple[int, str, int]] = field(default_factory=list)
    refused: Counter = field(default_factory=Counter)
    repeated: int = 0
    rows: int = 0
    poison: dict[int, bytes] = field(default_factory=dict)
    poison_kinds: Counter = field(default_factory=Counter)
    quotes: dict[str, tuple[tuple[int, int, int], tuple[int, int]]] = field(default_factory=dict)
    trades: dict[str, tuple[tuple[int, int, int], int]] = field(default_factory=dict)


class TickStream:
    """Records of all partition keys over shards that split and merge on the way."""

    def __init__(self, rng: random.Random, size: int, poison: float, repeats: bool = True) -> None:
        self.rng, self.poison, self.repeats = rng, poison, repeats
        self.fate = Fate()
        # Numbers gain a digit on the way, so that who compares them as texts goes astray.
        self.sequence = 10**55 - rng.randrange(1, 40 * size)
        self.at = OPEN + 100 * ONE
        self.next_sequence: Counter = Counter()
        self.earlier: list[tuple[str, list[dict]]] = []
        self.keys = ShardedKeys(rng, range(len(KEYS)), rng.choice((1, 2, 3)))
        self.owners: dict[int, list[tuple[int, str, int]]] = {}
        for number in range(size):
            if rng.random() < 0.06:
                self.keys.reshard()
            self.record(rng.randrange(len(KEYS)), number)

    def record(self, key: int, at: int) -> None:
        self.sequence += self.rng.randrange(1, 60)
        if self.rng.random() < self.poison:
            content = self.poisoned(key)
            self.fate.poison[self.sequence] = content
        else:
            resent = [rows for name, rows in self.earlier if name == KEYS[key]]
            if self.repeats and resent and self.rng.random() < 0.1:
                rows = self.rng.choice(resent)
                self.count_again(rows)
            else:
                rows = self.rows(key)
                self.earlier.append((KEYS[key], rows))
            content = encode_block(TickBlock(ticks_of(rows), TABLE, DAY, synthetic=True))
            self.fate.rows += len(rows)
            self.owners[self.sequence] = [identity(row) for row in rows]
        self.keys.open[key].records.append(Sent(self.sequence, KEYS[key], content, at, self.at / ONE))

    def count_again(self, rows: list[dict]) -> None:
        for row in rows:
            if row["fate"] != "TAKEN":
                self.fate.refused[(*identity(row), row["fate"])] += 1
            else:
                self.fate.repeated += 1

    def rows(self, key: int) -> list[dict]:
        rows: list[dict] = []
        for _ in range(self.rng.randint(0, 12)):
            if self.repeats and rows and self.rng.random() < 0.08:
                rows.append(self.rng.choice(rows))
                self.count_again(rows[-1:])
                continue
            rows.append(self.row(key))
        return rows

    def row(self, key: int) -> dict:
        rng = self.rng
        self.at += rng.choice((0, 0, 1, 1_000_000))
        symbol, publisher = rng.choice(SYMBOLS[key::4]), rng.choice(PUBLISHERS)
        event = self.at - rng.choice((0, 0, 0, 500_000))
        bid = 100 * ONE + rng.randrange(-2 * ONE, 2 * ONE)
        row = {
            **{"symbol": symbol, "publisher": publisher, "ts_event": event, "ts_recv": event + 1_000_000, "bid": bid},
            **{"ask": bid + rng.randrange(ONE // 100, ONE // 10), "price": UNDEFINED_PRICE, "bid_size": rng.randrange(1, 900)},
            **{"ask_size": rng.randrange(1, 900), "size": 0, "action": Action.MODIFY, "flags": 0, "fate": "TAKEN"},
        }
        if rng.random() < 0.3:
            row |= {"action": Action.TRADE, "price": row["ask"], "size": rng.randrange(1, 900)}
            if rng.random() < 0.3:
                row |= {"bid": UNDEFINED_PRICE, "ask": UNDEFINED_PRICE}
        if rng.random() < 0.12:
            row |= {"fate": rng.choice(BAD_ROWS), "action": Action.MODIFY, "bid": bid, "ask": bid + ONE // 10, "price": UNDEFINED_PRICE}
            row |= self.spoiled(row, key)
            row["fate"] = VERDICTS.get(row["fate"], row["fate"])
        if row["fate"] != "TAKEN" and rng.random() < 0.3:
            # A bad row may claim to be the last one there will ever be.
            row["sequence"] = 2**32 - 1 - rng.randrange(1_000)
        else:
            self.next_sequence[row["publisher"], row["symbol"]] += rng.choice((1, 1, 2))
            row["sequence"] = self.next_sequence[row["publisher"], row["symbol"]]
        self.settle(row)
        return row

    def spoiled(self, row: dict, key: int) -> dict:
        foreign = self.rng.choice(["ZZZ", SYMBOLS[(key + 1) % 4]])
        return {
            "NO_PRICE": {"bid": UNDEFINED_PRICE},
            "NOT_POSITIVE": {"bid": 0},
            "CROSSED": {"bid": row["ask"] + 1},
            "WIDE_SPREAD": {"ask": 2 * row["bid"]},
            "OFF_MARKET": {"action": Action.TRADE, "price": row["ask"] + ONE},
            "OUTSIDE_SESSION": {"ts_event": CLOSE + 1, "ts_recv": CLOSE + 2},
            "FUTURE": {"ts_recv": row["ts_event"] - ONE},
            "FAST CLOCK": {"ts_event": self.at + 600 * ONE, "ts_recv": self.at + 600 * ONE},
            "STALE": {"ts_event": row["ts_event"] - 61 * ONE},
            "UNKNOWN_PUBLISHER": {"publisher": 9},
            "UNKNOWN_SYMBOL": {"symbol": foreign},
        }[row["fate"]]

    def settle(self, row: dict) -> None:
        if row["fate"] != "TAKEN":
            self.fate.refused[(*identity(row), row["fate"])] += 1
            return
        self.fate.taken.append(identity(row))
        stamp, symbol = (row["ts_event"], row["publisher"], row["sequence"]), row["symbol"]
        if row["bid"] != UNDEFINED_PRICE and stamp > self.fate.quotes.get(symbol, ((0, 0, 0), None))[0]:
            self.fate.quotes[symbol] = (stamp, (row["bid"], row["ask"]))
        if row["action"] == Action.TRADE and stamp > self.fate.trades.get(symbol, ((0, 0, 0), None))[0]:
            self.fate.trades[symbol] = (stamp, row["price"])

    def poisoned(self, key: int) -> bytes:
        kind = self.rng.choice(POISON)
        self.fate.poison_kinds[kind] += 1
        # Rows that nobody has counted: should any of them get through, the archive shows it.
        rows = [{**row, "sequence": 10_000 + number} for number, row in enumerate(self.unsent(key))]
        if kind == "too many rows":
            rows = [{**rows[0], "sequence": 10_000 + number} for number in range(MAX_ROWS + 1)]
        day, ticks = DAY - timedelta(days=3) if kind == "other session" else DAY, ticks_of(rows)
        good = encode_block(TickBlock(ticks, TABLE, day, synthetic=kind != "market ticks"))
        place = self.rng.randrange(8 * len(good))
        flipped = bytearray(good)
        flipped[place // 8] ^= 1 << place % 8
        return {
            "magic": b"GARBAGE" + good,
            "flipped bit": bytes(flipped),
            "cut short": good[: self.rng.randrange(len(good))],
            "later version": good[:4] + b"\x07" + good[5:],
            "other kind": a_quote_block(),
            "too long": good + bytes(MAX_BYTES),
        }.get(kind, good)

    def unsent(self, key: int) -> list[dict]:
        bid = 101 * ONE
        quote = {"publisher": 1, "ts_event": self.at, "ts_recv": self.at, "bid": bid, "ask": bid + ONE // 10, "price": UNDEFINED_PRICE}
        sizes = {"bid_size": 7, "ask_size": 7, "size": 0, "action": Action.MODIFY, "flags": 0, "fate": "POISON"}
        return [{**quote, **sizes, "symbol": symbol} for symbol in SYMBOLS[key::4]]


def identity(row: dict) -> tuple[int, str, int]:
    return row["publisher"], row["symbol"], row["sequence"]


def ticks_of(rows: list[dict]) -> Ticks:
    numbered = [{**row, "instrument": TABLE.number(row["symbol"])} for row in rows]
    return Ticks(**{name: np.array([row[name] for row in numbered], dtype) for name, dtype in COLUMNS.items()})


def identities(block: TickBlock) -> list[tuple[int, str, int]]:
    """Who sent each row of a block, of which symbol, under which number."""
    ticks = block.ticks
    columns = zip(ticks.publisher.tolist(), ticks.instrument.tolist(), ticks.sequence.tolist(), strict=True)
    return [(publisher, block.symbols.symbols[number], sequence) for publisher, number, sequence in columns]


def a_quote_block() -> bytes:
    columns = Quotes(**{name: np.ones(1, dtype) for name, dtype in QUOTE_COLUMNS.items()})
    return encode_quotes(QuoteBlock(columns, TABLE, DAY, 0, 1, (), synthetic=True))
