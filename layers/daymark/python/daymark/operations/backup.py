"""A backup is a tenant's whole book and day as compressed lines of canonical JSON, and nothing is restored that is not proven whole.

The first line says schema, version, tenant and session; every other line is a row (:mod:`daymark.operations.backup_rows`). Canonical
means rows in order, keys sorted, decimals in plain notation without trailing zeros, dates in ISO form, gzip without a time stamp.
The manifest carries the file's SHA-256, and per kind of row their number and the SHA-256 over them: restoring checks the file's digest
before it reads anything, schema and version before it builds anything, every field by its path, and the rows against their digests.
Files are written and read row by row. Version 1, one JSON document of households and portfolios, is still read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from daymark.book.models import Household, PortfolioMark, PortfolioRecord
from daymark.book.ports import DayRecord
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput
from daymark.core.instruments import Instrument
from daymark.operations.backup_comparison import in_order
from daymark.operations.backup_fields import Fields
from daymark.operations.backup_rows import ChainEnd, Item, Row, RowKind, read_row, write_row
from daymark.operations.backup_schema import read_book

SCHEMA, VERSION = "daymark/book", 2
# Where gzip names the system it ran on; 255 is "unknown" (RFC 1952 section 2.3.1), the same everywhere.
_GZIP_SYSTEM_BYTE = 9
_GZIP_LEVEL = 6
_COUNTS_OF_VERSION_1 = ("households", "portfolios", "lots", "cash_entries")


@dataclass(frozen=True, slots=True)
class Book:
    """All that a backup holds, restored: a tenant's book, and what one day left of it."""

    tenant: str
    households: tuple[Household, ...] = ()
    records: tuple[PortfolioRecord, ...] = ()
    instruments: tuple[Instrument, ...] = ()
    marks: tuple[PortfolioMark, ...] = ()
    day_records: tuple[DayRecord, ...] = ()
    chains: tuple[ChainEnd, ...] = ()

    def rows(self) -> Iterator[Row]:
        """Its rows in the order of the file."""
        items: tuple[Item, ...] = (
            *self.instruments, *self.households, *self.records, *self.marks, *self.day_records, *self.chains,
        )  # fmt: skip
        return iter(sorted((write_row(item, self.tenant) for item in items), key=lambda row: row.order))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup file holds and how to know that it is whole.

    Attributes:
        sha256: Digest of the compressed file, in hexadecimal.
        size: Length of the compressed file in bytes.
        counts: Rows by kind, and ``lots`` and ``cash_entries`` in all.
        digests: SHA-256 over the rows of each kind, each with a line feed behind it; none in version 1.
    """

    schema: str
    version: int
    tenant: str
    session_date: str
    sha256: str
    size: int
    counts: Mapping[str, int]
    digests: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON."""
        return canonical_json(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Read a manifest of this version or of version 1.

        Raises:
            InvalidInput: it is not a manifest of this schema and a known version; the field says what is wrong.
        """
        document = _document(content, "manifest")
        _refuse_other_version(document, "manifest")
        if document["version"] == 1:
            names = {"portfolios": "portfolio", "households": "household"}
            counts = {names.get(name, name): document.get(name) for name in _COUNTS_OF_VERSION_1}
            rest = {name: value for name, value in document.items() if name not in _COUNTS_OF_VERSION_1}
            document = {**rest, "counts": counts, "digests": {}}
        for name in cls.__slots__:
            wanted = {"version": int, "size": int, "counts": dict, "digests": dict}.get(name, str)
            if type(document.get(name)) is not wanted:
                raise InvalidInput(f"manifest field {name} is missing or of another type", field=f"manifest.{name}")
        for name, kind in (("counts", int), ("digests", str)):
            for key, value in document[name].items():
                if type(value) is not kind:
                    raise InvalidInput(f"manifest field {name}.{key} is missing or of another type", field=f"manifest.{name}.{key}")
        if extra := sorted(set(document) - set(cls.__slots__)):
            raise InvalidInput(f"manifest has an unknown field {extra[0]}", field=f"manifest.{extra[0]}")
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Backup:
    """A compressed book and its manifest."""

    content: bytes
    manifest: Manifest


@dataclass(slots=True)
class _Tally:
    """Counts and digests of the rows that went by."""

    counts: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys([*map(str, RowKind), "lots", "cash_entries"], 0)))
    hashes: Mapping[RowKind, Any] = field(default_factory=lambda: {kind: hashlib.sha256() for kind in RowKind})

    def over(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass rows on and take them down."""
        for row in rows:
            self.counts[row.kind] += 1
            self.hashes[row.kind].update(f"{row.text}\n".encode())
            if isinstance(row.item, PortfolioRecord):
                self.counts["lots"] += len(row.item.lots)
                self.counts["cash_entries"] += len(row.item.cash)
            yield row

    def manifest(self, content: bytes, tenant: str, session_date: str) -> Manifest:
        digests = {kind.value: found.hexdigest() for kind, found in self.hashes.items()}
        counts = {str(name): count for name, count in self.counts.items()}
        return Manifest(SCHEMA, VERSION, tenant, session_date, hashlib.sha256(content).hexdigest(), len(content), counts, digests)


def export(tenant: str, session_date: date, rows: Iterable[Row]) -> Backup:
    """The rows as a file. The same rows give the same bytes on every machine.

    Raises:
        InvalidInput: a row occurs twice or out of order; the field names it.
    """
    tally, packed = _Tally(), io.BytesIO()
    header = {"schema": SCHEMA, "version": VERSION, "tenant": tenant, "session_date": session_date.isoformat()}
    with gzip.GzipFile(filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=packed, mtime=0) as file:
        file.write(f"{canonical_json(header)}\n".encode())
        for row in tally.over(in_order(rows)):
            file.write(f"{row.text}\n".encode())
    packed.getbuffer()[_GZIP_SYSTEM_BYTE] = 255
    content = packed.getvalue()
    return Backup(content, tally.manifest(content, tenant, session_date.isoformat()))


def describe(content: bytes) -> Manifest:
    """The manifest of a file of this version that was written without one coming after it.

    Raises:
        InvalidInput: the file is damaged, or one of its rows breaks a rule.
    """
    lines = _lines(content)
    header = _header(lines)
    tally = _Tally()
    for _ in tally.over(in_order(_rows(lines, header["tenant"]))):
        pass
    return tally.manifest(content, header["tenant"], header["session_date"])


def stored_rows(content: bytes, manifest: Manifest) -> Iterator[Row]:
    """The rows of a file in order, one by one. What is wrong with the file as a whole is told before the first.

    Raises:
        InvalidInput: the file is not the one the manifest describes (``size``, ``sha256``), is damaged (``content``), is of
            another schema or version, a field breaks a rule (its path), or, after the last row, the rows are not those that the
            manifest counts and digests.
    """
    if len(content) != manifest.size:
        raise InvalidInput(f"the backup has {len(content)} bytes, its manifest says {manifest.size}", field="size")
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise InvalidInput("the backup's digest is not the one in its manifest", field="sha256")
    lines = _lines(content)
    if manifest.version == 1:
        rows, session_date = _rows_of_version_1(b"".join(lines), manifest.tenant)
    else:
        header = _header(lines)
        if header["tenant"] != manifest.tenant:
            raise InvalidInput(f"the book is of tenant {header['tenant']}, not {manifest.tenant}", field="tenant")
        rows, session_date = _rows(lines, manifest.tenant), header["session_date"]
    if session_date != manifest.session_date:
        raise InvalidInput(f"the backup is of {session_date}, its manifest of {manifest.session_date}", field="session_date")
    return _proven(rows, manifest)


def restore_book(content: bytes, manifest: Manifest) -> Book:
    """All that a file holds, rows sorted by id.

    Raises:
        InvalidInput: as :func:`stored_rows`.
    """
    found: dict[RowKind, list[Any]] = {kind: [] for kind in RowKind}
    for row in stored_rows(content, manifest):
        found[row.kind].append(row.item)
    return Book(
        manifest.tenant,
        households=tuple(found[RowKind.HOUSEHOLD]),
        records=tuple(found[RowKind.PORTFOLIO]),
        instruments=tuple(found[RowKind.INSTRUMENT]),
        marks=tuple(found[RowKind.MARK]),
        day_records=tuple(found[RowKind.RECORD]),
        chains=tuple(found[RowKind.CHAIN]),
    )


def _proven(rows: Iterable[Row], manifest: Manifest) -> Iterator[Row]:
    tally = _Tally()
    yield from tally.over(in_order(rows))
    for name, count in manifest.counts.items():
        if tally.counts[name] != count:
            raise InvalidInput(f"the backup holds {tally.counts[name]} {name}, its manifest says {count}", field=f"manifest.counts.{name}")
    for kind, known in tally.hashes.items():
        if manifest.version != 1 and known.hexdigest() != manifest.digests.get(kind):
            raise InvalidInput(f"the digest of the backup's {kind} rows is not the one in its manifest", field=f"manifest.digests.{kind}")


def _lines(content: bytes) -> Iterator[bytes]:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"the backup is not a whole gzip file: {error}", field="content") from None


def _header(lines: Iterator[bytes]) -> Mapping[str, str]:
    document = _document(next(lines, b""), "content")
    _refuse_other_version(document, "content")
    if document["version"] != VERSION:
        raise InvalidInput("the content is of version 1, its manifest is not", field="version")
    fields = Fields(document, "")
    fields.take("schema"), fields.take("version")
    header = {"tenant": fields.text("tenant"), "session_date": fields.day("session_date").isoformat()}
    fields.end()
    return header


def _rows(lines: Iterator[bytes], tenant: str) -> Iterator[Row]:
    places: Counter[str] = Counter()
    for line in lines:
        document = _document(line, "content")
        kind = str(document.get("kind"))
        yield read_row(document, tenant, places[kind])
        places[kind] += 1


def _rows_of_version_1(text: bytes, tenant: str) -> tuple[Iterator[Row], str]:
    document = _document(text, "content")
    _refuse_other_version(document, "content")
    if document["version"] != 1:
        raise InvalidInput("the manifest is of version 1, the content is not", field="version")
    households, records = read_book(document, tenant)
    return Book(tenant, households, records).rows(), document["session_date"]


def _document(content: bytes, what: str) -> Mapping[str, Any]:
    try:
        document = json.loads(content, object_pairs_hook=_no_repeated_key)
    except (ValueError, RecursionError):
        raise InvalidInput(f"the {what} is not JSON", field=what) from None
    if not isinstance(document, dict):
        raise InvalidInput(f"the {what} is not a JSON object", field=what)
    return document


def _no_repeated_key(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key occurs twice")
    return document


def _refuse_other_version(document: Mapping[str, Any], what: str) -> None:
    if document.get("schema") != SCHEMA:
        raise InvalidInput(f"the {what} is of schema {document.get('schema')!r}, not {SCHEMA!r}", field="schema")
    if type(version := document.get("version")) is not int or version not in (1, VERSION):
        raise InvalidInput(f"the {what} is of version {version!r}; this code reads versions 1 and {VERSION}", field="version")
