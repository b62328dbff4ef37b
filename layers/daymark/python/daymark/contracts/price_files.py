"""The price archive's files: yearly closes, a vendor file per session, dated series and official closes, byte for byte.

Every writer encodes and every reader decodes here, so memory, S3 and the loader cannot drift apart. Encoding the same content
twice gives the same bytes. Layout: ``closes/<year>.npz`` · ``vendor/<session>.csv`` · ``series/<NAME>.csv`` ·
``official/<session>/<attempt>.json``.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from daymark.core.errors import InvalidInput, NotPublished, QualityBlocked
from daymark.core.numbering import key_number

VENDOR_HEADER = "instrument_id,session_date,close,currency"
SERIES_HEADER = "date,value"
# Zip entries carry a time; a fixed one keeps the same closes the same bytes (1980 is the earliest a zip can say).
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class VendorClose:
    """One row of a vendor's closing-price file, exactly as delivered: nothing about it is trusted yet."""

    instrument_id: str
    session_date: date
    close: str
    currency: str
    line: int


@dataclass(frozen=True)
class DailySeries:
    """A dated series (an index, a volatility index, a yield), without the dates it was not published on.

    ``dates`` is ``(n,)`` datetime64[D], strictly rising; ``values`` is ``(n,)`` float64, finite, in the unit it was published in
    (index points; percent for yields).
    """

    name: str
    dates: npt.NDArray[np.datetime64]
    values: npt.NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        if self.dates.ndim != 1 or self.dates.shape != self.values.shape:
            raise InvalidInput(f"series {self.name}: {self.dates.shape} dates for {self.values.shape} values", field="values")
        if bool((np.diff(self.dates) <= np.timedelta64(0, "D")).any()):
            raise InvalidInput(f"series {self.name}: dates must be strictly rising", field="dates")
        if not bool(np.isfinite(self.values).all()):
            raise InvalidInput(f"series {self.name}: values must be finite", field="values")


@dataclass(frozen=True)
class CloseBlock:
    """Closes of a run of sessions, a year as a rule.

    Attributes:
        sessions: ``(n_sessions,)`` datetime64[D], strictly rising.
        instrument_ids: ``(n_instruments,)`` ids, unique.
        closes: ``(n_sessions, n_instruments)`` float64, NaN where no price was published.
    """

    sessions: npt.NDArray[np.datetime64]
    instrument_ids: tuple[str, ...]
    closes: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.closes.shape != (len(self.sessions), len(self.instrument_ids)):
            expected = (len(self.sessions), len(self.instrument_ids))
            raise InvalidInput(f"closes has shape {self.closes.shape}, expected {expected}", field="closes")
        if bool((np.diff(self.sessions) <= np.timedelta64(0, "D")).any()):
            raise InvalidInput("sessions must be strictly rising", field="sessions")
        if len(set(self.instrument_ids)) != len(self.instrument_ids):
            raise InvalidInput("instrument_ids must be unique", field="instrument_ids")


def closes_key(year: int) -> str:
    """Where a year's closes stand."""
    return f"closes/{year}.npz"


def vendor_key(session_date: date) -> str:
    """Where a session's vendor file stands."""
    return f"vendor/{session_date.isoformat()}.csv"


def series_key(name: str) -> str:
    """Where a dated series stands."""
    return f"series/{name}.csv"


def official_prefix(session_date: date) -> str:
    """Under which every attempt's official closes of a session stand; the last key in order is the latest attempt's."""
    return f"official/{session_date.isoformat()}/"


def official_key(session_date: date, attempt: int) -> str:
    """Where an attempt's official closes of a session stand.

    >>> official_key(date(2018, 2, 5), 2)
    'official/2018-02-05/0002.json'

    Raises:
        InvalidInput: the attempt is not from 1 to 9999.
    """
    return f"{official_prefix(session_date)}{key_number(attempt, 'attempt')}.json"


def encode_closes(block: CloseBlock) -> bytes:
    """A block as an ``.npz`` without pickled objects; the same block always gives the same bytes."""
    arrays = {
        "sessions": block.sessions.astype("datetime64[D]"),
        "instrument_ids": np.array(block.instrument_ids, dtype=np.str_),
        "closes": np.ascontiguousarray(block.closes, dtype=np.float64),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _ZIP_TIME), content.getvalue(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def decode_closes(content: bytes, key: str) -> CloseBlock:
    """The block in a ``closes`` file.

    Raises:
        QualityBlocked: the file is damaged or holds something else; ``field`` is its key.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return CloseBlock(
                arrays["sessions"].astype("datetime64[D]"),
                tuple(str(instrument_id) for instrument_id in arrays["instrument_ids"]),
                arrays["closes"].astype(np.float64, copy=False),
            )
    except (zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError, EOFError, AttributeError, InvalidInput) as error:
        raise QualityBlocked(f"{key} is not a closes file: {error}", field=key) from None


def select_closes(
    blocks: Sequence[CloseBlock], instrument_ids: Sequence[str], through: date, sessions: int
) -> tuple[tuple[date, ...], npt.NDArray[np.float64]]:
    """The last ``sessions`` sessions up to ``through``, and their ``(sessions, n)`` closes; NaN where an id has none.

    ``blocks`` come in rising order of date; nothing of them after ``through`` is returned.

    Raises:
        InvalidInput: ``sessions`` is below one.
        NotPublished: the blocks hold fewer sessions, or none at ``through``.
    """
    if sessions < 1:
        raise InvalidInput(f"sessions must be at least 1, got {sessions}", field="sessions")
    dates = np.concatenate([block.sessions for block in blocks]) if blocks else np.empty(0, "datetime64[D]")
    end = int(np.searchsorted(dates, np.datetime64(through, "D"), side="right"))
    if end == 0 or dates[end - 1] != np.datetime64(through, "D"):
        raise NotPublished(f"no closing prices were published for {through}", field="through")
    if end < sessions:
        raise NotPublished(f"{end} sessions of closing prices exist through {through}, {sessions} are needed", field="sessions")
    closes = np.concatenate([_columns(block, instrument_ids) for block in blocks])[end - sessions : end]
    return tuple(dates[end - sessions : end].astype(object)), closes


def _columns(block: CloseBlock, instrument_ids: Sequence[str]) -> npt.NDArray[np.float64]:
    """The block's closes in the order asked for, with a NaN column for every id it does not know."""
    place = {instrument_id: column for column, instrument_id in enumerate(block.instrument_ids)}
    padded = np.column_stack([block.closes, np.full(len(block.sessions), np.nan)])
    return padded[:, [place.get(instrument_id, -1) for instrument_id in instrument_ids]]


def encode_vendor_file(rows: Sequence[VendorClose]) -> bytes:
    """A session's vendor file: a header, then one line per row, as given."""
    lines = [f"{row.instrument_id},{row.session_date.isoformat()},{row.close},{row.currency}" for row in rows]
    return ("\n".join([VENDOR_HEADER, *lines]) + "\n").encode()


def decode_vendor_file(content: bytes, session_date: date) -> tuple[VendorClose, ...]:
    """The rows of a session's vendor file, in file order, blank lines left out.

    No line is lost: one that is not four fields, or whose date cannot be read, comes back under its first field and the session
    asked for, with the rest of the line as its ``close``. That text is no price, so the quality gate quarantines the instrument and
    shows the line. Bytes that are not UTF-8 spoil their own line only.

    Raises:
        QualityBlocked: the header is not the agreed one, so no column can be trusted.
    """
    lines = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").split("\n")
    if lines[0].strip() != VENDOR_HEADER:
        raise QualityBlocked(f"{vendor_key(session_date)} must begin with {VENDOR_HEADER!r}, got {lines[0][:80]!r}", field="header")
    return tuple(_vendor_row(line, number, session_date) for number, line in enumerate(lines[1:], start=2) if line.strip())


def _vendor_row(line: str, number: int, session_date: date) -> VendorClose:
    fields = line.split(",")
    if len(fields) == 4:
        instrument_id, day, close, currency = fields
        try:
            return VendorClose(instrument_id, date.fromisoformat(day), close, currency, number)
        except ValueError:
            pass
    return VendorClose(fields[0], session_date, ",".join(fields[1:]), "", number)


def encode_series(series: DailySeries) -> bytes:
    """A dated series: its source in a comment line, a header, then one line per date."""
    if "\n" in series.source:
        raise InvalidInput("source must be one line", field="source")
    lines = [f"{day},{float(value)!r}" for day, value in zip(series.dates.astype(str), series.values, strict=True)]
    return ("\n".join([f"# {series.source}", SERIES_HEADER, *lines]) + "\n").encode()


def decode_series(content: bytes, name: str) -> DailySeries:
    """The series in a ``series`` file.

    Raises:
        QualityBlocked: a line cannot be read, a value is not finite, or dates do not rise; ``field`` is the file's key.
    """
    lines = content.decode("utf-8", errors="replace").splitlines()
    if len(lines) < 2 or not lines[0].startswith("# ") or lines[1] != SERIES_HEADER:
        raise QualityBlocked(f"{series_key(name)} must begin with '# source' and {SERIES_HEADER!r}", field=series_key(name))
    try:
        pairs = [line.split(",") for line in lines[2:] if line]
        dates = np.array([date.fromisoformat(day) for day, _ in pairs], dtype="datetime64[D]")
        return DailySeries(name, dates, np.array([float(value) for _, value in pairs]), lines[0][2:])
    except (ValueError, InvalidInput) as error:
        raise QualityBlocked(f"{series_key(name)} cannot be read: {error}", field=series_key(name)) from None


def encode_official_closes(document: Mapping[str, object]) -> bytes:
    """The official closes as canonical JSON: keys sorted, no spaces, so equal documents are equal bytes. NaN is refused."""
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
    except ValueError as error:
        raise InvalidInput(f"official closes cannot be written: {error}", field="document") from None


def decode_official_closes(content: bytes) -> Mapping[str, Any]:
    """The document that :func:`encode_official_closes` wrote.

    Raises:
        InvalidInput: the content is no JSON object.
    """
    try:
        document = json.loads(content)
    except ValueError as error:
        raise InvalidInput(f"official closes cannot be read: {error}", field="document") from None
    if not isinstance(document, dict):
        raise InvalidInput("official closes must be an object", field="document")
    return document
