"""Portfolio monitoring: what happens is pushed to those who may see it, over one WebSocket with channels."""

from daymark.monitoring.channels import Channels, DayChannel
from daymark.monitoring.connections import ConnectionDesk, Conversation
from daymark.monitoring.models import ChannelState, Connection, Grant, Topic
from daymark.monitoring.ports import Gone
from daymark.monitoring.push import Broadcast, Courier, Delivery
from daymark.monitoring.tickets import Ticket, TicketDesk

__all__ = [
    "Broadcast",
    "ChannelState",
    "Channels",
    "Connection",
    "ConnectionDesk",
    "Conversation",
    "Courier",
    "DayChannel",
    "Delivery",
    "Gone",
    "Grant",
    "Ticket",
    "TicketDesk",
    "Topic",
]
