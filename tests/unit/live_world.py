"""Live channels over memory: boards that move when told to, a synthetic book, and a client that knows only the documented rules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np

from daymark.adapters.memory.book_store import MemoryBookStore
from daymark.adapters.memory.connections import MemoryConnections
from daymark.adapters.memory.lane_snapshots import MemoryLaneSnapshots
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.adapters.memory.tickets import MemoryTickets
from daymark.book.models import AccountKind, Portfolio, PortfolioRecord
from daymark.contracts.live_board import PORTFOLIO_COLUMNS, SYMBOL_COLUMNS, LiveBoard, encode_board
from daymark.contracts.live_session import bucket_key
from daymark.core.clock import FixedClock
from daymark.core.fence import Fence
from daymark.core.sessions import Calendar
from daymark.core.tenancy import Principal, Role
from daymark.local.sample_people import instruments
from daymark.monitoring.channels import Channels, DayChannel
from daymark.monitoring.connections import ConnectionDesk, Conversation
from daymark.monitoring.live_boards import LiveBoards
from daymark.monitoring.live_channels import PortfolioChannel, SymbolChannel
from daymark.monitoring.live_push import LivePush
from daymark.monitoring.push import Courier
from daymark.monitoring.tickets import TicketDesk
from daymark.operations.catalogue import trading_day
from tests.unit.push_world import NOW, RecordingPoster

MONDAY = date(2018, 2, 5)
# 2018-02-05T15:30:00Z.
HALF_PAST_TEN = 1_517_844_600_000_000_000
CLASSES = ("class:equity", "class:fixed_income", "target:equity", "target:fixed_income")
# value, cash, opening, high-water mark, equity, fixed income, target of each.
ROW = (104_523_10, 6_696_47, 104_833_35, 110_000_00, 97_826_63, 0, 900_000_000, 50_000_000)
HOME = Fence("book", "us-east-1", 1)


def board(bucket: int, rows: Mapping[str, tuple[int, ...]], columns: tuple[str, ...], revision: int = 1, **changes: Any) -> LiveBoard:
    """A board whose cells are all new at its revision."""
    cells = np.array([[*row] for row in rows.values()], np.int64).reshape(len(rows), len(columns)).T.copy()
    given = {"as_of": HALF_PAST_TEN, "synthetic": True, "position": 1, "covered": {}} | changes
    return LiveBoard(
        MONDAY, bucket, revision, names=tuple(rows), columns=columns, cells=cells, changed=np.full_like(cells, revision), **given
    )


def moved(before: LiveBoard, cells: Mapping[tuple[str, str], int], **changes: Any) -> LiveBoard:
    """The next revision, with some cells, by column and row, set to other values."""
    after, changed = before.cells.copy(), before.changed.copy()
    for (column, name), value in cells.items():
        place = before.columns.index(column), before.names.index(name)
        if after[place] != value:
            after[place], changed[place] = value, before.revision + 1
    given = {name: getattr(before, name) for name in before.__dataclass_fields__}
    return LiveBoard(**given | {"revision": before.revision + 1, "cells": after, "changed": changed} | changes)


def portfolios(bucket: int, rows: Mapping[str, tuple[int, ...]], revision: int = 1, **changes: Any) -> LiveBoard:
    """Rows of value, cash, opening, high-water mark, two classes and two targets."""
    return board(bucket, rows, (*PORTFOLIO_COLUMNS, *CLASSES), revision, **changes)


def symbols(rows: Mapping[str, tuple[int, ...]], revision: int = 1, **changes: Any) -> LiveBoard:
    """The market's board."""
    return board(0, rows, SYMBOL_COLUMNS, revision, **changes)


def two() -> LiveBoard:
    """Two portfolios alike, in one bucket, at revision 7."""
    return portfolios(1, {"northstar/NS-1": ROW, "northstar/NS-2": ROW}, 7)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


ABOUT = {"version", "type", "channel", "sequence", "since", "resume", "restart", "id"}


@dataclass
class Watcher:
    """A client of live channels: the four rules of the contract and nothing else. ``asks`` are subscriptions it wants to send."""

    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    resumes: dict[str, str | None] = field(default_factory=dict)
    asks: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, message: Mapping[str, Any]) -> None:
        for update in message.get("updates", [message]):
            if update["type"] in ("snapshot", "delta"):
                self._take(update)

    def _take(self, update: Mapping[str, Any]) -> None:
        channel, sequence = update["channel"], update["sequence"]
        own = self.sequences.get(channel)
        body = {name: value for name, value in update.items() if name not in ABOUT}
        if update["type"] == "snapshot":
            if own is None or sequence >= own or update.get("restart"):
                self._keep(update, body)
        elif own is not None and sequence <= own:
            return
        elif own is not None and update["since"] <= own:
            self._keep(update, merge_patch(self.states[channel], body))
        else:
            self.asks.append(self.ask(channel))

    def _keep(self, update: Mapping[str, Any], state: dict[str, Any]) -> None:
        channel = update["channel"]
        self.states[channel], self.sequences[channel] = state, update["sequence"]
        self.resumes[channel] = update.get("resume")

    def ask(self, channel: str) -> dict[str, Any]:
        resume = self.resumes.get(channel)
        return {"version": 1, "action": "subscribe", "channel": channel} | ({} if resume is None else {"resume": resume})


class LiveWorld:
    """Every use case of live push over memory."""

    def __init__(self, buckets: int = 1, snapshots: MemoryLaneSnapshots | None = None) -> None:
        self.clock, self.poster = FixedClock(NOW), RecordingPoster()
        self.snapshots, self.connections, self.book = snapshots or MemoryLaneSnapshots(), MemoryConnections(), MemoryBookStore()
        self.book.save_instruments(instruments(), HOME)
        self.tickets = TicketDesk(MemoryTickets(), self.clock)
        self.desk = ConnectionDesk(self.tickets, self.connections, self.clock)
        self.boards, self.waits = LiveBoards(self.snapshots), list[int]()
        live = (PortfolioChannel(self.boards, self.book, buckets, self.clock), SymbolChannel(self.boards, self.book, self.clock))
        self.channels = Channels([DayChannel(MemoryRunJournal(), trading_day(), Calendar.exchange()), *live])
        courier = Courier(self.connections, self.poster, self.clock, self.waits.append)
        self.conversation = Conversation(self.connections, self.channels, courier, self.clock)
        self.push = LivePush(self.connections, self.channels, courier, self.boards, self.clock)

    @classmethod
    def of_two(cls) -> LiveWorld:
        """A world whose book has the portfolios of :func:`two`."""
        world = cls()
        for name in ("NS-1", "NS-2"):
            world.own("northstar", name)
        return world

    def own(self, tenant: str, portfolio_id: str, household: str = "H-1", adviser: str = "adviser.ben") -> None:
        """Put a portfolio into the book, or change who owns and advises it."""
        portfolio = Portfolio(
            tenant, portfolio_id, household, adviser, portfolio_id, AccountKind.TAXABLE, date(2016, 1, 4), "us-east-1", ()
        )
        self.book.save_record(PortfolioRecord(portfolio, (), ()), HOME)

    def show(self, shown: LiveBoard) -> LiveBoard:
        """Let a board stand in its bucket's place."""
        name = bucket_key(shown.bucket)
        self.snapshots.save(name, encode_board(shown), self.snapshots.version(name))
        return shown

    def connect(self, name: str, principal: Principal, minutes: int = 60) -> None:
        ticket = self.tickets.issue(principal, self.clock.now() + timedelta(minutes=minutes))
        self.desk.open(name, ticket.text)

    def say(self, name: str, **members: Any) -> dict[str, Any]:
        self.conversation.receive(name, json.dumps({"version": 1, "action": "subscribe"} | members))
        return self.poster.to(name)[-1]

    def publish(self, bucket: int) -> dict[str, int]:
        return {str(outcome): number for outcome, number in self.push.publish(bucket).items()}


BEN = Principal("adviser.ben", "northstar", Role.ADVISER)
RAY = Principal("risk.ray", "northstar", Role.RISK)
ADA = Principal("client.ada", "northstar", Role.CLIENT, "H-1")
