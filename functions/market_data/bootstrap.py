"""The market data functions' composition root: settings from the environment, collaborators built once per process."""

from __future__ import annotations

import os
from functools import cache

from daymark.adapters.dynamodb.client import live_s3_client
from daymark.adapters.kinesis import KinesisQuoteStream, kinesis_client
from daymark.adapters.redis_quotes import RedisHotQuotes, redis_client
from daymark.adapters.s3.lane_snapshots import S3LaneSnapshots
from daymark.adapters.s3.live_sessions import S3LiveSessions
from daymark.adapters.s3.objects import S3Objects
from daymark.market_data.ingest import Outlets
from daymark.market_data.session_ingest import SessionIngest

from .settings import IngestSettings


@cache
def session_ingest() -> SessionIngest:
    """The ingest of every open session; lanes are kept at hand for the life of the process."""
    settings = IngestSettings.from_environment(os.environ)
    s3 = live_s3_client(settings.region)
    objects = S3Objects(settings.ticks_bucket, s3)
    outlets = Outlets(
        archive=objects,
        quarantine=objects,
        hot=RedisHotQuotes(redis_client(settings.redis_url)),
        quotes=KinesisQuoteStream(settings.quotes_stream, kinesis_client(settings.region)),
        snapshots=S3LaneSnapshots(settings.live_bucket, "lanes", s3),
    )
    return SessionIngest(S3LiveSessions(settings.live_bucket, s3), outlets)
