"""Buckets: private, TLS only, versioned, logged, retained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

UNLOCKING = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
)


class LogBucket(s3.Bucket):
    """Server access logs of the other buckets. S3 delivers these only to buckets under its own keys, not under ours."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[s3.LifecycleRule(expiration=Duration.days(400), noncurrent_version_expiration=Duration.days(30))],
            removal_policy=RemovalPolicy.RETAIN,
        )


# Seven years, the longest record-keeping period, two of them leap years.
KEPT_DAYS = 7 * 365 + 2


class DataBucket(s3.Bucket):
    """Data under the data key; earlier versions stay for seven years, unless other rules are given."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        key: kms.IKey,
        logs: s3.IBucket,
        rules: Sequence[s3.LifecycleRule] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            server_access_logs_bucket=logs,
            server_access_logs_prefix=f"{construct_id.lower()}/",
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(7)),
                *(rules or [s3.LifecycleRule(noncurrent_version_expiration=Duration.days(KEPT_DAYS))]),
            ],
            removal_policy=RemovalPolicy.RETAIN,
            **options,
        )


class TickBucket(DataBucket):
    """Ticks as they came, and what was refused: written once, read by those who look back, gone after seven years.

    After 90 days objects move to where they cost a fraction and still answer at once. S3 leaves those under 128 KiB where they are,
    because moving them would cost more than it saves.
    """

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, logs: s3.IBucket) -> None:
        older = s3.Transition(storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(90))
        kept = Duration.days(KEPT_DAYS)
        rule = s3.LifecycleRule(transitions=[older], expiration=kept, noncurrent_version_expiration=kept)
        super().__init__(scope, construct_id, key, logs, [rule])


class LiveBucket(DataBucket):
    """The live path's present state: sessions, books, and the snapshot and board of each lane.

    Boards and snapshots are replaced up to once a second, a lane and a day some 30,000 times. The stream rebuilds them, so earlier
    versions are worth a look back on the same day and no more: they end after one day, and would otherwise pile up to a thousand
    times the state. Snapshots carry their session's date in the key and are of no use once the stream has let go of it; 30 days
    leave time to ask. Sessions and books are small, and stay: a board is explained by what it was made from.
    """

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, logs: s3.IBucket) -> None:
        rules = [
            s3.LifecycleRule(noncurrent_version_expiration=Duration.days(1)),
            s3.LifecycleRule(prefix="lanes/", expiration=Duration.days(30)),
            # What is left of a snapshot after that.
            s3.LifecycleRule(prefix="lanes/", expired_object_delete_marker=True),
        ]
        super().__init__(scope, construct_id, key, logs, rules)


class LockedBucket(DataBucket):
    """What nobody can delete or replace for seven years: every version is locked from its first moment, in compliance mode.

    Compliance mode binds the account's own administrators too. The policy keeps everybody from hiding a version behind a delete
    marker, from locking it differently, and from a way round a lock in governance mode, should the mode ever be weakened.
    """

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, logs: s3.IBucket, bucket_name: str) -> None:
        lock = s3.ObjectLockRetention.compliance(Duration.days(KEPT_DAYS))
        options = {"bucket_name": bucket_name, "object_lock_enabled": True, "object_lock_default_retention": lock}
        super().__init__(scope, construct_id, key, logs, **options)
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NobodyUnlocks",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=list(UNLOCKING),
                resources=[self.arn_for_objects("*")],
            )
        )
