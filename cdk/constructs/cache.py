"""The cache of hot quotes: ElastiCache Serverless for Valkey, TLS only, under the data key."""

from __future__ import annotations

from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.constructs.network import DaymarkNetwork
from cdk.live_settings import LiveSettings

CACHE_NAME = "daymark-quotes"


class QuoteCache(elasticache.CfnServerlessCache):
    """One cache in the isolated subnets, reached by one security group, bounded in size and work so that it cannot cost without end.

    It keeps no snapshot and is not retained: a lost one is filled again by the ticks that come.
    """

    def __init__(self, scope: Construct, construct_id: str, network: DaymarkNetwork, key: kms.IKey, live: LiveSettings) -> None:
        limits = elasticache.CfnServerlessCache
        super().__init__(
            scope,
            construct_id,
            serverless_cache_name=CACHE_NAME,
            description="Daymark: hot quotes",
            engine="valkey",
            major_engine_version="8",
            subnet_ids=[subnet.ref for subnet in network.subnets],
            security_group_ids=[network.cache_group.attr_group_id],
            kms_key_id=key.key_arn,
            snapshot_retention_limit=0,
            cache_usage_limits=limits.CacheUsageLimitsProperty(
                data_storage=limits.DataStorageProperty(unit="GB", maximum=live.cache_gigabytes),
                ecpu_per_second=limits.ECPUPerSecondProperty(maximum=live.cache_units_per_second),
            ),
        )
        # A serverless cache takes TLS alone, and speaks as a cluster does.
        self.url = f"rediss+cluster://{self.attr_endpoint_address}:{self.attr_endpoint_port}"
