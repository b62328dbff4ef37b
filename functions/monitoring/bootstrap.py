"""The monitoring functions' composition root: settings from the environment, collaborators built once per process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.connections import DynamoConnections
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.dynamodb.tickets import DynamoTickets
from daymark.adapters.websocket import GatewayPoster, management_address, management_client
from daymark.core.clock import Clock, WallClock
from daymark.core.sessions import Calendar
from daymark.monitoring.channels import Channels, DayChannel
from daymark.monitoring.connections import ConnectionDesk
from daymark.monitoring.ports import Connections
from daymark.monitoring.push import Broadcast, Courier
from daymark.monitoring.tickets import TicketDesk
from daymark.operations.catalogue import trading_day

from .settings import ConnectionSettings, ProgressSettings, SocketSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@cache
def connection_desk() -> ConnectionDesk:
    """Who opens and closes connections."""
    settings = ConnectionSettings.from_environment(os.environ)
    client, clock = dynamodb_client(settings.region), WallClock()
    tickets = TicketDesk(DynamoTickets(settings.connections_table, client), clock)
    return ConnectionDesk(tickets, DynamoConnections(settings.connections_table, client), clock)


def day_channel(operations_table: str, client: DynamoDBClient) -> DayChannel:
    """The channel of a day's progress over the deployed journals."""
    return DayChannel(DynamoRunJournal(operations_table, client), trading_day(), Calendar.exchange())


def courier_of(settings: SocketSettings, connections: Connections, clock: Clock) -> Courier:
    """Who brings messages to the stage's connections."""
    address = management_address(settings.websocket_endpoint, os.environ)
    return Courier(connections, GatewayPoster(management_client(settings.region, address)), clock)


@cache
def broadcast() -> Broadcast:
    """Who publishes a day's progress."""
    settings = ProgressSettings.from_environment(os.environ)
    client, clock = dynamodb_client(settings.region), WallClock()
    connections = DynamoConnections(settings.connections_table, client)
    channels = Channels([day_channel(settings.operations_table, client)])
    return Broadcast(connections, channels, courier_of(settings, connections, clock), clock)


def connection_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """What of a gateway's event is logged: the connection's id and the route. Never the query string, which holds the ticket."""
    context = event["requestContext"]
    return {"connection_id": context["connectionId"], "route": context["routeKey"]}
