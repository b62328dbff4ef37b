"""A policy document as single grants, one for each action, resource and principal: how statements are cut plays no part then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdk.iam_diff.conditions import Conditions, conditions_of, implied
from cdk.iam_diff.patterns import ANY, apart, has_wildcard, includes, shown, text_of

EVERYBODY = "*"


class NotUnderstood(Exception):
    """A policy that is written in a way nothing here can judge."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """What one part of a grant matches: one pattern, or with ``NotAction`` and its like everything but some patterns."""

    patterns: frozenset[str]
    everything_but: bool = False

    def covers(self, other: Matcher) -> bool:
        """Whether this matches whatever the other does, as far as can be told."""
        if self.everything_but:
            if other.everything_but:
                return all(any(includes(wide, each) for wide in other.patterns) for each in self.patterns)
            return all(apart(each, pattern) for each in self.patterns for pattern in other.patterns)
        if other.everything_but:
            return ANY in self.patterns
        return all(any(includes(wide, each) for wide in self.patterns) for each in other.patterns)

    @property
    def is_wide(self) -> bool:
        """Whether it matches more than one thing."""
        return self.everything_but or any(map(has_wildcard, self.patterns))

    def __str__(self) -> str:
        listed = ", ".join(sorted(map(shown, self.patterns)))
        return f"everything but {listed}" if self.everything_but else listed


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource for one principal under conditions, allowed or denied.

    Attributes:
        principal: With its kind before it, ``Service events.amazonaws.com``; the holder itself in a policy that names none.
    """

    allows: bool
    action: Matcher
    resource: Matcher
    principal: Matcher
    conditions: Conditions

    def covers(self, other: Grant, but: str = "") -> bool:
        """Whether this applies wherever the other does.

        Args:
            other: A grant of the same effect.
            but: A part that is left out of the comparison: ``action``, ``resource``, ``principal`` or ``conditions``.
        """
        parts = ("action", "resource", "principal")
        if not all(part == but or getattr(self, part).covers(getattr(other, part)) for part in parts):
            return False
        return but == "conditions" or implied(self.conditions, other.conditions)

    @property
    def turned_around(self) -> bool:
        """Whether some part of it is written as everything but something."""
        return any(part.everything_but for part in (self.action, self.resource, self.principal))

    def __str__(self) -> str:
        said = [f"{'allow' if self.allows else 'deny'} {self.action} on {self.resource}"]
        if self.principal != OWNER:
            said.append(f"for {self.principal}")
        conditions = (
            f"{operator} {key} {'|'.join(sorted(map(shown, values)))}" for operator, key, values in sorted(self.conditions, key=str)
        )
        said += [f"if {condition}" for condition in conditions]
        return " ".join(said)


OWNER = Matcher(frozenset({"the holder"}))


def grants_of(document: Any) -> frozenset[Grant]:
    """The grants of a policy document.

    Raises:
        NotUnderstood: a part of it is decided only when it is deployed.
    """
    found = json.loads(document) if isinstance(document, str) else document
    if not isinstance(found, Mapping) or "Statement" not in found:
        raise NotUnderstood(json.dumps(document, sort_keys=True))
    statements = found["Statement"] if isinstance(found["Statement"], list) else [found["Statement"]]
    return frozenset(grant for statement in statements for grant in _grants(statement))


def _grants(statement: Any) -> Iterator[Grant]:
    if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
        raise NotUnderstood(json.dumps(statement, sort_keys=True))
    conditions = conditions_of(statement)
    for action in _matchers(statement, "Action"):
        # IAM knows actions by any case.
        lowered = Matcher(frozenset(pattern.lower() for pattern in action.patterns), action.everything_but)
        for resource in _matchers(statement, "Resource"):
            for principal in _principals(statement):
                yield Grant(statement["Effect"] == "Allow", lowered, resource, principal, conditions)


def _matchers(statement: Mapping[str, Any], part: str) -> list[Matcher]:
    turned = f"Not{part}"
    if turned in statement:
        return [Matcher(frozenset(map(text_of, _list(statement[turned]))), everything_but=True)]
    if part not in statement:
        # A trust policy names no resource: the role is it.
        return [OWNER]
    return [Matcher(frozenset({text_of(each)})) for each in _list(statement[part])]


def _principals(statement: Mapping[str, Any]) -> list[Matcher]:
    if "NotPrincipal" in statement:
        return [Matcher(frozenset(_named(statement["NotPrincipal"])), everything_but=True)]
    if "Principal" not in statement:
        return [OWNER]
    return [Matcher(frozenset({each})) for each in _named(statement["Principal"])]


def _named(principal: Any) -> Iterator[str]:
    if principal == EVERYBODY:
        yield ANY
        return
    if not isinstance(principal, Mapping) or any(kind.startswith("Fn::") or kind == "Ref" for kind in principal):
        raise NotUnderstood(json.dumps(principal, sort_keys=True))
    for kind, names in principal.items():
        for name in _list(names):
            # In a principal an asterisk is everybody or a letter like others; nothing in between.
            yield ANY if (kind, name) == ("AWS", EVERYBODY) else f"{kind} {text_of(name)}"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
