"""A live session of few symbols and portfolios, its blocks, and stores to mark them into: shared by tests of the marking. Synthetic."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.marks_announcer import MemoryMarksAnnouncer
from daymark.adapters.memory.objects import MemoryObjects
from daymark.book.valuation import position_value
from daymark.contracts.bucket_book import BucketBook, book_key, encode_book
from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.live_board import LiveBoard, decode_board
from daymark.contracts.live_session import LiveSession, bucket_key
from daymark.contracts.quote_blocks import COLUMNS, QuoteBlock, Quotes, StreamPosition, encode_quotes
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.symbols import SymbolTable
from daymark.core.errors import NotFound
from daymark.monitoring.marking import Marking, MarkOutlets

DAY, NEXT_DAY = date(2018, 2, 5), date(2018, 2, 6)
ONE, UNIT = 1_000_000_000, 100_000  # the currency, and a ten-thousandth of it, in 1e-9
OPEN, CLOSE = 1_517_841_000 * ONE, 1_517_864_400 * ONE
SYMBOLS = ("GE", "KO", "PG", "XOM")
CLASSES = ("Energy", "Staples")


def int64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def book(session_date: date, bucket: int, symbols: tuple[str, ...], rows: list[tuple[int, int, int]], cash: list[int]) -> BucketBook:
    """Rows are (instrument, portfolio, ten-thousandths of a unit); every symbol closed at 50.00 the day before."""
    count = len(cash)
    instruments, portfolios, quantities = (int64(*column) for column in zip(*rows, strict=True))
    return BucketBook(
        session_date,
        bucket,
        tuple(("northstar", f"P{bucket}{number}") for number in range(count)),
        symbols,
        CLASSES,
        instruments,
        portfolios,
        quantities,
        classes=int64(*(0 if symbol in ("GE", "XOM") else 1 for symbol in symbols)),
        prices_1e4=np.full(len(symbols), 500_000, np.int64),
        cash_cents=int64(*cash),
        opening_cents=int64(*(100 * cents for cents in cash)),
        high_water_cents=np.zeros(count, np.int64),
        targets_1e9=np.full((count, len(CLASSES)), ONE // 2, np.int64),
    )


def books(session_date: date) -> list[BucketBook]:
    """Bucket 1: KO and XOM, four portfolios, one short, one empty and one without KO. Bucket 2: GE, KO and PG, two portfolios."""
    first = [(0, 0, 30_000), (1, 0, 105_000), (0, 1, -12_345), (1, 3, 20_000)]
    second = [(0, 0, 10_001), (1, 0, 7), (2, 1, 333_333), (0, 1, 20_000)]
    return [
        book(session_date, 1, ("KO", "XOM"), first, [10_000, 20_000, 30_000, 0]),
        book(session_date, 2, ("GE", "KO", "PG"), second, [5, -700]),
    ]


@dataclass
class Sessions:
    """``LiveSessions`` of these days, opened one after the other at 09:00 of each in UTC."""

    sessions: dict[date, LiveSession] = field(default_factory=dict)
    books: dict[str, BucketBook] = field(default_factory=dict)

    def open(self, session_date: date, **changes: object) -> LiveSession:
        kept = {book_key(session_date, each.bucket, encode_book(each)): each for each in books(session_date)}
        later = (session_date - DAY).days * 86_400 * ONE
        session = LiveSession(
            session_date,
            opened_at=datetime(session_date.year, session_date.month, session_date.day, 9, tzinfo=UTC),
            session_start=OPEN + later,
            session_end=CLOSE + later,
            publishers=(1, 2),
            synthetic=True,
            groups=2,
            references=dict.fromkeys(SYMBOLS, 50 * ONE),
            buckets={"GE": (2,), "KO": (1, 2), "PG": (2,), "XOM": (1,)},
            books={each.bucket: key for key, each in kept.items()},
        )
        self.books |= kept
        self.sessions[session_date] = replace(session, **changes)
        return self.sessions[session_date]

    def session(self, session_date: date) -> LiveSession | None:
        return self.sessions.get(session_date)

    def book(self, key: str) -> BucketBook:
        if key not in self.books:
            raise NotFound(f"no book {key}", field="key")
        return self.books[key]


def quote(symbol: str, price: int | None = None, bid: int | None = None, ask: int | None = None, at: int = 1, publishers: int = 1):
    """A quote ``at`` nanoseconds after the open; prices in 1e-9, ``None`` where there is none."""
    prices = {name: UNDEFINED_PRICE if value is None else value for name, value in (("bid", bid), ("ask", ask), ("price", price))}
    return {"symbol": symbol, **prices, "ts_event": OPEN + at, "publishers": publishers}


def block(
    bucket: int,
    last: int,
    *quotes: dict,
    lane: str = "ticks-0000",
    session_date: date = DAY,
    symbols: SymbolTable | None = None,
    **others: object,
) -> QuoteBlock:
    table = symbols or SymbolTable.of(SYMBOLS)
    rows = sorted(({**row, "instrument": table.number(row["symbol"])} for row in quotes), key=lambda row: row["instrument"])
    columns = Quotes(**{name: np.array([row[name] for row in rows], dtype) for name, dtype in COLUMNS.items()})
    made = QuoteBlock(columns, table, session_date, bucket, OPEN, (StreamPosition(lane, max(last - 1, 0), last),), synthetic=True)
    return replace(made, **others)


def record(
    sequence: int, content: QuoteBlock | bytes, key: str | None = None, shard: str = "shardId-0", arrived: float = 0.0
) -> StreamRecord:
    """A record; where nobody says when it arrived, a lane's first revision is 1."""
    if isinstance(content, QuoteBlock):
        return StreamRecord(shard, sequence, key or bucket_key(content.bucket), encode_quotes(content), arrived=arrived)
    return StreamRecord(shard, sequence, key or "bucket-0001", content, arrived=arrived)


class Stores:
    """Everything that marking reads and writes."""

    def __init__(self) -> None:
        self.sessions, self.boards, self.quarantine = Sessions(), MemoryLaneSnapshots(), MemoryObjects()
        self.announcer = MemoryMarksAnnouncer()
        self.sessions.open(DAY)

    def worker(self, **settings: int) -> Marking:
        return Marking(self.sessions, MarkOutlets(self.boards, self.quarantine, self.announcer), **settings)

    def board(self, bucket: int = 1) -> LiveBoard:
        stored = self.boards.load(bucket_key(bucket))
        assert stored is not None
        return decode_board(stored[0])

    def column(self, name: str, bucket: int = 1) -> list[int]:
        board = self.board(bucket)
        return board.cells[board.columns.index(name)].tolist()

    def told(self) -> list[tuple[int, int]]:
        return [(moved.bucket, moved.revision) for moved in self.announcer.told]


def worth(held: BucketBook, prices_1e4: dict[str, int], kind: str | None = None) -> list[int]:
    """Cents of every portfolio by the closing rule, position by position in decimals; of one class alone when it is named."""
    cents = [0] * len(held.owners) if kind else held.cash_cents.tolist()
    for instrument, portfolio, quantity in zip(
        held.instruments.tolist(), held.portfolios.tolist(), held.quantities_1e4.tolist(), strict=True
    ):
        if kind in (None, CLASSES[int(held.classes[instrument])]):
            value = position_value(Decimal(quantity) / 10_000, Decimal(prices_1e4[held.symbols[instrument]]) / 10_000)
            cents[portfolio] += int(value * 100)
    return cents
