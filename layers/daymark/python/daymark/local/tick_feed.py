"""The provider's feed of the local day: one session's synthetic ticks, sent into the deployed stream while the phases run.

It runs in a thread of its own and hurries through the session's hours in a few seconds. What the stream has taken before it
recognises, so a feed that was interrupted is simply played again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from daymark.core.errors import InvalidInput, Unavailable
from daymark.market_data.replay_pacing import paced
from daymark.market_data.tick_ports import TickStream
from daymark.market_data.tick_producer import TickProducer
from daymark.market_data.tick_producer_models import ProducerCounts, ProducerLimits
from daymark.market_data.tick_replay import TickReplay

FEED_SECONDS = 8.0
# Pictures move while rows wait for others: so long at most, in the watcher's time, and so many blocks a second.
LINGER_SECONDS = 0.25
_BLOCKS_PER_SECOND = 10
_MOST_ROWS = 8_192
# How long the last records are tried, and how long a feed that is asked to end may take.
_CLOSE_SECONDS, _STOP_SECONDS = 20.0, 10.0


class _Stopped(Exception):
    """No error: the way out of a feed that was asked to end."""


class TickFeed:
    """One playing of a session's ticks.

    Args:
        stream: Where records go.
        source: The ticks.
        groups: Over how many partition keys the session spreads its symbols.
        seconds: About how long the playing takes.
        monotonic: Tells seconds that never run back.

    Raises:
        InvalidInput: ``seconds`` is not above zero.
    """

    def __init__(
        self,
        stream: TickStream,
        source: TickReplay,
        groups: int,
        seconds: float = FEED_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not seconds > 0:
            raise InvalidInput(f"seconds must be above zero, got {seconds}", field="seconds")
        self._source, self._seconds, self._monotonic = source, seconds, monotonic
        limits = ProducerLimits(groups=groups, linger_seconds=LINGER_SECONDS)
        day = source.session.session_date
        self._producer = TickProducer(stream, source.symbols, day, synthetic=True, limits=limits, monotonic=monotonic, sleep=self._pause)
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        # A daemon: a command that dies must not wait for its feed.
        self._thread = threading.Thread(target=self._run, name="tick-feed", daemon=True)

    def start(self) -> None:
        """Begin to play."""
        self._thread.start()

    def finish(self, patience: float) -> ProducerCounts:
        """Wait until everything has been sent, and tell exactly what was.

        Args:
            patience: Seconds to wait; a feed that has not ended by then is stopped.

        Raises:
            Unavailable: it did not end in time or was stopped, or the stream did not take all; the message says how many it took.
            DaymarkError: whatever ended the feed's thread.
        """
        self._thread.join(patience)
        is_late = self._thread.is_alive()
        self.stop()
        was_stopped = isinstance(self._error, _Stopped)
        if self._error is not None and not was_stopped:
            raise self._error
        counts = self._producer.counts
        if counts.rows_sent < self._source.rows:
            why = "it did not end in time" if is_late else "it was stopped" if was_stopped else "the stream did not take the rest"
            raise Unavailable(f"the feed sent {counts.rows_sent:,} of {self._source.rows:,} ticks: {why}", field="ticks")
        return counts

    def stop(self) -> None:
        """End the feed where it is, and wait until it has ended. What it has sent stands; an ended feed is left as it is."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        try:
            self._play()
        except BaseException as error:
            # Kept for finish(), which runs where somebody can be told.
            self._error = error

    def _play(self) -> None:
        source = self._source
        hours_in_ns = source.session_end - source.session_start
        stretch = max(1, int(hours_in_ns / self._seconds / _BLOCKS_PER_SECOND))
        blocks = source.blocks(_MOST_ROWS, stretch)
        for block in paced(blocks, source.session_start, hours_in_ns / 1e9 / self._seconds, self._monotonic, self._pause):
            # Where the feed is late nothing is waited for, and so nothing else would notice.
            self._pause(0)
            self._producer.offer(block)
        self._producer.close(_CLOSE_SECONDS)

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise _Stopped
