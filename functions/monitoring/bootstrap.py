"""The monitoring functions' composition root: settings from the environment, collaborators built once per process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.connections import DynamoConnections
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.dynamodb.tickets import DynamoTickets
from daymark.adapters.websocket import GatewayPoster, management_address, management_client
from daymark.core.clock import WallClock
from daymark.core.sessions import Calendar
from daymark.monitoring.channels import Channels, DayChannel
from daymark.monitoring.connections import ConnectionDesk, Conversation
from daymark.monitoring.push import Broadcast, Courier
from daymark.monitoring.tickets import TicketDesk
from daymark.operations.catalogue import trading_day

from .settings import ConnectionSettings, PushSettings


@dataclass(frozen=True, slots=True)
class Push:
    """The two use cases that speak to connections, over the same stores."""

    conversation: Conversation
    broadcast: Broadcast


@cache
def connection_desk() -> ConnectionDesk:
    """Who opens and closes connections."""
    settings = ConnectionSettings.from_environment(os.environ)
    client, clock = dynamodb_client(settings.region), WallClock()
    tickets = TicketDesk(DynamoTickets(settings.connections_table, client), clock)
    return ConnectionDesk(tickets, DynamoConnections(settings.connections_table, client), clock)


@cache
def push() -> Push:
    """Who answers and who publishes; a new kind of channel is added here."""
    settings = PushSettings.from_environment(os.environ)
    client, clock = dynamodb_client(settings.region), WallClock()
    connections = DynamoConnections(settings.connections_table, client)
    journal = DynamoRunJournal(settings.operations_table, client)
    channels = Channels([DayChannel(journal, trading_day(), Calendar.exchange())])
    address = management_address(settings.websocket_endpoint, os.environ)
    courier = Courier(connections, GatewayPoster(management_client(settings.region, address)), clock)
    return Push(Conversation(connections, channels, courier, clock), Broadcast(connections, channels, courier, clock))


def connection_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of a gateway's event is logged: the connection's id and the route. Never the query string, which holds the ticket."""
    context = event["requestContext"]
    return {"connection_id": context["connectionId"], "route": context["routeKey"]}
