"""Secrets: read once when a function starts, never put into its environment."""

from __future__ import annotations

import boto3

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import translated


def secret_bytes(arn: str, region: str) -> bytes:
    """The present value of a text secret, as bytes.

    Raises:
        NotFound: no such secret.
        Unavailable: the service did not answer or throttled.
    """
    client = boto3.client("secretsmanager", config=client_settings(region, connect_seconds=1.0, read_seconds=3.0, attempts=4))
    with translated("reading the cursor secret"):
        value: str = client.get_secret_value(SecretId=arn)["SecretString"]
    return value.encode()
