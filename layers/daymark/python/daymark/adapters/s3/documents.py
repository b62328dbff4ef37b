"""Documents in S3: claimed first, then put only where nothing stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from daymark.adapters.dynamodb.errors import translated
from daymark.adapters.rows import claim_rows, document_key, fingerprint, link_seconds
from daymark.adapters.s3.bucket import Bucket
from daymark.core.errors import NotFound
from daymark.core.fence import Fence, FenceLedger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Documents:
    """``Documents`` over one bucket.

    Args:
        bucket: The documents bucket.
        client: An S3 client with bounded time-outs.
        ledger: Where writes are claimed; ``None`` for a reader.
    """

    def __init__(self, bucket: str, client: S3Client, ledger: FenceLedger | None = None) -> None:
        self._bucket = Bucket(bucket, client)
        self._client = client
        self._ledger = ledger

    def put(self, key: str, content: bytes, content_type: str, fence: Fence) -> str:
        """Store a file and return its address. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            StaleFence: a later epoch owns the run.
        """
        claim_rows(self._ledger, {f"documents/{document_key(key)}": fingerprint(content)}, fence)
        return self._bucket.put_once(key, content, content_type)

    def get(self, key: str) -> bytes:
        """The content.

        Raises:
            NotFound: nothing stands under the key.
        """
        content = self._bucket.read(key)
        if content is None:
            raise NotFound(f"no document {key}", field="key")
        return content

    def keys(self, prefix: str) -> Sequence[str]:
        """Keys under a prefix, sorted."""
        return self._bucket.keys(prefix)

    def link(self, key: str, seconds: int) -> str:
        """An address that lets its bearer read the file for so many seconds.

        Raises:
            NotFound: nothing stands under the key.
        """
        lifetime, name = link_seconds(seconds), self._bucket.name
        try:
            with translated(f"reading {key} from bucket {name}"):
                self._client.head_object(Bucket=name, Key=key)
        except NotFound:
            raise NotFound(f"no document {key}", field="key") from None
        return self._client.generate_presigned_url("get_object", Params={"Bucket": name, "Key": key}, ExpiresIn=lifetime)
