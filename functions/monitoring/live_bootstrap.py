"""The composition root of live channels, apart from the other because boards need numerics that the rest goes without."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client, live_s3_client
from daymark.adapters.dynamodb.connections import DynamoConnections
from daymark.adapters.s3.lane_snapshots import S3LaneSnapshots
from daymark.core.clock import WallClock
from daymark.monitoring.channels import Channels
from daymark.monitoring.connections import Conversation
from daymark.monitoring.live_boards import LiveBoards
from daymark.monitoring.live_channels import PortfolioChannel, SymbolChannel
from daymark.monitoring.live_push import LivePush

from .bootstrap import courier_of, day_channel
from .settings import LivePushSettings, PushSettings

# Connections that are posted to at a time; below what the clients' pools hold.
POSTS_AT_A_TIME = 16


@cache
def conversation() -> Conversation:
    """Who answers clients; a new kind of channel is added here."""
    settings = PushSettings.from_environment(os.environ)
    client, clock = dynamodb_client(settings.region), WallClock()
    connections = DynamoConnections(settings.connections_table, client)
    live = _live_channels(settings, _boards(settings))
    channels = Channels([day_channel(settings.operations_table, client), *live])
    return Conversation(connections, channels, courier_of(settings, connections, clock), clock)


@cache
def live_push() -> LivePush:
    """Who publishes boards."""
    settings = LivePushSettings.from_environment(os.environ)
    clock, boards = WallClock(), _boards(settings)
    connections = DynamoConnections(settings.connections_table, dynamodb_client(settings.region))
    channels = Channels(_live_channels(settings, boards))
    workers = ThreadPoolExecutor(POSTS_AT_A_TIME)
    return LivePush(connections, channels, courier_of(settings, connections, clock), boards, clock, workers.map)


def _boards(settings: LivePushSettings) -> LiveBoards:
    return LiveBoards(S3LaneSnapshots(settings.live_bucket, "boards", live_s3_client(settings.region)))


def _live_channels(settings: LivePushSettings, boards: LiveBoards) -> tuple[PortfolioChannel, SymbolChannel]:
    book, clock = DynamoBookStore(settings.book_table, dynamodb_client(settings.region)), WallClock()
    return PortfolioChannel(boards, book, settings.portfolio_buckets, clock), SymbolChannel(boards, book, clock)
