"""From a record of ticks put into the deployed stream to the WebSocket message it causes, through the embedded cloud on one machine.

Everything that is deployed takes part: both streams, their readers, objects, the cache, the event bus, subscriptions and the gateway.
Ticks and book are synthetic. The embedded cloud is not built for speed, so this is no figure of the real one; it shows what of the
path's time on one machine is not ours, beside ``benchmarks.live_path``. Every message must say what the board says.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

from benchmarks.recording import BenchmarkRow, record
from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.contracts.dbn_records import Action
from daymark.contracts.live_board import decode_board
from daymark.contracts.live_session import bucket_key
from daymark.contracts.tick_blocks import TickBlock, encode_block
from daymark.contracts.ticks import Ticks
from daymark.local.cloud import LocalCloud
from daymark.local.emulator import free_port
from daymark.local.live_day import LiveStores, replay_of
from daymark.local.trading_day import TradingDay
from daymark.local.workspace import REGION, Workspace
from daymark.market_data.tick_ports import PutRecord
from daymark.market_data.tick_replay import TickReplay
from daymark.market_data.tick_shards import TickShards, group_of, partition_key
from daymark.monitoring.live_views import money
from daymark.operations.models import OperationPhase

DAY = date(2018, 2, 5)
WATCHER, PORTFOLIO, SYMBOL = "risk.ray.northstar", "NS-P01", "AAPL"
TICKS_PER_SYMBOL, WARM_UP, SAMPLES = 1_000, 20, 60
# Before the next record comes everything is idle again.
PAUSE_SECONDS, PATIENCE_SECONDS = 0.1, 30.0


@dataclass(frozen=True)
class Deployed:
    """A deployment whose session is open, and the ticks to play into it."""

    cloud: LocalCloud
    stores: LiveStores
    groups: int
    source: TickReplay


@contextmanager
def deployed() -> Iterator[Deployed]:
    """An installation of its own, with its session opened."""
    with tempfile.TemporaryDirectory(prefix="daymark-") as home:
        workspace = Workspace(Workspace.here().project, Path(home), free_port())
        cloud = LocalCloud(workspace)
        try:
            cloud.up(lambda line: print(line, file=sys.stderr))
            TradingDay(workspace).run(DAY, (OperationPhase.PRE_MARKET,), lambda _summary: None)
            outputs, client = workspace.outputs(), dynamodb_client(REGION)
            book, records = DynamoBookStore(outputs["BookTable"], client), DynamoDayRecords(outputs["OperationsTable"], client)
            stores = LiveStores.deployed(outputs, book, records)
            assert stores is not None
            live = stores.sessions.session(DAY)
            assert live is not None
            yield Deployed(cloud, stores, live.groups, replay_of(live, stores.desk, TICKS_PER_SYMBOL))
        finally:
            cloud.down()


def small_records(source: TickReplay, groups: int) -> Iterator[PutRecord]:
    """The lane's rows in their order, each record ending with a trade that moves the symbol's price."""
    key, number = partition_key(group_of(SYMBOL, groups)), source.symbols.symbols.index(SYMBOL)
    shards = TickShards(source.symbols, groups)
    lane = Ticks.concatenate([rows for block in source.blocks(65_536) for name, rows in shards.split(block) if name == key])
    trades = np.flatnonzero((lane.instrument == number) & (lane.action == Action.TRADE))
    moving = trades[1:][np.diff(lane.price[trades]) != 0]
    first = 0
    for last in moving.tolist():
        ticks = lane.take(slice(first, last + 1))
        yield PutRecord(key, encode_block(TickBlock(ticks, source.symbols, DAY, synthetic=True)))
        first = last + 1


def told(socket: ClientConnection) -> dict[str, Any]:
    """The next message about the portfolio."""
    message: dict[str, Any] = json.loads(socket.recv(timeout=PATIENCE_SECONDS))
    return dict(message["updates"][0]) if message["type"] == "updates" else message


def shown(stores: LiveStores, bucket: int) -> tuple[int, str]:
    """The revision of the portfolio's board, and its value there."""
    stored = stores.boards.load(bucket_key(bucket))
    assert stored is not None
    board = decode_board(stored[0])
    value = board.cells[board.columns.index("value"), board.names.index(f"northstar/{PORTFOLIO}")]
    return board.revision, money(int(value))


def measured(here: Deployed) -> list[float]:
    """Milliseconds of each record after the warm-up, from before it is put until its message is read."""
    seconds: list[float] = []
    records = small_records(here.source, here.groups)
    with connect(here.cloud.websocket_for(WATCHER)) as socket:
        socket.send(json.dumps({"version": 1, "action": "subscribe", "channel": f"portfolio/{PORTFOLIO}"}))
        assert told(socket)["type"] == "snapshot"
        for entry, _ in zip(records, range(WARM_UP + SAMPLES), strict=False):
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            (result,) = here.stores.stream.put([entry])
            message = told(socket)
            seconds.append(time.perf_counter() - started)
            assert result.is_taken
            assert (message["sequence"], message["value"]) == shown(here.stores, int(message["resume"].partition("-")[0]))
    assert len(seconds) == WARM_UP + SAMPLES, len(seconds)
    return [each * 1e3 for each in seconds[WARM_UP:]]


def rows(milliseconds: list[float]) -> list[BenchmarkRow]:
    """The figures."""
    claim = "From a record of ticks to the message on the watcher's socket, through everything that is deployed."
    note = (
        f"{len(milliseconds)} small records, one at a time with pauses; one portfolio watched; the embedded cloud on one machine; emulated"
    )
    return [
        BenchmarkRow(f"tick to WebSocket message deployed, {name}", float(np.percentile(milliseconds, at)), "ms", "lower", claim, note=note)
        for name, at in (("median", 50), ("99th percentile", 99))
    ]


def main() -> None:
    """Deploy, measure, take down and record."""
    with deployed() as here:
        figures = rows(measured(here))
    for row in figures:
        sys.stdout.write(f"{row.name}: {row.value:.0f} {row.unit}\n")
    sys.stdout.write(f"wrote {record('live_path_emulated', figures)}\n")


if __name__ == "__main__":
    main()
