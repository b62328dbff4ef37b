"""Settings of the monitoring functions, composed per function from what it touches."""

from __future__ import annotations

from collections.abc import Mapping

from daymark.adapters.environment import Settings


class ConnectionSettings(Settings):
    """What a connection's beginning and end need: the region's own table of tickets and connections."""

    region: str
    connections_table: str


class PushSettings(ConnectionSettings):
    """What speaks to connections: the WebSocket's address and the journals that channels show.

    Attributes:
        websocket_endpoint: The stage's ``https`` address, or in the embedded cloud its path.
    """

    operations_table: str
    websocket_endpoint: str


class MonitoringApiSettings(ConnectionSettings):
    """The monitoring API: it issues tickets for the WebSocket and checks who calls (app client by issuer)."""

    websocket_endpoint: str
    identity_clients: Mapping[str, str]
