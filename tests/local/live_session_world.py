"""One session of the deployed live path as its tests see it: what stands where, what was put in, and who watches."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import boto3

from daymark.client import DaymarkClient
from daymark.contracts.live_session import bucket_key
from daymark.local.live_check import LivePath
from daymark.local.live_day import LiveStores
from daymark.local.tick_feed import TickFeed
from daymark.market_data.tick_ports import PutRecord, PutResult, TickStream
from daymark.market_data.tick_producer import TickProducer
from daymark.market_data.tick_producer_models import ProducerLimits
from daymark.market_data.tick_replay import TickReplay
from daymark.market_data.tick_session import TickSession
from tests.local.conftest import Installation
from tests.local.live_screen import SECONDS, Screen

# A session of this file's own, and one that nobody opens. The exchange closed at 16:00 in New York, five hours behind UTC.
LIVE_DAY, NEVER_OPENED, AT_THE_CLOSE = date(2018, 3, 1), date(2018, 3, 2), "2018-03-01T21:00:00Z"
TICKS_PER_SYMBOL, FEED_SECONDS = 200, 3.0


@dataclass
class LiveWorld:
    """The opened session, its clients, and what was seen on the way."""

    installation: Installation
    stores: LiveStores
    path: LivePath
    source: TickReplay
    screens: dict[str, Screen]
    first: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left_states: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: dict[str, dict[str, int]] = field(default_factory=dict)
    resumed: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    shown: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    poison: dict[str, tuple[PutRecord, PutResult]] = field(default_factory=dict)
    begun: int = 0

    def begin(self) -> int:
        """Send the first quarter of an hour alone; how many rows that is."""
        limits = ProducerLimits(groups=self.path.session.groups)
        producer = TickProducer(self.stores.stream, self.source.symbols, LIVE_DAY, synthetic=True, limits=limits)
        producer.offer(next(self.source.blocks(65_536)))
        self.begun = producer.close(SECONDS).counts.rows_sent
        return self.begun

    def feed(self, seconds: float) -> TickFeed:
        return TickFeed(self.stores.stream, self.source, self.path.session.groups, seconds)

    @property
    def lane(self) -> str:
        """The lane that is disturbed."""
        return min(TickSession.of(self.path.session).partition_keys.values())

    def put(self, name: str, data: bytes, stream: TickStream | None = None, partition_key: str | None = None) -> None:
        """Put a record that nobody of ours would send."""
        record = PutRecord(partition_key or self.lane, data)
        (result,) = (stream or self.stores.stream).put([record])
        assert result.is_taken
        self.poison[name] = (record, result)

    def objects(self, prefix: str) -> dict[str, bytes]:
        client, bucket = boto3.client("s3"), self.installation.workspace.outputs()["TicksBucket"]
        listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in listed}

    def boards(self) -> dict[int, tuple[bytes, str] | None]:
        return {bucket: self.stores.boards.load(bucket_key(bucket)) for bucket in self.path.buckets}

    def client(self, role: str = "operations") -> DaymarkClient:
        return self.installation.client(self.installation.user(role, "northstar"))
