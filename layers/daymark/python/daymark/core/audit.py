"""Audit: what happened is chained entry to entry by hash, one chain per tenant, session date and phase, and sealed by a Merkle root.

Each entry's hash covers the hash before it, so nothing inside a chain can be edited, dropped, inserted or moved unseen. What a
chain cannot show by itself, that its end was cut off or that all of it was written anew, shows against the sealed last hash.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol, Self

from daymark.core.errors import InvalidInput
from daymark.core.fence import Fence

# RFC 6962 section 2.1: a leaf can never be read as a node, nor a node as a leaf.
LEAF, NODE = b"\x00", b"\x01"
HASH_LENGTH = 64


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted by code point, no spaces, no NaN; sequences become lists.

    >>> canonical_json({"b": (1, 2.5), "a": None})
    '{"a":null,"b":[1,2.5]}'

    Raises:
        InvalidInput: something that is not plain JSON (a Decimal, a date, a NaN, a key that is no string); the field is its path.
    """
    return _text(value, "body")


def _text(value: Any, path: str) -> str:
    return json.dumps(_plain(value, path), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool) or type(value) is int:
        return value
    if isinstance(value, str):
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidInput(f"{path} holds half a surrogate pair", field=path)
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"{path} must be finite, got {value}", field=path)
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise InvalidInput(f"{path} has a key that is no string: {key!r}", field=path)
        return {_plain(key, path): _plain(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{path}[{place}]") for place, item in enumerate(value)]
    raise InvalidInput(f"{path} must be plain JSON, not {type(value).__name__}", field=path)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened.

    Attributes:
        sequence: Position in its chain, from 0.
        key: What makes the event one and the same when work is replayed; unique in its chain.
        body: Plain JSON; what the chain's hash covers is its canonical text.
        previous_hash: Hash of the entry before, or the chain's :func:`genesis`.
        hash: SHA-256 over everything above, in hexadecimal.
    """

    tenant: str
    session_date: date
    phase: str
    sequence: int
    key: str
    event: str
    body: Mapping[str, Any]
    previous_hash: str
    hash: str

    @classmethod
    def first(cls, tenant: str, session_date: date, phase: str, key: str, event: str, body: Mapping[str, Any]) -> Self:
        """The entry that begins a chain."""
        for name, value in (("tenant", tenant), ("phase", phase)):
            if not value:
                raise InvalidInput(f"{name} must not be empty", field=name)
        return cls._sealed(tenant, session_date, phase, 0, key, event, body, genesis(tenant, session_date, phase))

    def then(self, key: str, event: str, body: Mapping[str, Any]) -> Self:
        """The entry that follows this one in its chain."""
        return self._sealed(self.tenant, self.session_date, self.phase, self.sequence + 1, key, event, body, self.hash)

    @classmethod
    def _sealed(
        cls, tenant: str, session_date: date, phase: str, sequence: int, key: str, event: str, body: Mapping[str, Any], previous: str
    ) -> Self:
        for name, value in (("key", key), ("event", event)):
            if not value:
                raise InvalidInput(f"{name} must not be empty", field=name)
        # Through text and back: the entry keeps its own copy, equal to what any store gives back.
        kept = json.loads(canonical_json(body))
        entry = cls(tenant, session_date, phase, sequence, key, event, kept, previous, "")
        return replace(entry, hash=chain(previous, entry))


class AuditTrail(Protocol):
    """Append-only chains, one per (tenant, session date, phase)."""

    def append(
        self, tenant: str, session_date: date, phase: str, key: str, event: str, body: Mapping[str, Any], fence: Fence
    ) -> AuditEntry:
        """Append an event to its chain. The same key with the same event and body returns the entry that stands.

        Raises:
            StaleFence: a later epoch owns the fence's scope.
            Conflict: the key stands for another event or body, or other writers kept coming first.
            InvalidInput: the body is not plain JSON.
        """
        ...

    def chain(self, tenant: str, session_date: date, phase: str) -> Sequence[AuditEntry]:
        """The chain's entries in order; empty if nothing was ever appended. Strongly consistent."""
        ...


def _digest(value: Any) -> str:
    return hashlib.sha256(_text(value, "entry").encode()).hexdigest()


def genesis(tenant: str, session_date: date, phase: str) -> str:
    """The hash a chain starts from. It names the chain, so one chain cannot pass for another."""
    return _digest(["daymark audit chain 1", tenant, _iso(session_date), phase])


def chain(previous_hash: str, entry: AuditEntry) -> str:
    """The hash of an entry that follows ``previous_hash``; the hash the entry itself claims does not enter."""
    return _digest([previous_hash, entry.tenant, _iso(entry.session_date), entry.phase, entry.sequence, entry.key, entry.event, entry.body])


def _iso(day: date) -> str:
    if isinstance(day, datetime):
        raise InvalidInput("session_date must be a date without a time", field="session_date")
    return day.isoformat()


@dataclass(frozen=True, slots=True)
class ChainFault:
    """The first place where a chain does not hold: ``index`` into the entries, or their number when the end is missing."""

    index: int
    reason: str


def verify(entries: Sequence[AuditEntry], sealed_hash: str | None = None) -> ChainFault | None:
    """The first entry that does not follow from the one before it, or ``None`` if the chain holds.

    Args:
        entries: One whole chain in stored order; empty holds unless a sealed hash says otherwise.
        sealed_hash: Hash of the last entry as sealed. Without it a cut-off end cannot be told from a chain that stopped there.

    A forger who also recomputed the hash of entry ``i`` is found at ``i + 1``, and at the end through ``sealed_hash``.
    """
    previous: AuditEntry | None = None
    keys: set[str] = set()
    for index, entry in enumerate(entries):
        try:
            reason = _fault(previous, entry, keys, entries[0])
        except InvalidInput as error:
            reason = error.message
        if reason:
            return ChainFault(index, reason)
        keys.add(entry.key)
        previous = entry
    if sealed_hash is not None and (previous is None or previous.hash != sealed_hash):
        return ChainFault(len(entries), "the chain does not end in the sealed hash")
    return None


def _fault(previous: AuditEntry | None, entry: AuditEntry, keys: set[str], head: AuditEntry) -> str | None:
    if (entry.tenant, entry.session_date, entry.phase) != (head.tenant, head.session_date, head.phase):
        return "belongs to another chain"
    if entry.sequence != (0 if previous is None else previous.sequence + 1):
        return "sequence does not continue"
    if entry.previous_hash != (genesis(head.tenant, head.session_date, head.phase) if previous is None else previous.hash):
        return "does not follow the entry before it"
    if entry.key in keys:
        return "repeats a key"
    return None if entry.hash == chain(entry.previous_hash, entry) else "content does not match its hash"


def merkle_root(hashes: Sequence[str]) -> str:
    """The Merkle root over SHA-256 hashes in their given order, all in lower-case hexadecimal.

    The tree is that of RFC 6962 section 2.1; the root of no hashes is SHA-256 of nothing.

    Raises:
        InvalidInput: one of them is not a SHA-256 hash in lower-case hexadecimal.
    """
    for place, text in enumerate(hashes):
        if len(text) != HASH_LENGTH or set(text) - set("0123456789abcdef"):
            raise InvalidInput("expected a SHA-256 hash in lower-case hexadecimal", field=f"hashes[{place}]")
    return merkle_tree_hash([bytes.fromhex(text) for text in hashes]).hex()


def merkle_tree_hash(leaves: Sequence[bytes]) -> bytes:
    """The Merkle Tree Hash of RFC 6962 section 2.1 over leaves of any length."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [hashlib.sha256(LEAF + leaf).digest() for leaf in leaves]
    while len(level) > 1:
        paired = [hashlib.sha256(NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        # An odd one out rises unpaired, which is the RFC's split at the largest power of two.
        level = paired + level[len(paired) * 2 :]
    return level[0]
