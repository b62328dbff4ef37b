"""The vendor's archive in S3: yearly closes read once per instance, a file per session, dated series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from daymark.adapters.dynamodb.errors import ConditionFailed, translated
from daymark.contracts.price_files import (
    CloseBlock,
    DailySeries,
    VendorClose,
    closes_key,
    decode_closes,
    decode_official_closes,
    decode_series,
    decode_vendor_file,
    encode_official_closes,
    official_key,
    select_closes,
    series_key,
    vendor_key,
)
from daymark.core.errors import Conflict, NotFound, NotPublished

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3PriceArchive:
    """``PriceArchive`` over the prices bucket.

    A year's closes are kept for the life of the instance once the archive holds a later year; the newest year may still grow
    and is read again when it lacks the session asked for.

    Args:
        bucket: The prices bucket.
        client: An S3 client with bounded time-outs.
    """

    def __init__(self, bucket: str, client: S3Client) -> None:
        self._bucket = bucket
        self._client = client
        self._years: dict[int, CloseBlock] = {}

    def closes(self, instrument_ids: Sequence[str], through: date, sessions: int) -> tuple[tuple[date, ...], npt.NDArray[np.float64]]:
        """The last ``sessions`` published session dates up to ``through`` and their ``(sessions, n)`` closes, NaN where absent.

        Raises:
            NotPublished: the archive holds fewer sessions than asked for, or none at ``through``.
        """
        blocks: list[CloseBlock] = []
        held, year = 0, through.year
        while held < sessions:
            block = self._year(year, through)
            if block is None:
                break
            blocks.insert(0, block)
            held += int((block.sessions <= np.datetime64(through, "D")).sum())
            year -= 1
        return select_closes(blocks, instrument_ids, through, sessions)

    def vendor_file(self, session_date: date) -> Sequence[VendorClose]:
        """The closing-price file of one session, rows in file order.

        Raises:
            NotPublished: no file was delivered for the session.
        """
        content = self._read(vendor_key(session_date))
        if content is None:
            raise NotPublished(f"no vendor file was delivered for {session_date}", field="session_date")
        return decode_vendor_file(content, session_date)

    def series(self, name: str) -> DailySeries:
        """A dated series by name.

        Raises:
            NotFound: no such series.
        """
        content = self._read(series_key(name)) if name.isalnum() else None
        if content is None:
            raise NotFound(f"no series {name}", field="name")
        return decode_series(content, name)

    def official_closes(self, session_date: date) -> Mapping[str, Any] | None:
        """The session's official closes as they were published; ``None`` if none were."""
        content = self._read(official_key(session_date))
        return None if content is None else decode_official_closes(content)

    def publish_official_closes(self, session_date: date, document: Mapping[str, object]) -> str:
        """Store the session's official closes where none stand and return their address.

        Raises:
            Conflict: other content stands there.
        """
        key, content = official_key(session_date), encode_official_closes(document)
        try:
            with translated(f"writing {key} to bucket {self._bucket}"):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType="application/json", IfNoneMatch="*")
        except ConditionFailed:
            if self._read(key) != content:
                raise Conflict(f"other official closes stand for {session_date}", field="session_date") from None
        return f"s3://{self._bucket}/{key}"

    def _year(self, year: int, through: date) -> CloseBlock | None:
        """One year's closes; a kept copy that ends before ``through`` is read again."""
        kept = self._years.get(year)
        if kept is not None and (year < through.year or bool((kept.sessions >= np.datetime64(through, "D")).any())):
            return kept
        content = self._read(closes_key(year))
        if content is None:
            return None
        self._years[year] = decode_closes(content, closes_key(year))
        return self._years[year]

    def _read(self, key: str) -> bytes | None:
        try:
            with translated(f"reading {key} from bucket {self._bucket}"):
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except NotFound:
            return None
