"""How far back and how fast: retention of backups, what is copied where, the domain that fails over; from the command line's context."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")
# AWS Backup: a vault's lock can be changed for three days at least, and then never.
_DAYS = {
    "backup_days": (7, 36_500),
    "backup_archive_days": (90, 36_500),
    "vault_least_days": (1, 36_500),
    "vault_most_days": (1, 36_500),
    "vault_changeable_days": (3, 36_500),
}


@dataclass(frozen=True, slots=True)
class RecoverySettings:
    """What distinguishes one recovery from another.

    Attributes:
        backup_days: How long a day's backup is kept.
        backup_archive_days: How long a month's backup is kept: seven years, two of them leap years.
        vault_least_days: The shortest retention that the locked vault takes.
        vault_most_days: The longest; what nobody can delete costs money so long.
        vault_changeable_days: How long after its creation the lock can still be taken off. After that, nobody can, nor AWS.
        copy_back: Whether the secondary region's buckets are copied to the primary's too. The primary's do not exist yet when the
            secondary is deployed for the first time, and S3 refuses a rule without its destination: set it from the second time on.
        domain: The name that clients use, such as ``api.example.com``; empty for none, and then nothing fails over by DNS.
        hosted_zone: The id of the Route 53 zone that the domain is in.
        switch_checks: By region, the id of the health check that the switch's plan vended; a second deployment gives them back.
    """

    backup_days: int = 35
    backup_archive_days: int = 7 * 365 + 2
    vault_least_days: int = 7
    vault_most_days: int = 7 * 365 + 2
    vault_changeable_days: int = 14
    copy_back: bool = False
    domain: str = ""
    hosted_zone: str = ""
    switch_checks: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse what AWS would refuse when it is too late.

        Raises:
            InvalidInput: a backup would be kept for less or longer than the vault takes, or a domain has no zone; the field is named.
        """
        for name in ("backup_days", "backup_archive_days"):
            if not self.vault_least_days <= getattr(self, name) <= self.vault_most_days:
                raise InvalidInput(
                    f"context {name} must be {self.vault_least_days} to {self.vault_most_days}, as the vault is locked", field=name
                )
        if bool(self.domain) != bool(self.hosted_zone):
            raise InvalidInput("context domain and hosted_zone belong together", field="hosted_zone" if self.domain else "domain")

    @classmethod
    def read(cls, context: Callable[[str], Any]) -> RecoverySettings:
        """The settings of ``cdk --context name=value``; what is not said has its default.

        Raises:
            InvalidInput: a value is none of the allowed ones; the field is named.
        """
        said: dict[str, Any] = {name: _days(name, context(name)) for name in _DAYS if context(name) is not None}
        for name, form in {"domain": _DOMAIN, "hosted_zone": _ZONE}.items():
            if context(name):
                if not form.fullmatch(str(context(name))):
                    raise InvalidInput(f"context {name} is none: {context(name)!r}", field=name)
                said[name] = str(context(name))
        if context("copy_back") is not None:
            if str(context("copy_back")).lower() not in ("true", "false"):
                raise InvalidInput(f"context copy_back must be true or false, got {context('copy_back')!r}", field="copy_back")
            said["copy_back"] = str(context("copy_back")).lower() == "true"
        if context("switch_checks"):
            said["switch_checks"] = _checks(str(context("switch_checks")))
        return cls(**said)


def _days(name: str, value: Any) -> int:
    least, most = _DAYS[name]
    if not re.fullmatch(r"\d{1,6}", str(value)) or not least <= int(value) <= most:
        raise InvalidInput(f"context {name} must be {least} to {most} days, got {value!r}", field=name)
    return int(value)


def _checks(value: str) -> tuple[tuple[str, str], ...]:
    found = re.findall(r"([a-z]{2}-[a-z]+-\d)=([0-9a-f-]{36})(?:,|$)", value)
    if ",".join(map("=".join, found)) != value:
        raise InvalidInput(f"context switch_checks must be region=id with commas between, got {value!r}", field="switch_checks")
    return tuple(found)
