"""A live session as it was opened: what every reader of the streams must know before the first tick. One JSON object, put once.

Portfolios are spread over numbered buckets, each marked by one ordered lane. Bucket 0 is the market itself: its lane keeps the
quotes of every symbol, for those who watch prices and not a portfolio.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput

VERSION = 1
MARKET_BUCKET = 0
MAX_BUCKETS = 10_000


def bucket_of(tenant: str, portfolio_id: str, buckets: int) -> int:
    """A portfolio's bucket, from 1 to ``buckets``: the first 64 bits of the SHA-256 of its name, spread evenly.

    >>> hashlib.sha256(b"northstar/NS-P01").hexdigest()[0], bucket_of("northstar", "NS-P01", 16)
    ('f', 16)

    Raises:
        InvalidInput: fewer than one bucket or more than 10,000.
    """
    if not 1 <= buckets <= MAX_BUCKETS:
        raise InvalidInput(f"buckets must be 1 to {MAX_BUCKETS}, got {buckets}", field="buckets")
    digest = hashlib.sha256(f"{tenant}/{portfolio_id}".encode()).digest()
    return 1 + (int.from_bytes(digest[:8], "big") * buckets >> 64)


def bucket_key(bucket: int) -> str:
    """The partition key of a bucket's lane, and the name under which its state is kept.

    >>> bucket_key(7)
    'bucket-0007'
    """
    return f"bucket-{bucket:04d}"


def session_key(session_date: date) -> str:
    """Where a session's document stands.

    >>> session_key(date(2018, 2, 5))
    'sessions/2018-02-05.json'
    """
    return f"sessions/{session_date.isoformat()}.json"


@dataclass(frozen=True)
class LiveSession:
    """One session of the live streams.

    Attributes:
        session_date: The session.
        opened_at: Wall time of the opening, aware: of two sessions the one opened later is the present one.
        session_start: The first nanosecond since 1970 in UTC at which its ticks may happen: the exchange's open.
        session_end: The last one: its close.
        publishers: Known publisher numbers.
        synthetic: Whether the session runs on ticks that no market made.
        groups: Over how many partition keys symbols are spread.
        references: Of every symbol the official close of the session before, in 1e-9.
        buckets: Of every symbol the portfolio buckets that hold it, rising; empty where none does. The market bucket is not named.
        books: Of every portfolio bucket the key of its book.

    Raises:
        InvalidInput: a rule is broken; the field is named.
    """

    session_date: date
    opened_at: datetime
    session_start: int
    session_end: int
    publishers: tuple[int, ...]
    synthetic: bool
    groups: int
    references: Mapping[str, int]
    buckets: Mapping[str, tuple[int, ...]]
    books: Mapping[int, str]

    def __post_init__(self) -> None:
        if self.opened_at.tzinfo is None:
            raise InvalidInput("opened_at must be aware", field="opened_at")
        if not 0 <= self.session_start < self.session_end:
            raise InvalidInput("a session must start before it ends", field="session_start")
        if self.references.keys() != self.buckets.keys():
            raise InvalidInput("references and buckets must be of the same symbols", field="buckets")
        for symbol, price in self.references.items():
            if price <= 0:
                raise InvalidInput(f"a reference is above zero, {symbol} has {price}", field=f"references.{symbol}")
        for symbol, held in self.buckets.items():
            if any(bucket not in self.books for bucket in held):
                raise InvalidInput(f"{symbol} is held in a bucket that has no book", field=f"buckets.{symbol}")

    def buckets_to_tell(self, symbol: str) -> tuple[int, ...]:
        """The buckets whose lanes take a symbol's quotes: the market's, and those that hold it."""
        return (MARKET_BUCKET, *self.buckets[symbol])


def encode_live_session(session: LiveSession) -> bytes:
    """The session's document; equal sessions give equal bytes."""
    document = {
        "version": VERSION,
        "session_date": session.session_date.isoformat(),
        "opened_at": session.opened_at.isoformat(),
        "session_start": session.session_start,
        "session_end": session.session_end,
        "publishers": list(session.publishers),
        "synthetic": session.synthetic,
        "groups": session.groups,
        "symbols": {symbol: {"reference": price, "buckets": list(session.buckets[symbol])} for symbol, price in session.references.items()},
        "books": {str(bucket): key for bucket, key in session.books.items()},
    }
    return canonical_json(document).encode("utf-8")


def decode_live_session(content: bytes) -> LiveSession:
    """The session of a document.

    Raises:
        InvalidInput: no such document, or of another version; what is wrong is named.
    """
    try:
        document: dict[str, Any] = json.loads(content)
        if document["version"] != VERSION:
            raise InvalidInput(f"live session version {document['version']} is not known", field="version")
        # As a truth value the text "false" would be true: a market's ticks taken for synthetic ones.
        if not isinstance(document["synthetic"], bool):
            raise InvalidInput(f"synthetic must be true or false, got {document['synthetic']!r}", field="synthetic")
        symbols = document["symbols"]
        return LiveSession(
            session_date=date.fromisoformat(document["session_date"]),
            opened_at=datetime.fromisoformat(document["opened_at"]),
            session_start=int(document["session_start"]),
            session_end=int(document["session_end"]),
            publishers=tuple(int(number) for number in document["publishers"]),
            synthetic=document["synthetic"],
            groups=int(document["groups"]),
            references={symbol: int(entry["reference"]) for symbol, entry in symbols.items()},
            buckets={symbol: tuple(int(bucket) for bucket in entry["buckets"]) for symbol, entry in symbols.items()},
            books={int(bucket): str(key) for bucket, key in document["books"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidInput(f"no live session: {error}", field="content") from None
