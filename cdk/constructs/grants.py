"""Gives a function exactly what its definition says: named actions on named tables, key prefixes and streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk.constructs.function import DaymarkFunction
from cdk.constructs.keys import KEY_USE
from cdk.functions import ACTIONS, ObjectAccess


@dataclass(frozen=True)
class DataStores:
    """The tables, buckets and streams of one region, by the names that definitions use."""

    key: kms.IKey
    tables: Mapping[str, dynamodb.ITableV2]
    buckets: Mapping[str, s3.IBucket]
    streams: Mapping[str, kinesis.IStream]

    def names(self) -> dict[str, str]:
        """The values of the settings fields ``<name>_table``, ``<name>_bucket`` and ``<name>_stream``."""
        tables = {f"{name}_table": table.table_name for name, table in self.tables.items()}
        buckets = {f"{name}_bucket": bucket.bucket_name for name, bucket in self.buckets.items()}
        return tables | buckets | {f"{name}_stream": stream.stream_name for name, stream in self.streams.items()}

    def grant(self, function: DaymarkFunction) -> None:
        """Give the function what its definition lists, and the use of the key behind it."""
        definition = function.definition
        for name, permission in definition.tables.items():
            self._allow(function, ACTIONS[permission], [self.tables[name].table_arn])
        for access in definition.objects:
            self._allow_objects(function, access)
        for name in definition.puts:
            self._allow(function, ("kinesis:PutRecords",), [self.streams[name].stream_arn])
        self._allow(function, KEY_USE, [self.key.key_arn])

    def _allow_objects(self, function: DaymarkFunction, access: ObjectAccess) -> None:
        bucket = self.buckets[access.bucket]
        actions = ("s3:GetObject", "s3:PutObject") if access.write else ("s3:GetObject",)
        self._allow(function, actions, [bucket.arn_for_objects(f"{access.prefix}*")])
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
                # Whoever may not list is told 403 and not 404 of a key that does not exist, and that question has no prefix.
                conditions={"StringLikeIfExists": {"s3:prefix": f"{access.prefix}*"}},
            )
        )

    @staticmethod
    def _allow(function: DaymarkFunction, actions: tuple[str, ...], resources: list[str]) -> None:
        function.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))
