"""Objects in S3, each put once: the archive and the quarantine of the live stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from daymark.adapters.s3.bucket import Bucket
from daymark.core.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONTENT_TYPE = "application/octet-stream"


class S3Objects:
    """A ``TickArchive`` or ``Quarantine`` over one bucket.

    Args:
        bucket: The bucket.
        client: An S3 client with bounded time-outs.
    """

    def __init__(self, bucket: str, client: S3Client) -> None:
        self._bucket = Bucket(bucket, client)

    def put(self, key: str, content: bytes) -> None:
        """Store an object. The same content again is a harmless repeat.

        Raises:
            Conflict: other content stands under the key.
            Unavailable: no answer; the object may stand.
        """
        self._bucket.put_once(key, content, _CONTENT_TYPE)

    def get(self, key: str) -> bytes:
        """The content.

        Raises:
            NotFound: nothing stands under the key.
            Unavailable: no answer.
        """
        content = self._bucket.read(key)
        if content is None:
            raise NotFound(f"no object {key}", field="key")
        return content

    def keys(self, prefix: str = "") -> Sequence[str]:
        """Keys under a prefix, sorted.

        Raises:
            Unavailable: no answer.
        """
        return self._bucket.keys(prefix)
