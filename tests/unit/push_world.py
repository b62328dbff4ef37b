"""A small world for the push tests: memory stores, a clock that stands, a poster that remembers and can be told to fail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from daymark.adapters.memory.connections import MemoryConnections
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.adapters.memory.tickets import MemoryTickets
from daymark.core.clock import FixedClock
from daymark.core.sessions import Calendar
from daymark.core.tenancy import Principal, Role
from daymark.monitoring.channels import Channels, DayChannel
from daymark.monitoring.connections import ConnectionDesk, Conversation
from daymark.monitoring.ports import ChannelKind
from daymark.monitoring.push import Broadcast, Courier
from daymark.monitoring.tickets import TicketDesk
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase, RunId, Transition, TransitionKind

NOW = datetime(2018, 2, 5, 21, tzinfo=UTC)
DAY = date(2018, 2, 5)
CHANNEL = "day/2018-02-05"
RISK = Principal("risk.ray.northstar", "northstar", Role.RISK)
CLIENT = Principal("client.ada.northstar", "northstar", Role.CLIENT, "H-1")


@dataclass
class RecordingPoster:
    """Remembers what was posted to whom; each failure planned for a connection is raised once, in order."""

    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    at_hanging_up: Exception | None = None

    def post(self, connection_id: str, text: str) -> None:
        if self.failures.get(connection_id):
            raise self.failures[connection_id].pop(0)
        self.posted.append((connection_id, json.loads(text)))

    def hang_up(self, connection_id: str) -> None:
        if self.at_hanging_up is not None:
            raise self.at_hanging_up
        self.hung_up.append(connection_id)

    def to(self, connection_id: str) -> list[dict[str, Any]]:
        return [message for whom, message in self.posted if whom == connection_id]


class PushWorld:
    """Every use case of push over memory."""

    def __init__(self, kinds: Sequence[ChannelKind] = (), limit: int = 50) -> None:
        self.clock = FixedClock(NOW)
        self.journal, self.poster = MemoryRunJournal(), RecordingPoster()
        self.connections, self.waits = MemoryConnections(), list[int]()
        self.tickets = TicketDesk(MemoryTickets(), self.clock)
        self.desk = ConnectionDesk(self.tickets, self.connections, self.clock)
        channels = Channels([DayChannel(self.journal, trading_day(), Calendar.exchange()), *kinds])
        courier = Courier(self.connections, self.poster, self.clock, self.waits.append)
        self.conversation = Conversation(self.connections, channels, courier, self.clock, limit)
        self.broadcast = Broadcast(self.connections, channels, courier, self.clock)

    def connect(self, name: str, principal: Principal = RISK, minutes: int = 60) -> str:
        """Open a connection the only way there is."""
        ticket = self.tickets.issue(principal, self.clock.now() + timedelta(minutes=minutes))
        return self.desk.open(name, ticket.text).connection_id

    def say(self, name: str, action: str = "subscribe", **members: Any) -> dict[str, Any]:
        """Send a message and return the answer."""
        members = {"channel": CHANNEL} | members if action != "ping" else members
        self.conversation.receive(name, json.dumps({"version": 1, "action": action} | members))
        return self.poster.to(name)[-1]

    def publish(self, session_date: date = DAY) -> dict[str, int]:
        """What happens when a run of the day went on."""
        return {str(outcome): number for outcome, number in self.broadcast.publish(DayChannel.of(session_date)).items()}

    def write(self, run: RunId, *kinds: tuple[TransitionKind, str | None]) -> None:
        """Append lines to a run's journal."""
        first = len(self.journal.read(run))
        lines = [
            Transition(first + place, kind, self.clock.now(), task, 1 if task else 0, _body(kind))
            for place, (kind, task) in enumerate(kinds)
        ]
        self.journal.append(run, lines)


def _body(kind: TransitionKind) -> dict[str, Any]:
    return {"epoch": 1, "region": "us-east-1"} if kind is TransitionKind.OPENED else {}


OPENED, DISPATCHED, SUCCEEDED = TransitionKind.OPENED, TransitionKind.DISPATCHED, TransitionKind.SUCCEEDED
CLOSE_RUN = RunId(DAY, OperationPhase.MARKET_CLOSE)
