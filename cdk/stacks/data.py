"""Data: keys, tables, buckets and streams. Stateful: protected against termination, everything in it is retained."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.buckets import DataBucket, LiveBucket, LockedBucket, LogBucket, TickBucket
from cdk.constructs.grants import DataStores
from cdk.constructs.keys import DataKey, LogKey
from cdk.constructs.replication import REPLICATED, Replication, bucket_name
from cdk.constructs.streams import DaymarkStream
from cdk.constructs.tables import DaymarkTable, existing_table
from cdk.settings import DeploymentSettings
from daymark.adapters.dynamodb.tables import TABLES


class DataStack(Stack):
    """The tables (in the primary region; replicas of them elsewhere, but for those of one region), the buckets, streams and keys.

    Buckets and streams are each region's own: a live session runs in one region, and what it needs of another comes from the tables.
    What the day left for good (prices, documents, seals) is copied to the other region's buckets. Each region has keys of its own: the
    services that use them re-encrypt what they carry over, so a key that exists in both would add nothing but a common fate.
    """

    def __init__(self, scope: Construct, settings: DeploymentSettings, region: str, **options: Any) -> None:
        super().__init__(scope, "Data", stack_name="daymark-data", termination_protection=not settings.is_local, **options)
        key = DataKey(self, "DataKey")
        self.log_key = LogKey(self, "LogKey")
        logs = LogBucket(self, "Logs")
        owner = region == settings.primary
        live, provisioned = settings.live, settings.is_local
        buckets: dict[str, DataBucket] = {
            "prices": DataBucket(self, "Prices", key, logs, bucket_name=bucket_name(self, "prices", region)),
            "documents": DataBucket(self, "Documents", key, logs, bucket_name=bucket_name(self, "documents", region)),
            "seals": LockedBucket(self, "Seals", key, logs, bucket_name(self, "seals", region)),
            "ticks": TickBucket(self, "Ticks", key, logs),
            "live": LiveBucket(self, "Live", key, logs),
        }
        self.stores = DataStores(
            key=key,
            tables={
                name: DaymarkTable(self, table, key, settings) if owner or not table.replicated else existing_table(self, table, key)
                for name, table in TABLES.items()
            },
            buckets=buckets,
            streams={
                "ticks": DaymarkStream(self, "TickRecords", key, live.ticks_hours, live.ticks_shards if provisioned else None),
                "quotes": DaymarkStream(self, "QuoteRecords", key, live.quotes_hours, live.quotes_shards if provisioned else None),
            },
        )
        if not settings.is_local and (owner or settings.recovery.copy_back):
            replication = Replication(self, "Copies", key, settings.other(region))
            for name in REPLICATED:
                replication.copy(name, buckets[name])
        for name, value in self.stores.names().items():
            CfnOutput(self, "".join(word.capitalize() for word in name.split("_")), value=value)

    def bucket_exports(self) -> dict[str, str]:
        """Under which export name the other stacks import each bucket's ARN."""
        imports = {name: self.resolve(self.export_value(bucket.bucket_arn)) for name, bucket in self.stores.buckets.items()}
        return {name: str(found["Fn::ImportValue"]) for name, found in imports.items()}
