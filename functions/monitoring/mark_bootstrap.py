"""Composition root of the marking, apart from push's: neither loads what only the other needs."""

from __future__ import annotations

import os
from functools import cache

from daymark.adapters.dynamodb.client import live_s3_client
from daymark.adapters.events import MarksEvents, events_client
from daymark.adapters.s3.lane_snapshots import S3LaneSnapshots
from daymark.adapters.s3.live_sessions import S3LiveSessions
from daymark.adapters.s3.objects import S3Objects
from daymark.monitoring.marking import Marking, MarkOutlets

from .settings import MarkSettings


@cache
def marking() -> Marking:
    """The marking of every bucket; boards are kept at hand for the life of the process."""
    settings = MarkSettings.from_environment(os.environ)
    s3 = live_s3_client(settings.region)
    outlets = MarkOutlets(
        boards=S3LaneSnapshots(settings.live_bucket, "boards", s3),
        quarantine=S3Objects(settings.ticks_bucket, s3),
        announcer=MarksEvents(settings.event_bus, events_client(settings.region)),
    )
    return Marking(S3LiveSessions(settings.live_bucket, s3), outlets)
