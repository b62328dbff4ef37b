"""Entitlement: a principal may act on a resource of its own tenant to which its role gives it a relation.

client -> own household · adviser -> own book · operations, risk -> tenant · administrator -> tenant.
Rows of the shared tenant (market data, day runs) may be read by staff of any tenant and changed by the shared tenant's own
operations staff and administrators alone. This one function decides for every route, channel, cursor, export, job and key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daymark.core.errors import Forbidden, NotFound
from daymark.core.tenancy import SHARED_TENANT, Principal, Role

STAFF = frozenset({Role.ADVISER, Role.OPERATIONS, Role.RISK, Role.ADMINISTRATOR})
WHOLE_TENANT = frozenset({Role.OPERATIONS, Role.RISK, Role.ADMINISTRATOR})
RUNS_THE_DAY = frozenset({Role.OPERATIONS, Role.ADMINISTRATOR})


class Action(StrEnum):
    """What can be done with a resource."""

    READ = "read"
    OPERATE = "operate"


@dataclass(frozen=True, slots=True)
class Resource:
    """What is acted on, reduced to the facts entitlement needs.

    ``household_id`` and ``adviser_id`` are ``None`` for what belongs to a tenant as a whole.
    """

    tenant: str
    household_id: str | None = None
    adviser_id: str | None = None


def may(principal: Principal, action: Action, resource: Resource) -> bool:
    """Whether the principal may do this; default deny.

    >>> client = Principal("client.ada", "northstar", Role.CLIENT, "H-001")
    >>> may(client, Action.READ, Resource("northstar", "H-001", "adviser.ann"))
    True
    >>> may(client, Action.READ, Resource("northstar", "H-002", "adviser.ann"))
    False
    """
    if resource.tenant == SHARED_TENANT:
        if action is Action.READ:
            return principal.role in STAFF
        return principal.tenant == SHARED_TENANT and principal.role in RUNS_THE_DAY
    if principal.tenant != resource.tenant:
        return False
    if action is Action.OPERATE:
        return principal.role in RUNS_THE_DAY
    if principal.role in WHOLE_TENANT:
        return True
    if principal.role is Role.ADVISER:
        return resource.adviser_id == principal.user_id
    # A client's household is never empty, so what belongs to no household matches none.
    return resource.household_id == principal.household_id


def require(principal: Principal, action: Action, resource: Resource, what: str) -> None:
    """Raise unless :func:`may` allows it.

    Whoever may not read a thing is told it does not exist; only a reader who may not operate it hears "forbidden".
    """
    if may(principal, action, resource):
        return
    if may(principal, Action.READ, resource):
        raise Forbidden(f"{principal.role} may read this {what} but not operate it")
    raise NotFound(f"no such {what}")
