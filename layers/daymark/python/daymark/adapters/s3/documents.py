"""Documents in S3: claimed first, then put only where nothing stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.adapters.rows import claim_rows, document_key, fingerprint, link_seconds
from daymark.core.errors import Conflict, NotFound
from daymark.core.fence import Fence, FenceLedger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Documents:
    """``Documents`` over one bucket.

    A put asks S3 itself to refuse an existing key (``If-None-Match``), so that no late writer replaces what stands.

    Args:
        bucket: The documents bucket.
        client: An S3 client with bounded time-outs.
        ledger: Where writes are claimed; ``None`` for a reader.
    """

    def __init__(self, bucket: str, client: S3Client, ledger: FenceLedger | None = None) -> None:
        self._bucket = bucket
        self._client = client
        self._ledger = ledger

    def put(self, key: str, content: bytes, content_type: str, fence: Fence) -> str:
        """Store a file and return its address. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            StaleFence: a later epoch owns the run.
        """
        claim_rows(self._ledger, {f"documents/{document_key(key)}": fingerprint(content)}, fence)
        try:
            with translated(f"writing {key} to bucket {self._bucket}"):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type, IfNoneMatch="*")
        except ConditionFailed:
            if self.get(key) != content:
                raise Conflict(f"other content stands under {key}", field="key", key=key) from None
        return f"s3://{self._bucket}/{key}"

    def get(self, key: str) -> bytes:
        """The content.

        Raises:
            NotFound: nothing stands under the key.
        """
        try:
            with translated(f"reading {key} from bucket {self._bucket}"):
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except NotFound:
            raise NotFound(f"no document {key}", field="key") from None

    def keys(self, prefix: str) -> Sequence[str]:
        """Keys under a prefix, sorted."""
        with translated(f"listing bucket {self._bucket}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))

    def link(self, key: str, seconds: int) -> str:
        """An address that lets its bearer read the file for so many seconds.

        Raises:
            NotFound: nothing stands under the key.
        """
        lifetime = link_seconds(seconds)
        try:
            with translated(f"reading {key} from bucket {self._bucket}"):
                self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFound:
            raise NotFound(f"no document {key}", field="key") from None
        return self._client.generate_presigned_url("get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=lifetime)
