"""One call, one effect: the caller names a call, and the same name never has two effects or two answers.

The answer is decided before the effect and stored with the claim in one conditional write. Whoever comes again with the same
key and payload gets that answer, and the effect is asked for again under the same business key, where repeating is harmless.
So a crash between claim and effect is mended by the caller's own retry, and no claim can be left "in progress" for ever.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from daymark.core.tenancy import Principal


class IdempotencyKeys(Protocol):
    """The calls made, by caller and key, kept for a day."""

    def answer(self, scope: str, key: str, payload_hash: str) -> Mapping[str, Any] | None:
        """The answer given before, or ``None`` if the key is new.

        Raises:
            Conflict: the key was used for another payload.
        """
        ...

    def claim(self, scope: str, key: str, payload_hash: str, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """Claim a key for one payload and return the answer that stands: ``answer`` if first, else the one stored.

        Raises:
            Conflict: the key was used for another payload.
        """
        ...


def scope_of(principal: Principal) -> str:
    """The caller's own space of keys: nobody meets another's.

    >>> from daymark.core.tenancy import Role
    >>> scope_of(Principal("risk.ray.northstar", "northstar", Role.RISK))
    'northstar/risk.ray.northstar'
    """
    return f"{principal.tenant}/{principal.user_id}"


def payload_hash(operation: str, payload: Mapping[str, Any]) -> str:
    """SHA-256 of the operation and its payload, in hexadecimal; the order of members does not matter."""
    text = json.dumps([operation, payload], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
