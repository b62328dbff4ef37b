"""Streams: under the data key, retained; on demand in the cloud, of a few shards in the embedded one."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct


class DaymarkStream(kinesis.Stream):
    """One stream. Its records have at most 1 MiB, the default, by which the functions' batches are measured."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, hours: int, shards: int | None) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=key,
            retention_period=Duration.hours(hours),
            stream_mode=kinesis.StreamMode.PROVISIONED if shards else kinesis.StreamMode.ON_DEMAND,
            shard_count=shards,
            removal_policy=RemovalPolicy.RETAIN,
        )
