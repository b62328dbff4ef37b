"""A statement's conditions as sets, and whether one set of conditions holds wherever another does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk.iam_diff.patterns import includes, text_of

# Operator and key, with the values of which one has to match.
Conditions = frozenset[tuple[str, str, frozenset[str]]]

# One of the values is enough: fewer values are stricter.
_PATTERNS = {"StringLike"}
_ARNS = {"ArnEquals", "ArnLike"}
_CHOICES = {"StringEquals", "StringEqualsIgnoreCase", "Bool", "Null", "NumericEquals", "DateEquals", "BinaryEquals", "IpAddress"}
# None of the values may match: more values are stricter.
_EXCLUSIONS = {
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
    "ArnNotEquals",
    "ArnNotLike",
    "NumericNotEquals",
    "DateNotEquals",
    "NotIpAddress",
}
_IF_EXISTS = "IfExists"
_ARN_PARTS = 6


def conditions_of(statement: Mapping[str, Any]) -> Conditions:
    """A statement's conditions. Keys are compared without regard to case, as IAM does."""
    found = set()
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            several = values if isinstance(values, list) else [values]
            found.add((operator, key.lower(), frozenset(map(text_of, several))))
    return frozenset(found)


def implied(wide: Conditions, narrow: Conditions) -> bool:
    """Whether ``wide`` holds wherever ``narrow`` does: each condition of ``wide`` follows from one of ``narrow``."""
    return all(any(_follows(condition, other) for other in narrow) for condition in wide)


def _follows(wide: tuple[str, str, frozenset[str]], narrow: tuple[str, str, frozenset[str]]) -> bool:
    operator, key, values = wide
    stricter, other_key, fewer = narrow
    # A key that has to be there and match does so too where it may be missing.
    same = stricter == operator or (":" not in operator and operator == stricter + _IF_EXISTS)
    if not same or key != other_key:
        return False
    plain = operator.rpartition(":")[2].removesuffix(_IF_EXISTS)
    if plain in _EXCLUSIONS:
        return values <= fewer
    if plain in _PATTERNS:
        return all(any(includes(value, each) for value in values) for each in fewer)
    if plain in _ARNS:
        return all(any(_arn_includes(value, each) for value in values) for each in fewer)
    return fewer <= values if plain in _CHOICES else fewer == values


def _arn_includes(wide: str, narrow: str) -> bool:
    """Part by part, because an ARN's wildcards end at its colons."""
    if wide == narrow:
        return True
    left, right = wide.split(":", _ARN_PARTS - 1), narrow.split(":", _ARN_PARTS - 1)
    return len(left) == len(right) == _ARN_PARTS and all(map(includes, left, right))
