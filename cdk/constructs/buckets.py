"""Buckets: private, TLS only, versioned, logged, retained."""

from __future__ import annotations

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
    """Data under the data key; earlier versions stay for seven years."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, logs: s3.IBucket, **options: Any) -> None:
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
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(7), noncurrent_version_expiration=Duration.days(KEPT_DAYS)
                )
            ],
            removal_policy=RemovalPolicy.RETAIN,
            **options,
        )


class LockedBucket(DataBucket):
    """What nobody can delete or replace for seven years: every version is locked from its first moment, in compliance mode.

    Compliance mode binds the account's own administrators too. The policy keeps everybody from hiding a version behind a delete
    marker, from locking it differently, and from a way round a lock in governance mode, should the mode ever be weakened.
    """

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, logs: s3.IBucket) -> None:
        lock = s3.ObjectLockRetention.compliance(Duration.days(KEPT_DAYS))
        super().__init__(scope, construct_id, key, logs, object_lock_enabled=True, object_lock_default_retention=lock)
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="NobodyUnlocks",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=list(UNLOCKING),
                resources=[self.arn_for_objects("*")],
            )
        )
