"""What every store does the same way: natural keys, models as canonical JSON, and the claim that comes before any row."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput, StaleFence, own_words
from daymark.core.fence import Fence, FenceLedger
from daymark.operations.models import OperationPhase

if TYPE_CHECKING:
    # Annotations alone need it: a step of the phase machine loads no numerics.
    from daymark.book.models import Portfolio
    from daymark.book.ports import DayRecord

T = TypeVar("T")
KEY_SEPARATOR = "#"
_LANE_NAME = re.compile(r"[A-Za-z0-9.:_-]+(?:/[A-Za-z0-9.:_-]+)*")
_DOTS = re.compile(r"(?<![^/])\.{1,2}(?![^/])")


def natural_key(*parts: str) -> str:
    """Parts joined by ``#``, which therefore no part may contain.

    >>> natural_key("TENANT", "northstar")
    'TENANT#northstar'
    >>> natural_key("TENANT", "north#star")
    Traceback (most recent call last):
    daymark.core.errors.InvalidInput: a key part must be non-empty text without '#', got 'north#star'
    """
    for part in parts:
        if not part or KEY_SEPARATOR in part:
            raise InvalidInput(f"a key part must be non-empty text without {KEY_SEPARATOR!r}, got {part!r}", field="key")
    return KEY_SEPARATOR.join(parts)


def fingerprint(content: str | bytes) -> str:
    """SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@cache
def _adapter(model: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast(type[Any], model))


def plain(model: type[T], value: T) -> Any:
    """A model as plain JSON data: decimals as strings, dates in ISO form."""
    return _adapter(cast(Hashable, model)).dump_python(value, mode="json")


def encode_model(model: type[T], value: T) -> str:
    """A model as canonical JSON; fields typed ``Any`` must hold plain JSON data."""
    return canonical_json(plain(model, value))


def decode_model(model: type[T], content: str | Mapping[str, Any]) -> T:
    """The model back from its JSON text or from plain data; fields a previous version lacked take their defaults.

    Raises:
        InvalidInput: the content does not fit; ``field`` names the first field at fault.
    """
    reader = _adapter(cast(Hashable, model))
    try:
        read = reader.validate_json(content) if isinstance(content, str) else reader.validate_python(content)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"stored {model.__name__} cannot be read: {field}: {own_words(first['msg'])}", field=field) from None
    return cast(T, read)


def unique_contents(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Content by natural key.

    Raises:
        InvalidInput: one batch names a key twice.
    """
    contents: dict[str, str] = {}
    for key, content in rows:
        if key in contents:
            raise InvalidInput(f"the batch holds {key} twice", field="key", key=key)
        contents[key] = content
    return contents


def claim_rows(ledger: FenceLedger | None, contents: Mapping[str, str], fence: Fence) -> None:
    """Claim every row of a batch (content by natural key) before any of them is written; without a ledger nothing is fenced.

    A claim whose row never came is completed by replaying the same row, alone or in any batch.

    Raises:
        StaleFence: a later epoch owns the fence's scope.
        Conflict: a row was claimed for other content; the context names its key.
    """
    if ledger is not None and contents:
        ledger.claim({key: fingerprint(content) for key, content in contents.items()}, fence)


def audit_claim(chain_key: str, key: str, event: str, body: Mapping[str, Any]) -> Mapping[str, str]:
    """What claims one audit entry: its event and body under its chain and key.

    >>> dict(audit_claim("CHAIN#northstar#2018-02-05#MID_DAY", "a", "marked", {"count": 1}))
    {'audit/CHAIN#northstar#2018-02-05#MID_DAY/a': '["marked",{"count":1}]'}
    """
    return {f"audit/{chain_key}/{key}": canonical_json([event, body])}


def require_home_region(portfolio: Portfolio, fence: Fence) -> None:
    """A portfolio's lots and cash are written by its home region alone.

    Raises:
        StaleFence: the fence is another region's.
    """
    if fence.region != portfolio.home_region:
        raise StaleFence(
            f"{portfolio.portfolio_id} is at home in {portfolio.home_region}; {fence.region} may not write it", field="home_region"
        )


def phase_of(record: DayRecord) -> OperationPhase:
    """The phase that wrote a day's record; any other text is refused, because keys sort and are read by it."""
    try:
        return OperationPhase(record.phase)
    except ValueError:
        raise InvalidInput(f"phase must be one of {', '.join(OperationPhase)}, got {record.phase!r}", field="phase") from None


def document_key(key: str) -> str:
    """A document's key: a relative path without empty, ``.`` or ``..`` parts, at most 1,024 bytes.

    >>> document_key("reports/../secret")
    Traceback (most recent call last):
    daymark.core.errors.InvalidInput: a document key must be a plain relative path, got 'reports/../secret'
    """
    if len(key.encode()) > 1024 or any(part in ("", ".", "..") for part in key.split("/")):
        raise InvalidInput(f"a document key must be a plain relative path, got {key[:80]!r}", field="key")
    return key


def lane_name(name: str) -> str:
    """A lane's name as a key: parts of letters, digits and ``.:_-`` joined by ``/``; ``.`` and ``..`` are written so that no path has them.

    >>> lane_name("2018-02-05/ticks-0007"), lane_name("2018-02-05/..")
    ('2018-02-05/ticks-0007', '2018-02-05/%2E%2E')

    Raises:
        InvalidInput: it is none, or has more than 512 characters.
    """
    if len(name) > 512 or not _LANE_NAME.fullmatch(name):
        raise InvalidInput(f"a lane's name has plain parts joined by '/', got {name[:80]!r}", field="name")
    return _DOTS.sub(lambda dots: "%2E" * len(dots[0]), name)


def link_seconds(seconds: int) -> int:
    """How long a link may live: one second to seven days, the longest signature version 4 allows."""
    if not 1 <= seconds <= 604_800:
        raise InvalidInput(f"seconds must be 1 to 604800, got {seconds}", field="seconds")
    return seconds
