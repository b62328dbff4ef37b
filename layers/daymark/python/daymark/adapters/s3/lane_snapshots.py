"""Snapshots of lanes in S3: S3 itself is asked to replace only the version that stands, known by its ETag."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.adapters.rows import lane_name
from daymark.core.errors import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONTENT_TYPE = "application/octet-stream"


class S3LaneSnapshots:
    """``LaneSnapshots`` under one folder of a bucket.

    Versions are ETags: two contents that differ have two. Going back to an earlier content would bring its version back too; a
    snapshot holds its lane's position, which only rises, so none does.

    Args:
        bucket: The bucket.
        folder: The folder, without slashes at its ends.
        client: An S3 client with bounded time-outs.
    """

    def __init__(self, bucket: str, folder: str, client: S3Client) -> None:
        self._bucket, self._folder, self._client = bucket, folder, client

    def version(self, name: str) -> str | None:
        """The version that stands; ``None`` when there is none.

        Raises:
            InvalidInput: ``name`` is none.
            Unavailable: no answer.
        """
        key = self._key(name)
        try:
            with translated(f"looking at {key} in bucket {self._bucket}"):
                return self._client.head_object(Bucket=self._bucket, Key=key)["ETag"]
        except NotFound:
            return None

    def load(self, name: str) -> tuple[bytes, str] | None:
        """The content that stands and its version; ``None`` when there is none.

        Raises:
            InvalidInput: ``name`` is none.
            Unavailable: no answer.
        """
        key = self._key(name)
        try:
            with translated(f"reading {key} from bucket {self._bucket}"):
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
                return answer["Body"].read(), answer["ETag"]
        except NotFound:
            return None

    def save(self, name: str, content: bytes, replaces: str | None) -> str:
        """Put the content in place of the version named, and return its own.

        Raises:
            InvalidInput: ``name`` is none.
            Conflict: another version stands.
            Unavailable: no answer; it may have been saved.
        """
        key = self._key(name)
        condition: Any = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
        try:
            with translated(f"writing {key} to bucket {self._bucket}"):
                put = self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=_CONTENT_TYPE, **condition)
        except (ConditionFailed, NotFound) as refused:
            if _was_tried_before(refused):
                raise Unavailable(f"writing {key}: refused after an answer was lost; what stands may be this content") from refused
            raise Conflict(f"another version of {name} stands, not {replaces}", field="replaces") from refused
        return put["ETag"]

    def _key(self, name: str) -> str:
        return f"{self._folder}/{lane_name(name)}"


def _was_tried_before(refused: Exception) -> bool:
    """Whether the client sent the same call before: its first sending, unanswered, may be what stands now."""
    cause = refused.__cause__
    return isinstance(cause, ClientError) and int(cause.response["ResponseMetadata"].get("RetryAttempts", 0)) > 0
