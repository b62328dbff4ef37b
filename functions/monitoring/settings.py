"""Settings of the monitoring functions, composed per function from what it touches."""

from __future__ import annotations

from collections.abc import Mapping

from daymark.adapters.environment import Settings
from daymark.adapters.rate_settings import RateSettings


class ConnectionSettings(Settings):
    """What a connection's beginning and end need: the region's own table of tickets and connections."""

    region: str
    connections_table: str


class SocketSettings(ConnectionSettings):
    """What speaks to connections.

    Attributes:
        websocket_endpoint: The stage's ``https`` address, or in the embedded cloud its path.
    """

    websocket_endpoint: str


class ProgressSettings(SocketSettings):
    """The push of a day's progress: the journals that it shows."""

    operations_table: str


class LivePushSettings(SocketSettings):
    """The push of marks: boards, and who may see a portfolio.

    Attributes:
        live_bucket: Where boards stand.
        portfolio_buckets: Over how many buckets portfolios are spread.
    """

    book_table: str
    live_bucket: str
    portfolio_buckets: int


class PushSettings(LivePushSettings):
    """The answers to clients: every kind of channel, so all that any push needs."""

    operations_table: str


class MonitoringApiSettings(ConnectionSettings, RateSettings):
    """The monitoring API: it issues tickets for the WebSocket and checks who calls (app client by issuer)."""

    websocket_endpoint: str
    identity_clients: Mapping[str, str]


class MarkSettings(Settings):
    """The marking of the quotes stream.

    Attributes:
        live_bucket: Where sessions are opened, and boards stand.
        ticks_bucket: Where what was refused is kept.
        event_bus: Where it is told that a board moved.
    """

    region: str
    live_bucket: str
    ticks_bucket: str
    event_bus: str
