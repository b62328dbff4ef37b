"""Fencing: before any money row or outside effect, claim its business key under the current epoch.

The claim is one conditional update on a strongly consistent table. A writer whose epoch has been superseded is refused; the
same key with the same content is a harmless repeat; the same key with other content is a conflict. A claim whose row never
came is repaired by replaying the work, because the repeat is let through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from daymark.core.errors import Conflict, InvalidInput


@dataclass(frozen=True, slots=True)
class Fence:
    """The right to write: for which scope of work, held by which region, since which epoch."""

    scope: str
    region: str
    epoch: int

    def __post_init__(self) -> None:
        if not self.scope:
            raise InvalidInput("scope must not be empty", field="scope")
        if not self.region:
            raise InvalidInput("region must not be empty", field="region")
        if self.epoch < 1:
            raise InvalidInput(f"epoch must be at least 1, got {self.epoch}", field="epoch")


class FenceLedger(Protocol):
    """The strongly consistent table of epochs and claims."""

    def current(self, scope: str) -> Fence:
        """The fence in force for a scope (a run, a portfolio's home region).

        Raises:
            NotFound: no epoch was ever opened for the scope.
        """
        ...

    def open(self, scope: str, region: str) -> Fence:
        """Take the scope over: the next epoch, held by ``region``. Earlier fences of the scope turn stale."""
        ...

    def claim(self, fingerprints: Mapping[str, str], fence: Fence) -> None:
        """Claim business keys, each for one content, inside the fence's scope.

        Every key has a claim of its own, so batches that overlap meet on the keys they share. Many keys are not claimed at one
        instant: those claimed before a refusal stay claimed, for the content that they were claimed for.

        Args:
            fingerprints: Digest of each key's content; empty claims nothing.
            fence: The right to write.

        Raises:
            StaleFence: a later epoch of the scope exists.
            Conflict: a key was claimed for another fingerprint; the context names it.
        """
        ...


def claimed_otherwise(key: str, scope: str) -> Conflict:
    """The refusal of a key that is held for other content, with the way out: the claim stands, so its key can never carry this."""
    message = f"{key} was claimed for other content: what it is made of has changed since; a new attempt of the phase has keys of its own"
    return Conflict(message, field="key", key=key, scope=scope)
