"""Users of both regions, read from the command line's context: what a template of one region cannot learn of the other's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

_FORMS = {
    "pool": re.compile(r"([a-z0-9-]+)_[0-9A-Za-z]+"),
    "client": re.compile(r"[0-9a-z]{20,32}"),
    "key": re.compile(r"arn:aws:kms:([a-z0-9-]+):[0-9]{12}:key/mrk-[0-9a-f]{32}"),
}
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")


@dataclass(frozen=True, slots=True)
class UserDirectory:
    """The primary region's pool as deployed: outputs of its identity stack, which the secondary needs and CloudFormation cannot hand on.

    Attributes:
        pool: Id of the pool; a replica has the same.
        client: Id of the app client; the same in the replica.
        key: ARN of the multi-Region key that encrypts the pool, in the primary region.
    """

    pool: str
    client: str
    key: str


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """How users are kept.

    Attributes:
        directory: The deployed pool, once there is one to replicate; before, each region has a pool of its own and users are in one only.
        passkey_domain: The domain of the application that users sign in to. With it they may sign in by a passkey that verifies them.
    """

    directory: UserDirectory | None = None
    passkey_domain: str | None = None

    @classmethod
    def read(cls, context: Callable[[str], Any], primary: str) -> IdentitySettings:
        """The settings of a deployment.

        Raises:
            InvalidInput: the directory is incomplete, or of another region than the primary; or the domain is none.
        """
        domain = context("passkey_domain")
        if domain is not None and not _DOMAIN.fullmatch(str(domain)):
            raise InvalidInput(f"context passkey_domain must be a domain in lower case, got {domain!r}", field="passkey_domain")
        return cls(_directory(context("user_directory"), primary), domain)


def _directory(value: Any, primary: str) -> UserDirectory | None:
    """A JSON object: as it stands in ``cdk.json``, or as text behind ``--context``."""
    if value is None:
        return None
    try:
        parts = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        parts = None
    if not isinstance(parts, Mapping) or set(parts) != set(_FORMS):
        raise InvalidInput(f"context user_directory must be a JSON object with {', '.join(_FORMS)}, got {value!r}", field="user_directory")
    for name, form in _FORMS.items():
        found = form.fullmatch(str(parts[name]))
        if not found:
            raise InvalidInput(f"context user_directory has no valid {name}: {parts[name]!r}", field=f"user_directory.{name}")
        if form.groups and found[1] != primary:
            raise InvalidInput(f"context user_directory: the {name} must be of {primary}, got {found[1]}", field=f"user_directory.{name}")
    return UserDirectory(**parts)
