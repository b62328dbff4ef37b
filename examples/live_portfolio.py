"""A portfolio watched live in a notebook's few lines: a session is opened, its ticks played, and every message goes to a printer.

What stands between tick and message is what is deployed; streams, objects and the gateway are in memory. The ticks are synthetic and
end on the session's real closes, so the last message shows what the close's own valuation says, to the cent.

Run: ``python examples/live_portfolio.py``
"""

from __future__ import annotations

import json
from datetime import date, timedelta

from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.memory.connections import MemoryConnections
from daymark.adapters.memory.hot_quotes import MemoryHotQuotes
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.live_sessions import MemoryLiveSessions
from daymark.adapters.memory.mark_store import MemoryMarkStore
from daymark.adapters.memory.marks_announcer import MemoryMarksAnnouncer
from daymark.adapters.memory.objects import MemoryObjects
from daymark.adapters.memory.quote_stream import MemoryQuoteStream
from daymark.book import mark
from daymark.contracts.live_session import bucket_key
from daymark.contracts.stream_records import StreamRecord
from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.core.clock import WallClock
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.core.tenancy import Principal, Role
from daymark.local.price_history import load_price_history
from daymark.local.sample_book import sample_book
from daymark.market_data import Outlets, PriceDesk, SessionIngest, TickReplay, TickShards, replay_closes
from daymark.monitoring import Channels, Connection, Conversation, Courier, LiveBoards, LivePush, PortfolioChannel
from daymark.monitoring.marking import Marking, MarkOutlets
from daymark.operations.models import OperationPhase, RunId
from daymark.operations.tasks.context import TaskContext
from daymark.operations.tasks.live_session import LivePlan, LiveSessionTasks

SESSION, PORTFOLIO = date(2018, 2, 5), "NS-P01"
# One partition key for all symbols, one bucket for all portfolios, the three publishers of the replay.
PLAN = LivePlan(groups=1, buckets=1, publishers=(1, 2, 3), synthetic=True)


class Screen:
    """What the watcher sees: the gateway's place, taken by a printer that remembers the last value."""

    value = ""

    def post(self, connection_id: str, text: str) -> None:
        """Print what each message tells of the portfolio."""
        message = json.loads(text)
        for update in message.get("updates", [message]):
            self.value = update.get("value", self.value)
            said = f"{self.value:>14}  day {update['profit_and_loss']:>11}" if update["live"] else "not live yet"
            print(f"{connection_id}: {update['type']:<8}  {update.get('as_of', '')[:19]:<19}  {said}")

    def hang_up(self, connection_id: str) -> None:
        """Print the end."""
        print(f"{connection_id}: closed")


class LivePath:
    """Everything between a record of ticks and the watcher, one step after the other.

    Args:
        sessions: The opened sessions.
        book: Who owns what.
        screen: Where messages go.
    """

    def __init__(self, sessions: MemoryLiveSessions, book: MemoryBookStore, screen: Screen) -> None:
        self._quotes, boards = MemoryQuoteStream(), MemoryLaneSnapshots()
        self._ingest = SessionIngest(
            sessions, Outlets(MemoryObjects(), MemoryObjects(), MemoryHotQuotes(), self._quotes, MemoryLaneSnapshots())
        )
        self._marking = Marking(sessions, MarkOutlets(boards, MemoryObjects(), MemoryMarksAnnouncer()))
        self._connections, self._clock, live = MemoryConnections(), WallClock(), LiveBoards(boards)
        self._channels = Channels([PortfolioChannel(live, book, PLAN.buckets, self._clock)])
        self._courier = Courier(self._connections, screen, self._clock)
        self._push = LivePush(self._connections, self._channels, self._courier, live, self._clock)

    def watch(self, screen: str, principal: Principal) -> None:
        """Connect somebody and subscribe to the portfolio."""
        now = self._clock.now()
        self._connections.open(Connection(screen, principal, now + timedelta(hours=1), now))
        subscribe = {"version": 1, "action": "subscribe", "channel": f"portfolio/{PORTFOLIO}"}
        Conversation(self._connections, self._channels, self._courier, self._clock).receive(screen, json.dumps(subscribe))

    def take(self, number: int, partition_key: str, block: bytes) -> None:
        """Bring one record all the way."""
        self._ingest.take([StreamRecord("shard-0", number, partition_key, block)])
        for bucket, blocks in self._quotes.blocks.items():
            self._marking.take([StreamRecord("shard-0", number, bucket_key(bucket), each) for each in blocks])
            blocks.clear()
            self._push.publish(bucket)


def main() -> None:
    """Open the session, watch a portfolio through it, and hold its last value against the close's."""
    history, calendar, clock = load_price_history(), Calendar.exchange(), WallClock()
    sample, book, sessions, screen = sample_book(history), MemoryBookStore(), MemoryLiveSessions(), Screen()
    fence = Fence("example", "us-east-1", 1)
    book.save_instruments(sample.instruments, fence)
    for record in sample.records:
        book.save_record(record, fence)
    desk = PriceDesk(history.archive(), book.instruments(), calendar)

    run, session, before = RunId(SESSION, OperationPhase.PRE_MARKET), calendar.session(SESSION), calendar.previous(SESSION)
    tasks = LiveSessionTasks(desk, book, MemoryMarkStore(), sessions, clock, PLAN)
    tasks.open_live_session(TaskContext(run, session, before, fence, clock.now()))

    path = LivePath(sessions, book, screen)
    path.watch("ray's screen", Principal("risk.ray.northstar", "northstar", Role.RISK))
    replay = TickReplay(session, *replay_closes(desk, calendar, session), ticks_per_symbol=1_000)
    shards = TickShards(replay.symbols, PLAN.groups)
    for number, ticks in enumerate(replay.blocks(65_536)):
        for key, rows in shards.split(ticks):
            path.take(number, key, encode_block(TickBlock(rows, replay.symbols, SESSION, synthetic=True)))

    record = book.record("northstar", PORTFOLIO)
    close = mark(record, desk.marking_closes(SESSION), book.instruments(), SESSION)
    print(
        f"The close's valuation is {close.value}: it {'equals' if str(close.value) == screen.value else 'differs from'} the last one above"
    )


if __name__ == "__main__":
    main()
