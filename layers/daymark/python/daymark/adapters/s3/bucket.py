"""One bucket: objects are read, listed, and put only where none stands yet; errors come translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.core.errors import Conflict, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Bucket:
    """A bucket by its name.

    Args:
        name: The bucket.
        client: An S3 client with bounded time-outs.
    """

    def __init__(self, name: str, client: S3Client) -> None:
        self.name = name
        self._client = client

    def read(self, key: str) -> bytes | None:
        """An object's content, or ``None`` where nothing stands."""
        try:
            with translated(f"reading {key} from bucket {self.name}"):
                return self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except NotFound:
            return None

    def keys(self, prefix: str) -> list[str]:
        """Keys under a prefix, sorted."""
        with translated(f"listing bucket {self.name}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))

    def put_once(self, key: str, content: bytes, content_type: str) -> str:
        """Put an object and return its address. The same content again is a harmless repeat.

        S3 itself is asked to refuse an existing key (``If-None-Match``), so that no late writer replaces what stands.

        Raises:
            Conflict: other content stands under the key.
        """
        try:
            with translated(f"writing {key} to bucket {self.name}"):
                self._client.put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*")
        except ConditionFailed:
            if self.read(key) != content:
                raise Conflict(f"other content stands under {key}", field="key", key=key) from None
        return f"s3://{self.name}/{key}"
