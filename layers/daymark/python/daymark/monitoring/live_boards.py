"""Boards as watchers read them: each bucket's latest, decoded once for every version that is seen."""

from __future__ import annotations

from threading import Lock

from daymark.contracts.live_board import decode_board
from daymark.contracts.live_session import bucket_key
from daymark.market_data.stream_ports import LaneSnapshots
from daymark.monitoring.live_views import BoardView

BOARDS_KEPT = 8


class LiveBoards:
    """Reads boards.

    Args:
        snapshots: Where each bucket's lane keeps its board.
        kept: How many boards stay at hand, so that one that did not change is not read again.
    """

    def __init__(self, snapshots: LaneSnapshots, kept: int = BOARDS_KEPT) -> None:
        self._snapshots, self._most = snapshots, kept
        self._kept: dict[int, tuple[str, BoardView]] = {}
        self._lock = Lock()

    def read(self, bucket: int) -> BoardView | None:
        """A bucket's board as it stands; ``None`` before its lane took anything.

        Raises:
            Unavailable: no answer.
            InvalidInput: what stands there is no board.
        """
        name, held = bucket_key(bucket), self._kept.get(bucket)
        if held is not None and self._snapshots.version(name) == held[0]:
            return held[1]
        found = self._snapshots.load(name)
        if found is None:
            return None
        content, version = found
        rows = BoardView(decode_board(content))
        with self._lock:
            self._kept.pop(bucket, None)
            if len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[bucket] = (version, rows)
        return rows
