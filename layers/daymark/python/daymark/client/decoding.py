"""JSON answers as the dataclasses that the description names: amounts as ``Decimal``, days and instants as such.

Members that an answer has besides are ignored, so a newer service does not break an older client. One that is missing, or of another
kind, is an error: the answer is not what the description says.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_FROM_TEXT: Mapping[Any, Callable[[str], Any]] = {Decimal: Decimal, date: date.fromisoformat, datetime: datetime.fromisoformat}
_PLAIN: Mapping[Any, tuple[type, ...]] = {str: (str,), bool: (bool,), int: (int,), float: (int, float)}


class UnexpectedAnswer(Exception):
    """The service's answer is not what its description says; the message names the place."""


def decode(kind: type[T], value: Any) -> T:
    """A JSON value as what the description says it is.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Holding:
    ...     value: Decimal
    ...     on: date | None
    >>> decode(Holding, {"value": "12.50", "on": None, "new": 1})
    Holding(value=Decimal('12.50'), on=None)
    >>> decode(Holding, {"value": 12.5, "on": None})
    Traceback (most recent call last):
        ...
    daymark.client.decoding.UnexpectedAnswer: answer.value should be Decimal, not 12.5

    Raises:
        UnexpectedAnswer: it is not.
    """
    decoded: T = _decoded(kind, value, "answer")
    return decoded


def _decoded(kind: Any, value: Any, place: str) -> Any:
    origin = get_origin(kind)
    if kind is Any or origin is Literal:
        # A name that only a newer service knows is passed on as it is.
        return value
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in get_args(kind) if each is not type(None))
        return None if value is None else _decoded(inner, value, place)
    if origin is tuple and isinstance(value, list):
        return tuple(_decoded(get_args(kind)[0], each, f"{place}[{number}]") for number, each in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {name: _decoded(get_args(kind)[1], each, f"{place}.{name}") for name, each in value.items()}
    if is_dataclass(kind) and isinstance(kind, type) and isinstance(value, dict):
        return _object(kind, value, place)
    return _scalar(kind, value, place)


def _scalar(kind: Any, value: Any, place: str) -> Any:
    # JSON's true is no number, though Python's is.
    if kind in _PLAIN and isinstance(value, _PLAIN[kind]) and isinstance(value, bool) is (kind is bool):
        return value
    if kind in _FROM_TEXT and isinstance(value, str):
        try:
            return _FROM_TEXT[kind](value)
        except (ValueError, InvalidOperation):
            pass
    name = getattr(kind, "__name__", str(kind))
    raise UnexpectedAnswer(f"{place} should be {name}, not {value!r}")


def _object(kind: type, value: Mapping[str, Any], place: str) -> Any:
    members = {}
    for attribute, (name, inner, optional) in _members(kind).items():
        if name in value:
            members[attribute] = _decoded(inner, value[name], f"{place}.{name}")
        elif not optional:
            raise UnexpectedAnswer(f"{place}.{name} is missing")
    return kind(**members)


@cache
def _members(kind: type) -> Mapping[str, tuple[str, Any, bool]]:
    """Of every attribute the member's name, its kind, and whether it may be missing. An underscore at the end keeps off Python's words."""
    hints = get_type_hints(kind)
    return {each.name: (each.name.removesuffix("_"), hints[each.name], each.default is None) for each in fields(kind)}
