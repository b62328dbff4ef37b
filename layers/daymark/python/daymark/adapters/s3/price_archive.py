"""The vendor's archive in S3: yearly closes read once per instance, a file per session, dated series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from daymark.adapters.rows import claim_rows, fingerprint
from daymark.adapters.s3.bucket import Bucket
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
    official_prefix,
    select_closes,
    series_key,
    vendor_key,
)
from daymark.core.errors import NotFound, NotPublished
from daymark.core.fence import Fence, FenceLedger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3PriceArchive:
    """``PriceArchive`` over the prices bucket.

    A year's closes are kept for the life of the instance once the archive holds a later year; the newest year may still grow
    and is read again when it lacks the session asked for.

    Args:
        bucket: The prices bucket.
        client: An S3 client with bounded time-outs.
        ledger: Where published closes are claimed; ``None`` for a reader.
    """

    def __init__(self, bucket: str, client: S3Client, ledger: FenceLedger | None = None) -> None:
        self._bucket = Bucket(bucket, client)
        self._ledger = ledger
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
        content = self._bucket.read(vendor_key(session_date))
        if content is None:
            raise NotPublished(f"no vendor file was delivered for {session_date}", field="session_date")
        return decode_vendor_file(content, session_date)

    def series(self, name: str) -> DailySeries:
        """A dated series by name.

        Raises:
            NotFound: no such series.
        """
        content = self._bucket.read(series_key(name)) if name.isalnum() else None
        if content is None:
            raise NotFound(f"no series {name}", field="name")
        return decode_series(content, name)

    def official_closes(self, session_date: date) -> Mapping[str, Any] | None:
        """The session's official closes as the latest attempt published them; ``None`` if none were."""
        published = self._bucket.keys(official_prefix(session_date))
        content = self._bucket.read(published[-1]) if published else None
        return None if content is None else decode_official_closes(content)

    def publish_official_closes(self, session_date: date, document: Mapping[str, object], attempt: int, fence: Fence) -> str:
        """Store an attempt's official closes of a session and return their address. The same content again is a harmless repeat.

        Raises:
            Conflict: the attempt published other content.
            StaleFence: a later epoch owns the run.
        """
        key, content = official_key(session_date, attempt), encode_official_closes(document)
        claim_rows(self._ledger, {f"prices/{key}": fingerprint(content)}, fence)
        return self._bucket.put_once(key, content, "application/json")

    def _year(self, year: int, through: date) -> CloseBlock | None:
        """One year's closes; a kept copy that ends before ``through`` is read again."""
        kept = self._years.get(year)
        if kept is not None and (year < through.year or bool((kept.sessions >= np.datetime64(through, "D")).any())):
            return kept
        content = self._bucket.read(closes_key(year))
        if content is None:
            return None
        self._years[year] = decode_closes(content, closes_key(year))
        return self._years[year]
