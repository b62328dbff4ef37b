"""Whether changes are delivered by a pipeline, from which repository, and how long a region is watched; from the command line's context."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from daymark.core.errors import InvalidInput

_CONNECTION = re.compile(r"arn:aws:(codeconnections|codestar-connections):[a-z]{2}-[a-z]+-\d:\d{12}:connection/[0-9a-f-]{36}")
_REPOSITORY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_MINUTES = {"bake_minutes": (15, 420)}


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """What distinguishes one pipeline from another.

    Attributes:
        source_connection: The ARN of the connection (CodeConnections) to where the repository is kept; empty for no pipeline.
        source_repository: The repository there, ``owner/name``.
        source_branch: The branch whose changes are delivered.
        bake_minutes: How long a region's pages must stay silent after a deployment, before the next region has its turn.
    """

    source_connection: str = ""
    source_repository: str = ""
    source_branch: str = "main"
    bake_minutes: int = 30

    @classmethod
    def read(cls, context: Callable[[str], Any]) -> DeliverySettings:
        """The settings of ``cdk --context name=value``; what is not said has its default.

        Raises:
            InvalidInput: a value is none of the allowed ones, or connection and repository are not given together; the field is named.
        """
        said: dict[str, Any] = {}
        for name, form in {"source_connection": _CONNECTION, "source_repository": _REPOSITORY, "source_branch": _BRANCH}.items():
            if context(name):
                if not form.fullmatch(str(context(name))):
                    raise InvalidInput(f"context {name} is none: {context(name)!r}", field=name)
                said[name] = str(context(name))
        if ("source_connection" in said) != ("source_repository" in said):
            missing = "source_repository" if "source_connection" in said else "source_connection"
            raise InvalidInput("context source_connection and source_repository belong together", field=missing)
        for name, (least, most) in _MINUTES.items():
            value = context(name)
            if value is not None:
                if not re.fullmatch(r"\d{1,4}", str(value)) or not least <= int(value) <= most:
                    raise InvalidInput(f"context {name} must be {least} to {most} minutes, got {value!r}", field=name)
                said[name] = int(value)
        return cls(**said)
