"""Who is calling: the principal in the claims that API Gateway verified, or nobody. Default deny.

The Cognito authoriser has checked signature, expiry and pool before a function runs. It accepts access tokens and every app
client of the pool, so this module checks what is left: issuer, client, token type, exactly one role, the tenant, and for a
client the household. Several issuers may be configured, because each region has its own pool and a failover needs both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from daymark.core.errors import InvalidInput, Unauthenticated
from daymark.core.tenancy import Principal, Role

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# The gateway writes a REST token's instants as ``Mon Feb 05 22:00:00 UTC 2018``; others pass on the seconds of the token itself.
_SPOKEN = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) (?:UTC|GMT) ([0-9]{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Identity:
    """The user pools and app clients whose ID tokens are accepted: ``{issuer: client id}``, at least one."""

    clients: Mapping[str, str]

    def __post_init__(self) -> None:
        if not self.clients or not all(issuer and client for issuer, client in self.clients.items()):
            raise InvalidInput("at least one issuer with its client id must be configured", field="identity")


def principal_from_claims(claims: Mapping[str, Any], identity: Identity) -> Principal:
    """The principal that verified claims describe.

    Args:
        claims: Claims as API Gateway passes them: strings; a list of groups arrives as text.
        identity: The issuers and clients accepted.

    Raises:
        Unauthenticated: a claim is missing, malformed, doubled, or belongs to another pool, client or token type. The
            message never says which, so that a forger learns nothing.

    >>> claims = {"iss": "https://pool", "aud": "app", "token_use": "id", "cognito:username": "risk.ray.northstar",
    ...           "cognito:groups": "risk", "custom:tenant": "northstar"}
    >>> principal_from_claims(claims, Identity({"https://pool": "app"})).role
    <Role.RISK: 'risk'>
    """
    issuer = _text(claims, "iss")
    if issuer not in identity.clients or _text(claims, "aud") != identity.clients[issuer] or _text(claims, "token_use") != "id":
        raise _refused()
    role = _role(claims.get("cognito:groups"))
    household = _name(claims, "custom:household") if role is Role.CLIENT else None
    return Principal(_name(claims, "cognito:username"), _name(claims, "custom:tenant"), role, household)


def _refused() -> Unauthenticated:
    return Unauthenticated("sign in with a valid ID token")


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise _refused()
    return value


def _name(claims: Mapping[str, Any], name: str) -> str:
    value = _text(claims, name)
    if _NAME.fullmatch(value) is None:
        raise _refused()
    return value


def _role(groups: object) -> Role:
    """Exactly one group, and it is a role; API Gateway writes one group as ``risk`` or ``[risk]``, several as ``a,b`` or ``[a b]``."""
    names = list(groups) if isinstance(groups, list | tuple) else [groups]
    if len(names) != 1 or not isinstance(names[0], str):
        raise _refused()
    name = names[0][1:-1] if names[0].startswith("[") and names[0].endswith("]") else names[0]
    try:
        return Role(name)
    except ValueError:
        raise _refused() from None


def expiry_from_claims(claims: Mapping[str, Any]) -> datetime:
    """When the token behind verified claims expires.

    Raises:
        Unauthenticated: the claim is missing or in no form that the gateway writes.

    >>> expiry_from_claims({"exp": "Mon Feb 05 22:00:00 UTC 2018"}).isoformat()
    '2018-02-05T22:00:00+00:00'
    >>> expiry_from_claims({"exp": "1517868000"}) == expiry_from_claims({"exp": "Mon Feb 05 22:00:00 UTC 2018"})
    True
    """
    given = str(claims.get("exp", ""))
    spoken = _SPOKEN.fullmatch(given)
    try:
        if spoken is None:
            return datetime.fromtimestamp(int(given), UTC)
        month, day, hour, minute, second, year = spoken.groups()
        return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise _refused() from None


def _claims(request: Request) -> Mapping[str, Any]:
    """What the gateway verified, from its event, which Mangum put beside the request."""
    authorizer: Any = request.scope.get("aws.event")
    for key in ("requestContext", "authorizer", "claims"):
        authorizer = authorizer.get(key) if isinstance(authorizer, Mapping) else None
    if not isinstance(authorizer, Mapping):
        raise _refused()
    return authorizer


def current_principal(request: Request) -> Principal:
    """The caller of this request."""
    return principal_from_claims(_claims(request), request.app.state.services.identity)


def token_expiry(request: Request) -> datetime:
    """When the caller's token expires."""
    return expiry_from_claims(_claims(request))


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
TokenExpiry = Annotated[datetime, Depends(token_expiry)]
