"""Live sessions in S3: the books first, then the document that names them, put only where none stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from daymark.adapters.live_openings import claim_opening
from daymark.adapters.s3.bucket import Bucket
from daymark.contracts.bucket_book import BucketBook, decode_book
from daymark.contracts.live_session import LiveSession, decode_live_session, encode_live_session, session_key
from daymark.core.errors import Conflict, NotFound
from daymark.core.fence import Fence, FenceLedger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3LiveSessions:
    """``LiveSessionWriter`` and ``LiveSessions`` over the live bucket.

    A session that was found is kept for the life of the instance; one that was not is looked for again.

    Args:
        bucket: The live bucket.
        client: An S3 client with bounded time-outs.
        ledger: Where openings are claimed; ``None`` for a reader.
    """

    def __init__(self, bucket: str, client: S3Client, ledger: FenceLedger | None = None) -> None:
        self._bucket = Bucket(bucket, client)
        self._ledger = ledger
        self._found: dict[date, LiveSession] = {}

    def open(self, session: LiveSession, books: Mapping[str, bytes], fence: Fence) -> LiveSession:
        """Open a session, or return the one that was opened first.

        Raises:
            InvalidInput: the books are not those of the session.
            StaleFence: a later epoch owns the run.
        """
        claim_opening(self._ledger, session, books, fence)
        standing = self.session(session.session_date)
        if standing is not None:
            return standing
        for key, content in books.items():
            self._bucket.put_once(key, content, "application/octet-stream")
        try:
            self._bucket.put_once(session_key(session.session_date), encode_live_session(session), "application/json")
        except Conflict:
            standing = self.session(session.session_date)
            if standing is None:
                raise
            return standing
        self._found[session.session_date] = session
        return session

    def session(self, session_date: date) -> LiveSession | None:
        """A session as it was opened; ``None`` before."""
        if session_date not in self._found:
            content = self._bucket.read(session_key(session_date))
            if content is None:
                return None
            self._found[session_date] = decode_live_session(content)
        return self._found[session_date]

    def book(self, key: str) -> BucketBook:
        """A bucket's book by its key.

        Raises:
            NotFound: there is no such book.
        """
        content = self._bucket.read(key)
        if content is None:
            raise NotFound(f"no book {key}", field="key")
        return decode_book(content)
