"""Push in a notebook's few lines: a ticket, a connection and the progress of a phase, over memory instead of a WebSocket.

Run: ``python examples/monitoring.py``
"""

from __future__ import annotations

import json
from datetime import date, timedelta

from daymark.adapters.memory.connections import MemoryConnections
from daymark.adapters.memory.fence_ledger import MemoryFenceLedger
from daymark.adapters.memory.run_journal import MemoryRunJournal
from daymark.adapters.memory.tickets import MemoryTickets
from daymark.core.clock import WallClock
from daymark.core.sessions import Calendar
from daymark.core.tenancy import Principal, Role
from daymark.monitoring import Broadcast, Channels, ConnectionDesk, Conversation, Courier, DayChannel, TicketDesk
from daymark.operations.catalogue import trading_day
from daymark.operations.cycle import PhaseCycle
from daymark.operations.messages import ReplyKind, WakeUp
from daymark.operations.models import OperationPhase, RunId, TaskCommand, TaskReport

SESSION = date(2018, 2, 5)


class Screen:
    """What a client would see: the gateway's place, taken by a printer."""

    def post(self, connection_id: str, text: str) -> None:
        """Print one message."""
        message = json.loads(text)
        tasks = [task for phase in message.get("phases", []) for task in phase["tasks"]]
        done = sum(task["status"] == "SUCCEEDED" for task in tasks)
        print(f"{connection_id}: {message['type']:<9} sequence {message['sequence']:>2}  {done}/{len(tasks)} tasks done")

    def hang_up(self, connection_id: str) -> None:
        """Print the end."""
        print(f"{connection_id}: closed")


def perform(command: TaskCommand) -> TaskReport:
    """The work itself is not what this example is about."""
    return TaskReport({"try": command.try_number})


def main() -> None:
    """Connect an officer of risk control, subscribe to the day, and run a phase while they watch."""
    clock, journal, connections = WallClock(), MemoryRunJournal(), MemoryConnections()
    channels = Channels([DayChannel(journal, trading_day(), Calendar.exchange())])
    courier = Courier(connections, Screen(), clock)
    broadcast = Broadcast(connections, channels, courier, clock)
    tickets = TicketDesk(MemoryTickets(), clock)

    ticket = tickets.issue(Principal("risk.ray.northstar", "northstar", Role.RISK), clock.now() + timedelta(hours=1))
    ConnectionDesk(tickets, connections, clock).open("ray's screen", ticket.text)
    subscribe = {"version": 1, "action": "subscribe", "channel": f"day/{SESSION}"}
    Conversation(connections, channels, courier, clock).receive("ray's screen", json.dumps(subscribe))

    cycle = PhaseCycle(trading_day(), journal, MemoryFenceLedger(), clock, Calendar.exchange(), "us-east-1")
    reply = cycle.open(WakeUp(run=RunId(SESSION, OperationPhase.MARKET_CLOSE)))
    while reply.kind is not ReplyKind.END and reply.ticket is not None:
        reply = cycle.plan(reply.ticket)
        if reply.kind is ReplyKind.DISPATCH and reply.ticket is not None:
            broadcast.publish(DayChannel.of(SESSION))
            reply = cycle.record(reply.ticket, [cycle.perform(command, perform) for command, _ in reply.commands])
    broadcast.publish(DayChannel.of(SESSION))


if __name__ == "__main__":
    main()
