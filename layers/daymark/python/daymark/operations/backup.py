"""A backup is a tenant's whole book as canonical JSON: one book, one file, and nothing is restored that is not proven whole.

Canonical means rows sorted by id, keys sorted, decimals in plain notation without trailing zeros, dates in ISO form, gzip without
a time stamp. The manifest carries the SHA-256 of the file and the counts; restoring checks the digest before it reads anything,
the schema and version before it builds anything, and every field by its path.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from daymark.book.models import Household, PortfolioRecord
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput
from daymark.operations.backup_schema import SCHEMA, VERSION, read_book, write_household, write_record

# Where gzip names the system it ran on; 255 is "unknown" (RFC 1952 section 2.3.1), the same everywhere.
_GZIP_SYSTEM_BYTE = 9


@dataclass(frozen=True, slots=True)
class Book:
    """All that a tenant's book is: households and portfolios with every lot and cash entry."""

    tenant: str
    households: tuple[Household, ...]
    records: tuple[PortfolioRecord, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup file holds and how to know that it is whole.

    Attributes:
        sha256: Digest of the compressed file, in hexadecimal.
        size: Length of the compressed file in bytes.
    """

    schema: str
    version: int
    tenant: str
    session_date: str
    sha256: str
    size: int
    households: int
    portfolios: int
    lots: int
    cash_entries: int

    def to_bytes(self) -> bytes:
        """The manifest as canonical JSON."""
        return canonical_json(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            InvalidInput: it is not a manifest of this schema and version; the field says what is wrong.
        """
        document = _document(content, "manifest")
        _refuse_other_version(document, "manifest")
        wanted = {"schema": str, "tenant": str, "session_date": str, "sha256": str}
        for name in cls.__slots__:
            if type(document.get(name)) is not wanted.get(name, int):
                raise InvalidInput(f"manifest field {name} is missing or of another type", field=f"manifest.{name}")
        if extra := sorted(set(document) - set(cls.__slots__)):
            raise InvalidInput(f"manifest has an unknown field {extra[0]}", field=f"manifest.{extra[0]}")
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Backup:
    """A compressed book and its manifest."""

    content: bytes
    manifest: Manifest


def export_book(book: Book, session_date: date) -> Backup:
    """The book as a file. The same book on the same session gives the same bytes, whatever the order of its rows.

    Raises:
        InvalidInput: an id occurs twice, or a row belongs to another tenant or portfolio; the field names it.
    """
    document = {
        "schema": SCHEMA,
        "version": VERSION,
        "tenant": book.tenant,
        "session_date": session_date.isoformat(),
        "households": [write_household(household) for household in sorted(book.households, key=lambda one: one.household_id)],
        "portfolios": [write_record(record) for record in sorted(book.records, key=lambda one: one.portfolio.portfolio_id)],
    }
    content = _compress(canonical_json(document).encode())
    manifest = Manifest(
        schema=SCHEMA,
        version=VERSION,
        tenant=book.tenant,
        session_date=session_date.isoformat(),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        households=len(book.households),
        portfolios=len(book.records),
        lots=sum(len(record.lots) for record in book.records),
        cash_entries=sum(len(record.cash) for record in book.records),
    )
    restore_book(content, manifest)  # a file that would be refused is never handed out
    return Backup(content, manifest)


def restore_book(content: bytes, manifest: Manifest) -> Book:
    """The book a file holds, rows sorted by id.

    Raises:
        InvalidInput: the file is not the one the manifest describes (``size``, ``sha256``), is damaged (``content``), is of
            another schema or version, or one of its fields breaks a rule (the field's path).
    """
    if len(content) != manifest.size:
        raise InvalidInput(f"the backup has {len(content)} bytes, its manifest says {manifest.size}", field="size")
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise InvalidInput("the backup's digest is not the one in its manifest", field="sha256")
    try:
        text = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"the backup is not a whole gzip file: {error}", field="content") from None
    document = _document(text, "content")
    _refuse_other_version(document, "content")
    households, records = read_book(document, manifest.tenant)
    counts = {
        "households": len(households),
        "portfolios": len(records),
        "lots": sum(len(record.lots) for record in records),
        "cash_entries": sum(len(record.cash) for record in records),
    }
    for name, count in counts.items():
        if count != getattr(manifest, name):
            raise InvalidInput(f"the backup holds {count} {name}, its manifest says {getattr(manifest, name)}", field=f"manifest.{name}")
    if document["session_date"] != manifest.session_date:
        raise InvalidInput(f"the backup is of {document['session_date']}, its manifest of {manifest.session_date}", field="session_date")
    return Book(manifest.tenant, households, records)


def differences(one: Book, other: Book) -> tuple[str, ...]:
    """Every item in which two books differ, by name and sorted; empty when they are equal item for item.

    The order of rows and the notation of a decimal (``1.5`` or ``1.50``) make no difference.
    """
    left, right = _items(one), _items(other)
    return tuple(
        f"{name}: {'only in the first' if name not in right else 'only in the second' if name not in left else 'differs'}"
        for name in sorted(left.keys() | right.keys())
        if left.get(name) != right.get(name)
    )


def _items(book: Book) -> dict[str, object]:
    items: dict[str, object] = {"tenant": book.tenant}
    for household in book.households:
        items[f"household {household.household_id}"] = household
    for record in book.records:
        portfolio_id = record.portfolio.portfolio_id
        items[f"portfolio {portfolio_id}"] = record.portfolio
        items |= {f"portfolio {portfolio_id} lot {lot.lot_id}": lot for lot in record.lots}
        items |= {f"portfolio {portfolio_id} cash entry {entry.entry_id}": entry for entry in record.cash}
    return items


def _compress(content: bytes) -> bytes:
    packed = bytearray(gzip.compress(content, compresslevel=9, mtime=0))
    packed[_GZIP_SYSTEM_BYTE] = 255
    return bytes(packed)


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
    if document.get("version") != VERSION:
        raise InvalidInput(f"the {what} is of version {document.get('version')!r}; this code reads version {VERSION}", field="version")
