"""A lane of the ingest: the state of one partition key's symbols, a function of the records it has taken and of nothing else.

So whoever replays the same records from the same snapshot comes to the same state and leaves the same objects.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from daymark.contracts.dbn_records import UNDEFINED_PRICE
from daymark.contracts.quote_blocks import QuoteBlock, Quotes, StreamPosition
from daymark.contracts.symbols import SymbolTable
from daymark.contracts.tick_blocks import TickBlock
from daymark.market_data.conflation import HotQuotes, LatestRows
from daymark.market_data.stream_ports import LatestQuotes
from daymark.market_data.tick_gate import TickGate, Verdict
from daymark.market_data.tick_session import TickSession

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Account:
    """What became of everything a lane was sent. ``rows = applied + coalesced + quarantined + repeated``, always.

    Attributes:
        records: Records taken, refused ones included.
        refused_records: Records that could not be read; nobody can say how many rows they have.
        rows: Rows of the records that could be read.
        applied: Rows that became a symbol's latest quote or trade.
        coalesced: Good rows that a later one of their record, or what stood already, superseded.
        quarantined: Rows refused for a reason.
        repeated: Rows that their publisher had sent before.
    """

    records: int = 0
    refused_records: int = 0
    rows: int = 0
    applied: int = 0
    coalesced: int = 0
    quarantined: int = 0
    repeated: int = 0


@dataclass(frozen=True)
class Judged:
    """A block's rows, told apart, in stream order; ``reasons`` has for each refused row its verdict."""

    taken: Numbers
    refused: Numbers
    reasons: npt.NDArray[np.uint8]


class Lane:
    """The state of one partition key.

    Args:
        session: The session.
        partition_key: Whose symbols these are.
        name: Under which the state is kept.

    Attributes:
        position: Sequence number of the last record taken, -1 before the first.
        committed: Position that the stored snapshot has.
        version: Of the stored snapshot, ``None`` before the first.
        seen: ``(publishers, symbols)`` bool: who has sent a good row of the symbol.
        account: What became of the rows.
    """

    def __init__(self, session: TickSession, partition_key: str, name: str) -> None:
        self.session, self.name = session, name
        self.symbols = session.table(partition_key)
        n_symbols = len(self.symbols)
        references = np.array([session.references.get(symbol, 0) for symbol in self.symbols.symbols], np.int64)
        self.gate = TickGate(session.rules, n_symbols, session.publishers, references)
        self.hot = HotQuotes(n_symbols)
        self.seen = np.zeros((len(session.publishers), n_symbols), np.bool_)
        self.position = self.committed = -1
        self.version: str | None = None
        self.account = Account()
        self._first: int | None = None
        self._changed = np.zeros(n_symbols, np.bool_)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols.symbols)}
        self._translation: tuple[SymbolTable, npt.NDArray[np.uint32]] | None = None
        self._members = _bucket_members(session, self.symbols)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """Every array of the state by name, as it is kept in a snapshot; writing into them changes the state."""
        gate, quotes, trades = self.gate, self.hot.quotes, self.hot.trades
        state: dict[str, npt.NDArray[np.generic]] = {
            "last_sequence": gate.last_sequence,
            "reference_x2": gate.reference_x2,
            "refused_in_a_row": gate.refused_in_a_row,
            "seen": self.seen,
        }
        for name, latest in (("quotes", quotes), ("trades", trades)):
            state |= {f"{name}.ts_event": latest.ts_event, f"{name}.rank": latest.rank}
            state |= {f"{name}.{column}": array for column, array in latest.columns.items()}
        return state

    def is_repeat(self, sequence: int) -> bool:
        """Whether the record has been taken before."""
        return sequence <= self.position

    def advance(self, sequence: int) -> None:
        """A record has been taken."""
        self.position = sequence
        self._first = sequence if self._first is None else self._first
        self.account = replace(self.account, records=self.account.records + 1)

    def refuse_record(self) -> None:
        """Count a record that could not be read."""
        self.account = replace(self.account, refused_records=self.account.refused_records + 1)

    def take(self, block: TickBlock, arrived: float = 0.0) -> Judged:
        """Judge a block's rows, conflate the good ones, and count them all; ``arrived`` as in ``StreamRecord``."""
        ticks = replace(block.ticks, instrument=self._lane_numbers(block.symbols)[block.ticks.instrument])
        verdicts, rows, keys = self.gate.judge(ticks, self.session.rules.received_by(arrived))
        changed, superseded = self.hot.take(ticks, rows, keys)
        self._changed[changed] = True
        # A row that changes no price may still add a publisher to those the quote rests on.
        joined = keys[~self.seen.ravel()[keys]]
        self._changed[joined % max(len(self.symbols), 1)] = True
        self.seen.ravel()[joined] = True
        repeated = verdicts == Verdict.REPEATED
        refused = np.flatnonzero((verdicts != Verdict.TAKEN) & ~repeated)
        account = self.account
        self.account = replace(
            account,
            rows=account.rows + len(ticks),
            applied=account.applied + len(rows) - superseded,
            coalesced=account.coalesced + superseded,
            quarantined=account.quarantined + len(refused),
            repeated=account.repeated + int(repeated.sum()),
        )
        return Judged(np.sort(rows), refused, verdicts[refused])

    def _lane_numbers(self, table: SymbolTable) -> npt.NDArray[np.uint32]:
        """The lane's number of each of a block's symbols; one past the last for those that are not the lane's."""
        if self._translation is None or self._translation[0] != table:
            unknown = len(self._numbers)
            numbers = np.array([self._numbers.get(symbol, unknown) for symbol in table.symbols], np.uint32)
            self._translation = (table, numbers)
        return self._translation[1]

    @property
    def is_dirty(self) -> bool:
        """Whether records were taken since the last snapshot."""
        return self._first is not None

    def latest(self) -> LatestQuotes | None:
        """The hot quotes that changed since the last snapshot; ``None`` when none did."""
        changed = np.flatnonzero(self._changed)
        if not len(changed):
            return None
        names = tuple(self.symbols.symbols[number] for number in changed.tolist())
        return LatestQuotes(names, _rows(self.hot.quotes, changed), _rows(self.hot.trades, changed))

    def quote_blocks(self) -> list[QuoteBlock]:
        """A block for each portfolio bucket that holds a symbol that changed since the last snapshot, by rising bucket."""
        if self._first is None:
            return []
        position = StreamPosition(self.name, self._first, self.position)
        blocks = []
        for bucket, members in self._members.items():
            numbers = members[self._changed[members]]
            if len(numbers):
                blocks.append(self._block(bucket, numbers, position))
        return blocks

    def _block(self, bucket: int, numbers: Numbers, position: StreamPosition) -> QuoteBlock:
        quotes, trades = _rows(self.hot.quotes, numbers), _rows(self.hot.trades, numbers)
        quoted, traded = quotes.ts_event > 0, trades.ts_event > 0
        columns = Quotes(
            instrument=numbers.astype(np.uint32),
            bid=np.where(quoted, quotes.columns["bid"], UNDEFINED_PRICE),
            ask=np.where(quoted, quotes.columns["ask"], UNDEFINED_PRICE),
            price=np.where(traded, trades.columns["price"], UNDEFINED_PRICE),
            ts_event=np.maximum(quotes.ts_event, trades.ts_event),
            publishers=self.seen[:, numbers].sum(axis=0).astype(np.uint16),
        )
        as_of = int(columns.ts_event.max())
        return QuoteBlock(columns, self.symbols, self.session.session_date, bucket, as_of, (position,), self.session.synthetic)

    def settle(self, version: str) -> None:
        """What has been taken so far stands in the snapshot of this version."""
        self.version, self.committed = version, self.position
        self._first = None
        self._changed[:] = False


def _rows(latest: LatestRows, numbers: Numbers) -> LatestRows:
    columns = {name: column[numbers] for name, column in latest.columns.items()}
    return LatestRows(latest.ts_event[numbers], latest.rank[numbers], columns)


def _bucket_members(session: TickSession, symbols: SymbolTable) -> dict[int, Numbers]:
    """Of each bucket the numbers of the lane's symbols that it holds, both rising."""
    members: dict[int, list[int]] = {}
    for number, symbol in enumerate(symbols.symbols):
        for bucket in set(session.buckets.get(symbol, ())):
            members.setdefault(bucket, []).append(number)
    return {bucket: np.array(members[bucket], np.int64) for bucket in sorted(members)}
