"""Fencing: before any money row or outside effect, claim its business key under the current epoch.

The claim is one conditional update on a strongly consistent table. A writer whose epoch has been superseded is refused; the
same key with the same content is a harmless repeat; the same key with other content is a conflict. A claim whose row never
came is repaired by replaying the work, because the repeat is let through.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from daymark.core.errors import InvalidInput


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


class Claim(StrEnum):
    """What a granted claim found."""

    FIRST = "first"
    REPEAT = "repeat"


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

    def claim(self, key: str, fingerprint: str, fence: Fence) -> Claim:
        """Claim a business key for one content, inside the fence's scope.

        Raises:
            StaleFence: a later epoch of the scope exists.
            Conflict: the key was claimed for another fingerprint.
        """
        ...
