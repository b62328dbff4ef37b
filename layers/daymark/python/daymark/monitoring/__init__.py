"""Portfolio monitoring: what happens is pushed to those who may see it, over one WebSocket with channels."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daymark.monitoring.channels import Channels, DayChannel
    from daymark.monitoring.connections import ConnectionDesk, Conversation
    from daymark.monitoring.live_boards import LiveBoards
    from daymark.monitoring.live_channels import PortfolioChannel, SymbolChannel
    from daymark.monitoring.live_push import LivePush
    from daymark.monitoring.models import ChannelState, Connection, Grant, Subscription, Topic
    from daymark.monitoring.ports import Gone
    from daymark.monitoring.push import Broadcast, Courier, Delivery
    from daymark.monitoring.tickets import Ticket, TicketDesk

# Names are resolved on first use: what opens a connection must not load the numerics that boards need.
_HOME = {
    "Broadcast": "push",
    "ChannelState": "models",
    "Channels": "channels",
    "Connection": "models",
    "ConnectionDesk": "connections",
    "Conversation": "connections",
    "Courier": "push",
    "DayChannel": "channels",
    "Delivery": "push",
    "Gone": "ports",
    "Grant": "models",
    "LiveBoards": "live_boards",
    "LivePush": "live_push",
    "PortfolioChannel": "live_channels",
    "Subscription": "models",
    "SymbolChannel": "live_channels",
    "Ticket": "tickets",
    "TicketDesk": "tickets",
    "Topic": "models",
}

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
    "LiveBoards",
    "LivePush",
    "PortfolioChannel",
    "Subscription",
    "SymbolChannel",
    "Ticket",
    "TicketDesk",
    "Topic",
]


def __getattr__(name: str) -> Any:
    """The public name from its own module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
