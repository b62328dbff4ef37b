"""Replayed ticks are synthetic: for every symbol a seeded bridge in log price from the previous close to the session's own close.

What is real in them are the two closes of the listed symbols, and the hours; a bond's closes are synthetic themselves, priced from a
yield series, and its ticks stand for an evaluated-price feed. Prices move with the events, so volatility has the intensity's shape;
three publishers quote the same path with small disagreements, delays and numberings of their own. At the close each publisher prints
every symbol once more, exactly at the close and with a quote centred on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import PRICE_SCALE, Action, RecordFlag
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.ticks import COLUMNS, Ticks
from daymark.core.errors import InvalidInput, NotPublished
from daymark.core.sessions import Calendar, Session
from daymark.market_data.labels import PriceLabel
from daymark.market_data.models import FloatArray
from daymark.market_data.price_bridge import bridge
from daymark.market_data.price_desk import PriceDesk
from daymark.market_data.trading_intensity import events_before
from daymark.quant.random_streams import random_stream

SYNTHETIC_TICKS = "synthetic: bridged between adjusted daily closes; of bonds between closes priced from a yield series"
# So many parts of the session at least, so that it is busier at its ends, and so many events of a symbol in a part when there are more.
_FEWEST_PARTS, _PART_EVENTS = 26, 256
_GOLDEN = (math.sqrt(5) - 1) / 2
# By the three-distance theorem: so far apart, in events, at most, are two of one publisher with a fifth of them.
_MOST_BETWEEN = 8
_LARGEST_STEP = 0.05
_LOWEST_PRICE = PRICE_SCALE // 100
_HIGHEST_PRICE = 1_000_000 * PRICE_SCALE
_SPREAD = 0.0002
_TRADES, _ADDITIONS = 0.2, 0.1
_DISAGREEMENT = 0.1
_IN_BURSTS, _BURST_EVENTS, _BURST_NS = 0.3, 12, 2_000_000
_LONGEST_DELAY_NS = 50_000_000
_FLAGS = int(RecordFlag.LAST | RecordFlag.TOP_OF_BOOK)

Rows = dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes a share of every symbol's rows, received so many nanoseconds after the event at the earliest."""

    number: int
    share: float
    delay_ns: int


PUBLISHERS = (Publisher(1, 0.5, 15_000), Publisher(2, 0.3, 40_000), Publisher(3, 0.2, 120_000))


def replay_closes(desk: PriceDesk, calendar: Calendar, session: Session) -> tuple[Mapping[str, Decimal], Mapping[str, Decimal]]:
    """The previous and the session's own close of every instrument but cash, as books are marked with them.

    Raises:
        NotASession, NotPublished, QualityBlocked, InvalidInput: as the desk says.
    """
    before, on = desk.marking_closes(calendar.previous(session.session_date)), desk.marking_closes(session.session_date)
    closes = {name: close.price for name, close in on.items() if close.label is not PriceLabel.CASH}
    missing = sorted(closes.keys() - before.keys())
    if missing:
        raise NotPublished(f"{missing[0]} has no close before {session.session_date} to begin from", field=missing[0])
    return MappingProxyType({name: before[name].price for name in closes}), MappingProxyType(closes)


@dataclass(frozen=True)
class TickReplay:
    """One session's synthetic ticks, the same whenever they are asked for.

    Attributes:
        session: Whose hours they fill.
        previous_closes: Where each symbol begins.
        closes: Where each symbol ends; the symbols are those of this mapping, in any order.
        ticks_per_symbol: Rows of each symbol, of all publishers together.
        seed: Another one gives other ticks.
        volatility: Of the log price over the session, before it is tied to the close.

    Raises:
        InvalidInput: no symbols, or not the same in both; a close below a cent, above a million or finer than 1e-9; too few ticks for a
            symbol's move, which would then leap; a volatility not above zero and below one.
    """

    session: Session
    previous_closes: Mapping[str, Decimal]
    closes: Mapping[str, Decimal]
    ticks_per_symbol: int = 2_000
    seed: int = 0
    volatility: float = 0.01

    def __post_init__(self) -> None:
        if not self.closes or self.closes.keys() != self.previous_closes.keys():
            raise InvalidInput("closes and previous closes must be of the same symbols, at least one", field="closes")
        if not 0 < self.volatility < 1:
            raise InvalidInput(f"volatility must be between 0 and 1, got {self.volatility}", field="volatility")
        if not self._regular > 0:
            raise InvalidInput(f"ticks_per_symbol must be above {len(PUBLISHERS)}, got {self.ticks_per_symbol}", field="ticks_per_symbol")
        for name in self.symbols.symbols:
            first = _fixed_point(self.previous_closes[name], f"previous_closes.{name}")
            last = _fixed_point(self.closes[name], f"closes.{name}")
            move = abs(math.log(last / first))
            between = _MOST_BETWEEN / self._regular
            if move * between + 6 * self.volatility * math.sqrt(between) > _LARGEST_STEP:
                message = f"{self.ticks_per_symbol} ticks are too few: {name} moves by {math.expm1(move):.1%} and would leap"
                raise InvalidInput(message, field="ticks_per_symbol", symbol=name)

    @cached_property
    def symbols(self) -> SymbolTable:
        """The table that numbers the symbols."""
        return SymbolTable.of(self.closes)

    @property
    def session_start(self) -> int:
        """The open, nanoseconds since 1970 in UTC."""
        return int(self.session.open.timestamp()) * 1_000_000_000

    @property
    def session_end(self) -> int:
        """The close, nanoseconds since 1970 in UTC; the last rows are of this very instant."""
        return int(self.session.close.timestamp()) * 1_000_000_000

    @property
    def rows(self) -> int:
        """How many rows there are in all."""
        return self.ticks_per_symbol * len(self.symbols)

    def references(self) -> npt.NDArray[np.int64]:
        """``(n_symbols,)`` int64 previous closes (1e-9) by symbol number: what a tick gate of the session starts from."""
        return np.array([_fixed_point(self.previous_closes[name], name) for name in self.symbols.symbols], dtype=np.int64)

    def blocks(self, most_rows: int, most_ns: int | None = None) -> Iterator[Ticks]:
        """All rows in the order of their events; how they are cut changes none of them.

        A part of the session is held at a time. Rows of one instant stand by symbol, each symbol's in their own order.

        Args:
            most_rows: The most rows of a block.
            most_ns: The longest stretch of the session that a block spans; ``None`` for any.

        Raises:
            InvalidInput: a limit is out of range.
        """
        if most_rows < 1:
            raise InvalidInput(f"most_rows must be at least 1, got {most_rows}", field="most_rows")
        if most_ns is not None and most_ns < 1:
            raise InvalidInput(f"most_ns must be at least 1, got {most_ns}", field="most_ns")
        longest = most_ns or self.session_end - self.session_start
        return (block for ticks in self._parts() for block in _cut(ticks, most_rows, longest))

    @property
    def _regular(self) -> int:
        """Rows of a symbol before its last prints."""
        return self.ticks_per_symbol - len(PUBLISHERS)

    def _parts(self) -> Iterator[Ticks]:
        events = events_before(self._regular, max(_FEWEST_PARTS, self._regular // _PART_EVENTS))
        paths = [_Path(self, number, name, events) for number, name in enumerate(self.symbols.symbols)]
        for place in range(len(events) - 1):
            if events[place] < events[place + 1]:
                yield _in_order([path.rows(place) for path in paths])
        yield _in_order([path.closing_rows() for path in paths])


class _Path:
    """One symbol's way through the session, part by part; ``edges`` count its events before each part."""

    def __init__(self, replay: TickReplay, number: int, name: str, edges: npt.NDArray[np.int64]) -> None:
        self._replay, self._number, self._edges = replay, number, edges
        self._words = (str(replay.seed), replay.session.session_date.isoformat(), name)
        self._first = _fixed_point(replay.previous_closes[name], name)
        self._last = _fixed_point(replay.closes[name], name)
        # Prices below a dollar are quoted in hundredths of a cent (SEC Rule 612).
        self._tick = PRICE_SCALE // (10_000 if min(self._first, self._last) < PRICE_SCALE else 100)
        shape = self._stream("publishers")
        self._turn = float(shape.random())
        self._numbering = shape.integers(1, 1_000_000, len(PUBLISHERS))
        steps = np.diff(edges) / replay._regular
        start, end = math.log(self._first), math.log(self._last)
        normals = self._stream("path").standard_normal(len(steps))
        self._levels = np.concatenate([[start], bridge(start, end, steps, replay.volatility, normals)])

    def _stream(self, purpose: str, place: int = 0) -> np.random.Generator:
        return random_stream(*self._words, purpose, step=place)

    def rows(self, place: int) -> Rows:
        """The rows of one part of the session."""
        events = np.arange(self._edges[place], self._edges[place + 1])
        draw = self._stream("rows", place)
        slots, mid = self._slots(events), self._middles(place, len(events))
        wider, apart, side, kind = draw.random((4, len(events)))
        spread = np.maximum(np.rint(mid * _SPREAD), 1) + (wider > 0.8) + (wider > 0.95)
        agrees = (apart > 1 - _DISAGREEMENT).astype(np.int64) - (apart < _DISAGREEMENT)
        bid = (np.rint(mid - spread / 2).astype(np.int64) + agrees) * self._tick
        ask = bid + spread.astype(np.int64) * self._tick
        on_bid = side < 0.5
        lots = 100 * draw.geometric(0.25, (2, len(events)))
        action = np.where(kind < _TRADES, Action.TRADE, np.where(kind < _TRADES + _ADDITIONS, Action.ADD, Action.MODIFY))
        shown = np.where(on_bid, lots[0], lots[1])
        size = np.where(action == Action.TRADE, np.minimum(draw.geometric(0.01, len(events)), shown), shown)
        price = np.where(on_bid, bid, ask)
        rows = self._published(events, slots, self._times(place, len(events)), draw)
        return rows | {"bid": bid, "ask": ask, "price": price, "bid_size": lots[0], "ask_size": lots[1], "size": size, "action": action}

    def closing_rows(self) -> Rows:
        """Each publisher's last print: at the close, with a quote centred on it."""
        count = len(PUBLISHERS)
        events = self._replay._regular + np.arange(count)
        draw = self._stream("close")
        lots = 100 * draw.geometric(0.25, (2, count))
        instant = np.full(count, self._replay.session_end, dtype=np.int64)
        rows = self._published(events, np.arange(count), instant, draw)
        bid, price, ask = (np.full(count, self._last + ticks * self._tick) for ticks in (-1, 0, 1))
        action, size = np.full(count, int(Action.TRADE)), 1_000 * draw.geometric(0.05, count)
        return rows | {"bid": bid, "ask": ask, "price": price, "bid_size": lots[0], "ask_size": lots[1], "size": size, "action": action}

    def _slots(self, events: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which publisher each event is of: shares as given, and never long without any one of them."""
        turns = (self._turn + events * _GOLDEN) % 1.0
        return np.searchsorted(np.cumsum([publisher.share for publisher in PUBLISHERS])[:-1], turns, side="right")

    def _middles(self, place: int, count: int) -> FloatArray:
        """Prices after each event of a part, in ticks."""
        steps = np.full(count, 1 / self._replay._regular)
        normals = self._stream("steps", place).standard_normal(count)
        levels = bridge(self._levels[place], self._levels[place + 1], steps, self._replay.volatility, normals)
        return np.asarray(np.exp(levels) / self._tick, dtype=np.float64)

    def _times(self, place: int, count: int) -> npt.NDArray[np.int64]:
        """Rising times within a part of the session; some of the events come in bursts of a few thousandths of a second."""
        draw, length, parts = self._stream("times", place), self._replay.session_end - self._replay.session_start, len(self._edges) - 1
        first, last = (self._replay.session_start + length * edge // parts for edge in (place, place + 1))
        single = draw.integers(first, last, count)
        starts = draw.integers(first, last, 1 + int(count * _IN_BURSTS) // _BURST_EVENTS)
        burst = starts[draw.integers(0, len(starts), count)] + draw.exponential(_BURST_NS, count).astype(np.int64)
        return np.sort(np.where(draw.random(count) < _IN_BURSTS, np.minimum(burst, last - 1), single))

    def _published(
        self, events: npt.NDArray[np.int64], slots: npt.NDArray[np.int64], times: npt.NDArray[np.int64], draw: np.random.Generator
    ) -> Rows:
        delays = np.array([publisher.delay_ns for publisher in PUBLISHERS])[slots]
        jitter = np.minimum(draw.lognormal(9.0, 0.7, len(events)), _LONGEST_DELAY_NS).astype(np.int64)
        return {
            "instrument": np.full(len(events), self._number),
            "publisher": np.array([publisher.number for publisher in PUBLISHERS])[slots],
            # Every publisher numbers the symbol's events from a start of its own; those of the others are its holes.
            "sequence": self._numbering[slots] + events,
            "ts_event": times,
            "ts_recv": times + delays + jitter,
            "flags": np.full(len(events), _FLAGS),
        }


def _in_order(parts: list[Rows]) -> Ticks:
    columns = {name: np.concatenate([part[name] for part in parts]) for name in COLUMNS}
    order = np.argsort(columns["ts_event"], kind="stable")
    return Ticks(**{name: columns[name][order].astype(dtype) for name, dtype in COLUMNS.items()})


def _cut(ticks: Ticks, most_rows: int, most_ns: int) -> Iterator[Ticks]:
    stretch = (ticks.ts_event - ticks.ts_event[0]) // np.uint64(most_ns)
    edges = [0, *(np.flatnonzero(np.diff(stretch)) + 1).tolist(), len(ticks)]
    for first, last in pairwise(edges):
        for start in range(first, last, most_rows):
            yield ticks.take(slice(start, min(start + most_rows, last)))


def _fixed_point(price: Decimal, field: str) -> int:
    """A price in whole 1e-9."""
    scaled = price * PRICE_SCALE if price.is_finite() else Decimal(0)
    if not _LOWEST_PRICE <= scaled <= _HIGHEST_PRICE or scaled != int(scaled):
        raise InvalidInput(f"a close must lie between 0.01 and 1000000 in whole 1e-9, got {price}", field=field)
    return int(scaled)
