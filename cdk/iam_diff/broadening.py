"""What a new set of templates lets somebody do that the old one did not: every way rights can grow, by kind and place.

A grant is no broadening if one grant of the same holder covered it before; a denial is none if one denial covers it now. Nothing wider
is let pass for that; something equal that is written as several narrower grants may be told although it is no wider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cdk.iam_diff.grants import Grant
from cdk.iam_diff.holders import IDENTITIES, Holder, Templates, holders
from cdk.iam_diff.patterns import shown


class Kind(StrEnum):
    """How rights have grown."""

    NEW_HOLDER = "new identity"
    NEW_GRANT = "new grant"
    ACTION = "new action"
    WIDER_ACTION = "wider action"
    RESOURCE = "new resource"
    WIDER_RESOURCE = "wider resource"
    PRINCIPAL = "new principal"
    CONDITION = "condition removed or loosened"
    TURNED_AROUND = "everything but something"
    DENIAL = "denial removed or narrowed"
    MANAGED = "managed policy attached"
    BOUNDARY = "permissions boundary removed or changed"
    UNREAD = "cannot be judged, and changed"


@dataclass(frozen=True, slots=True, order=True)
class Broadening:
    """One thing that somebody may do now.

    Attributes:
        where: Region, stack, and the holder's name.
    """

    where: str
    kind: Kind
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.kind}: {self.what}"


def broadenings(before: Templates, after: Templates) -> list[Broadening]:
    """Every broadening of one set of templates against another, in order; empty if nobody may do more."""
    old, new = holders(before), holders(after)
    return sorted({found for where, holder in new.items() for found in _grown(shown(where), old.get(where), holder)})


def _grown(where: str, before: Holder | None, after: Holder) -> Iterator[Broadening]:
    old = before or Holder(after.kind)
    if before is None and after.kind in IDENTITIES.values():
        yield Broadening(where, Kind.NEW_HOLDER, after.kind)
    for grant in after.grants - old.grants:
        if grant.allows and (kind := _kind(grant, old.grants)):
            yield Broadening(where, kind, str(grant))
    for grant in old.grants - after.grants:
        if not grant.allows and not any(each.covers(grant) for each in after.grants if not each.allows):
            yield Broadening(where, Kind.DENIAL, str(grant))
    for policy in after.managed - old.managed:
        yield Broadening(where, Kind.MANAGED, shown(policy))
    if old.boundary and after.boundary != old.boundary:
        yield Broadening(where, Kind.BOUNDARY, f"{shown(old.boundary)} is now {shown(after.boundary) or 'none'}")
    for text in after.unread - old.unread:
        yield Broadening(where, Kind.UNREAD, text)


# The part by which a grant is wider than one before it, and what that is called.
_PARTS: Mapping[str, tuple[Kind, Kind]] = {
    "conditions": (Kind.CONDITION, Kind.CONDITION),
    "resource": (Kind.RESOURCE, Kind.WIDER_RESOURCE),
    "action": (Kind.ACTION, Kind.WIDER_ACTION),
    "principal": (Kind.PRINCIPAL, Kind.PRINCIPAL),
}


def _kind(grant: Grant, before: set[Grant]) -> Kind | None:
    """How a grant is wider than what the holder had; ``None`` if it is not."""
    had = [each for each in before if each.allows]
    if any(each.covers(grant) for each in had):
        return None
    if grant.turned_around:
        return Kind.TURNED_AROUND
    for part, (other, wider) in _PARTS.items():
        if any(each.covers(grant, but=part) for each in had):
            return wider if part in ("action", "resource") and getattr(grant, part).is_wide else other
    return Kind.NEW_GRANT
