"""Opens the session's live streams: every bucket's book, and what readers must know before the first tick."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from daymark.adapters.dynamodb.client import live_s3_client
from daymark.adapters.s3.live_sessions import S3LiveSessions
from daymark.adapters.telemetry import InvocationContext
from daymark.core.clock import WallClock
from daymark.operations.catalogue import OPEN_LIVE_SESSION
from daymark.operations.models import TaskCommand, TaskReport
from daymark.operations.tasks.live_session import LivePlan, LiveSessionTasks

from .bootstrap import answer, task_stores
from .price_bootstrap import price_desk
from .settings import LiveSessionSettings


def handler(event: Mapping[str, Any], context: InvocationContext) -> dict[str, Any]:
    """Task command in, outcome out."""
    return answer(OPEN_LIVE_SESSION, event, context, _perform)


def _perform(command: TaskCommand) -> TaskReport:
    settings, stores = LiveSessionSettings.from_environment(os.environ), task_stores()
    publishers = tuple(int(number) for number in settings.tick_publishers.split(","))
    plan = LivePlan(settings.tick_groups, settings.portfolio_buckets, publishers, settings.synthetic_ticks)
    sessions = S3LiveSessions(settings.live_bucket, live_s3_client(settings.region), stores.fences)
    return stores.perform(command, LiveSessionTasks(price_desk(), stores.book, stores.marks, sessions, WallClock(), plan))
