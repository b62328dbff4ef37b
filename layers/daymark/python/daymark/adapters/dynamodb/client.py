"""AWS clients with every limit stated: connect and read time-outs, attempts, region. Endpoints come from the standard environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from daymark.core.errors import InvalidInput

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient


def client_settings(region: str, connect_seconds: float, read_seconds: float, attempts: int) -> Config:
    """Bounded settings for one client: the longest a call may take is about ``attempts`` x (connect + read) plus back-off.

    Raises:
        InvalidInput: a limit is not above zero, or the region is empty.
    """
    if not region:
        raise InvalidInput("region must not be empty", field="region")
    for name, value in (("connect_seconds", connect_seconds), ("read_seconds", read_seconds), ("attempts", attempts)):
        if not value > 0:
            raise InvalidInput(f"{name} must be above zero, got {value}", field=name)
    return Config(
        region_name=region,
        connect_timeout=connect_seconds,
        read_timeout=read_seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=32,
        # The embedded cloud serves every bucket from one host name.
        s3={"addressing_style": "path"},
    )


def _client(service: Any, region: str, connect_seconds: float, read_seconds: float, attempts: int) -> Any:
    return boto3.client(service, config=client_settings(region, connect_seconds, read_seconds, attempts))


def dynamodb_client(region: str, *, connect_seconds: float = 1.0, read_seconds: float = 3.0, attempts: int = 4) -> DynamoDBClient:
    """A DynamoDB client; ``AWS_ENDPOINT_URL`` or ``AWS_ENDPOINT_URL_DYNAMODB`` directs it elsewhere."""
    client: DynamoDBClient = _client("dynamodb", region, connect_seconds, read_seconds, attempts)
    return client


def s3_client(region: str, *, connect_seconds: float = 1.0, read_seconds: float = 10.0, attempts: int = 4) -> S3Client:
    """An S3 client, addressing buckets by path; signature version 4, as links need."""
    client: S3Client = _client("s3", region, connect_seconds, read_seconds, attempts)
    return client


def live_s3_client(region: str, *, connect_seconds: float = 1.0, read_seconds: float = 5.0, attempts: int = 2) -> S3Client:
    """An S3 client for the live path, which gives up sooner: whatever is not answered comes again, and all behind it waits."""
    return s3_client(region, connect_seconds=connect_seconds, read_seconds=read_seconds, attempts=attempts)


def stepfunctions_client(region: str, *, connect_seconds: float = 1.0, read_seconds: float = 5.0, attempts: int = 4) -> SFNClient:
    """A Step Functions client."""
    client: SFNClient = _client("stepfunctions", region, connect_seconds, read_seconds, attempts)
    return client
