"""A seeded quotes stream over two sessions, and what every record must leave on its bucket's board, told in plain numbers. Synthetic.

The blocks are those of an ingest that dies and goes on: gapless, in the order of their lane of ticks, some of them again, some with fewer
ticks than were covered already. What must come of them is worked out here block by block with decimals and dictionaries.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.live_session import bucket_key
from daymark.contracts.quote_blocks import encode_quotes
from daymark.contracts.symbols import SymbolTable
from tests.mark_world import CLASSES, CLOSE, DAY, NEXT_DAY, ONE, OPEN, SYMBOLS, UNIT, Sessions, block, books, worth
from tests.simulation.event_source_mapping import Sent
from tests.simulation.resharding import ShardedKeys

LANES = {"ticks-0000": ("GE", "KO"), "ticks-0001": ("PG", "XOM")}
HELD = {0: SYMBOLS, 1: ("KO", "XOM"), 2: ("GE", "KO", "PG")}
POISON = (
    "flipped bit",
    "cut short",
    "later version",
    "market ticks",
    "another lane",
    "unknown bucket",
    "not held",
    "no price",
    "no position",
)
A_DAY = 86_400 * ONE
# When every record of the simulated mapping arrived, and so the first revision of every lane.
ARRIVED_MS = 1_607_497_475_000
Board = dict[tuple[str, str], int]


@dataclass(frozen=True)
class Standing:
    """What a board must be after a record: cells and the revisions of their changes, by column and row."""

    session_date: object
    revision: int
    as_of: int
    covered: dict[str, int]
    cells: Board
    changed: Board


@dataclass
class Bucket:
    """One bucket's board as the rules make it."""

    number: int
    standing: Standing | None = None
    history: dict[int, Standing] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    quotes: dict[str, dict] = field(default_factory=dict)
    late: int = 0

    def take(self, sequence: int, session_date, quotes: list[dict], lane: str, last: int) -> None:
        """A good block."""
        before = self.standing
        if before is not None and (session_date < before.session_date):
            self.late += 1
        elif before is None or session_date > before.session_date:
            self.prices, self.quotes = dict.fromkeys(HELD[self.number], 500_000), {}
            opening = self.cells(session_date, {})
            self.settle(session_date, quotes, lane, last, {}, opening, before.revision + 1 if before else ARRIVED_MS, opened=True)
        elif last <= before.covered.get(lane, -1):
            self.late += 1
        else:
            self.settle(session_date, quotes, lane, last, before.covered, before.cells, before.revision + 1)
        self.pass_by(sequence)

    def settle(self, session_date, quotes, lane, last, covered, before, revision, opened=False) -> None:
        for each in quotes:
            self.quotes[each["symbol"]] = each
            # Trades and quotes of these tests lie on whole ten-thousandths.
            has = each["price"] != UNDEFINED_PRICE, each["bid"] != UNDEFINED_PRICE and each["ask"] != UNDEFINED_PRICE
            middle = (each["bid"] + each["ask"]) // 2
            self.prices[each["symbol"]] = (each["price"] if has[0] else middle) // UNIT if any(has) else 500_000
        cells = self.cells(session_date, before)
        old = {} if opened else self.standing.changed
        changed = {cell: revision if opened or before[cell] != value else old[cell] for cell, value in cells.items()}
        as_of = max([0 if opened else self.standing.as_of, *(each["ts_event"] for each in quotes)])
        self.standing = Standing(session_date, revision, as_of, {**covered, lane: last}, cells, changed)

    def cells(self, session_date, before: Board) -> Board:
        if self.number == 0:
            return {(name, symbol): self.market(symbol)[name] for symbol in SYMBOLS for name in self.market(symbol)}
        held = next(each for each in books(session_date) if each.bucket == self.number)
        names = ["/".join(owner) for owner in held.owners]
        columns = {"value": worth(held, self.prices), "cash": held.cash_cents.tolist(), "opening": held.opening_cents.tolist()}
        columns |= {f"class:{kind}": worth(held, self.prices, kind) for kind in CLASSES}
        columns |= {f"target:{kind}": [ONE // 2] * len(names) for kind in CLASSES}
        highest = [before.get(("high_water", name), 0) for name in names]
        columns["high_water"] = [max(pair) for pair in zip(highest, columns["value"], strict=True)]
        return {(column, name): value for column, values in columns.items() for name, value in zip(names, values, strict=True)}

    def market(self, symbol: str) -> dict[str, int]:
        none = {"bid": UNDEFINED_PRICE, "ask": UNDEFINED_PRICE, "price": UNDEFINED_PRICE, "ts_event": 0, "publishers": 0}
        quoted = self.quotes.get(symbol, none)
        return {name: quoted[name] for name in none} | {"reference": 50 * ONE}

    def pass_by(self, sequence: int) -> None:
        """The record has been taken, whatever it held."""
        if self.standing is not None:
            self.history[sequence] = self.standing


class MarksStream:
    """Records of every bucket over shards that split and merge on the way.

    Attributes:
        poison: Of every record that must be quarantined its content.
    """

    def __init__(self, rng: random.Random, size: int, poison: float) -> None:
        self.rng, self.poison_rate = rng, poison
        self.sessions = Sessions()
        # Numbers gain a digit on the way, so that who compares them as texts goes astray.
        self.sequence = 10**55 - rng.randrange(1, 60 * size)
        self.poison: dict[int, bytes] = {}
        self.kinds: Counter = Counter()
        self.buckets = {number: Bucket(number) for number in HELD}
        self.keys = ShardedKeys(rng, list(HELD), rng.choice((1, 2)))
        self.earlier: dict[int, list[tuple]] = {number: [] for number in HELD}
        for day in (DAY, NEXT_DAY):
            self.sessions.open(day)
        for day in (DAY, NEXT_DAY):
            self.run(day, size)

    def run(self, day, size: int) -> None:
        self.ticks = dict.fromkeys(LANES, 1000)
        self.latest: dict[str, dict] = {}
        self.at = OPEN + (day - DAY).days * A_DAY
        for step in range(size):
            if self.rng.random() < 0.06:
                self.keys.reshard()
            lane = self.rng.choice(list(LANES))
            self.ticks[lane] += self.rng.randrange(1, 40)
            self.at += self.rng.choice((1, ONE))
            changed = [symbol for symbol in LANES[lane] if self.rng.random() < 0.7]
            self.latest |= {symbol: self.quote(symbol) for symbol in changed}
            self.publish(day, lane, changed, step)
        # The last ticks are of the close itself; some symbols have none then.
        self.at = CLOSE + (day - DAY).days * A_DAY
        for lane, symbols in list(LANES.items())[: self.rng.choice((1, 2))]:
            self.ticks[lane] += 1
            self.latest |= {symbol: self.quote(symbol) for symbol in symbols}
            self.publish(day, lane, symbols, size, poison=False)

    def quote(self, symbol: str) -> dict:
        price = (400_000 + self.rng.randrange(200_000)) * UNIT
        shape = self.rng.random()
        sides = {"bid": price - 2 * UNIT, "ask": price + 2 * UNIT} if shape < 0.8 else {"bid": UNDEFINED_PRICE, "ask": UNDEFINED_PRICE}
        traded = UNDEFINED_PRICE if 0.5 < shape < 0.85 else price
        return {"symbol": symbol, **sides, "price": traded, "ts_event": self.at, "publishers": self.rng.randrange(1, 3)}

    def publish(self, day, lane: str, changed, step: int, poison: bool = True) -> None:
        for number, symbols in HELD.items():
            held = [symbol for symbol in changed if symbol in symbols]
            if poison and self.rng.random() < self.poison_rate:
                self.put(number, self.poisoned(number, day), step, None)
            if held:
                good = (day, [self.latest[symbol] for symbol in held], lane, self.ticks[lane])
                self.good(number, good, step)
                self.earlier[number].append(good)
            if self.earlier[number] and self.rng.random() < 0.25:
                # The ingest died before its snapshot and says the same again, now or much later.
                self.good(number, self.rng.choice(self.earlier[number][-6:]), step)

    def good(self, number: int, parts: tuple, step: int) -> None:
        day, quotes, lane, last = parts
        self.put(number, encode_quotes(block(number, last, *quotes, lane=lane, session_date=day)), step, parts)

    def put(self, number: int, content: bytes, step: int, parts: tuple | None) -> None:
        self.sequence += self.rng.randrange(1, 30)
        bucket = self.buckets[number]
        if parts is None:
            self.poison[self.sequence] = content
            bucket.pass_by(self.sequence)
        else:
            bucket.take(self.sequence, *parts)
        self.keys.open[number].records.append(Sent(self.sequence, bucket_key(number), content, step))

    def poisoned(self, number: int, day) -> bytes:
        kind = self.rng.choice(POISON)
        self.kinds[kind] += 1
        # A price nobody has quoted: should it get through, the board shows it.
        odd = {"symbol": "KO", "bid": 77 * ONE, "ask": 77 * ONE, "price": 77 * ONE, "ts_event": self.at, "publishers": 1}
        made = {"session_date": day, "lane": "ticks-0000"}
        last = self.ticks["ticks-0000"] + 1
        other = {
            "market ticks": {"synthetic": False},
            "no position": {"positions": ()},
        }
        rows = [{**odd, "price": -1}] if kind == "no price" else [odd]
        if kind == "not held":
            foreign = {0: "ZZZ", 1: "GE", 2: "XOM"}[number]
            rows, made = [odd, {**odd, "symbol": foreign}], {**made, "symbols": SymbolTable.of([*SYMBOLS, "ZZZ"])}
        bucket = {"unknown bucket": 9, "another lane": 2 if number == 1 else 1}.get(kind, number)
        good = encode_quotes(block(bucket, last, *rows, **made, **other.get(kind, {})))
        place = self.rng.randrange(8 * len(good))
        flipped = bytearray(good)
        flipped[place // 8] ^= 1 << place % 8
        changed = {"flipped bit": bytes(flipped), "cut short": good[: self.rng.randrange(len(good))]}
        return (changed | {"later version": good[:4] + b"\x07" + good[5:]}).get(kind, good)
