"""Who calls and for whom: tenants, roles and the principal behind every request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from daymark.core.errors import InvalidInput

# Market rows and the day's runs belong to no client firm: they live under this reserved tenant.
SHARED_TENANT = "shared"


class Role(StrEnum):
    """What a person does here. One role per user; the relation to a resource decides the rest."""

    CLIENT = "client"
    ADVISER = "adviser"
    OPERATIONS = "operations"
    RISK = "risk"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user, as the verified token tells it.

    Attributes:
        user_id: Stable user name; an adviser's book is every portfolio that carries it as adviser.
        tenant: From an immutable token attribute that the user cannot write.
        role: The user's one role.
        household_id: A client's own household; ``None`` for staff.
    """

    user_id: str
    tenant: str
    role: Role
    household_id: str | None = None

    def __post_init__(self) -> None:
        if not self.user_id:
            raise InvalidInput("user_id must not be empty", field="user_id")
        if not self.tenant:
            raise InvalidInput("tenant must not be empty", field="tenant")
        # A bare string would pass some of entitlement's checks and fail others.
        if not isinstance(self.role, Role):
            raise InvalidInput(f"role must be one of {', '.join(Role)}, got {self.role!r}", field="role")
        if self.role is Role.CLIENT and not self.household_id:
            raise InvalidInput("a client must belong to a household", field="household_id")
