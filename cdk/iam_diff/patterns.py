"""A pattern includes another if whatever the other matches it matches too: ``*`` any text, ``?`` one character, all else itself.

What a template leaves open (a reference, a policy variable) is one unbreakable piece of unknown length: it is included by itself and
by ``*``, and by nothing else. The answer may be no where the truth is yes (``?*`` and the empty text together include ``*``), never yes
where it is no.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

ANY, ONE = "*", "?"
_OPEN, _CLOSE = "\ue000", "\ue001"
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_SUBSTITUTED = re.compile(r"\$\{(!?)([^}]*)\}")
_PIECES = re.compile(f"{_OPEN}[^{_CLOSE}]*{_CLOSE}|.", re.DOTALL)


def text_of(value: Any) -> str:
    """A template's value as one pattern; references become unbreakable pieces.

    >>> text_of({"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "Prices"}, "/*"]]}) == "arn:aws:s3:::" + text_of({"Ref": "Prices"}) + "/*"
    True
    """
    if isinstance(value, Mapping):
        if set(value) == {"Fn::Join"} and isinstance(value["Fn::Join"][1], Sequence):
            separator, parts = value["Fn::Join"]
            return str(separator).join(map(text_of, parts))
        if set(value) == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
            return _SUBSTITUTED.sub(_substituted, value["Fn::Sub"])
        return _piece(json.dumps(value, sort_keys=True))
    if isinstance(value, bool):
        return str(value).lower()
    return _VARIABLE.sub(lambda found: _piece(found[0]), str(value))


def _substituted(found: re.Match[str]) -> str:
    """What ``Fn::Sub`` puts in: ``${Name}`` is the reference, ``${Name.Attribute}`` the attribute, ``${!Name}`` itself."""
    if found[1]:
        return _piece(f"${{{found[2]}}}")
    name, dot, attribute = found[2].partition(".")
    return _piece(json.dumps({"Fn::GetAtt": [name, attribute]} if dot else {"Ref": name}, sort_keys=True))


def _piece(text: str) -> str:
    return f"{_OPEN}{text}{_CLOSE}"


def shown(pattern: str) -> str:
    """A pattern for people: unbreakable pieces in angle brackets."""
    return pattern.replace(_OPEN, "<").replace(_CLOSE, ">")


def has_wildcard(pattern: str) -> bool:
    """Whether it matches more than one text."""
    return any(piece in (ANY, ONE) for piece in _PIECES.findall(pattern))


@cache
def _pieces(pattern: str) -> tuple[str, ...]:
    """The pattern piece by piece; in every run of wildcards the single ones first, then one ``*``, so that equal runs are equal."""
    pieces: list[str] = []
    run: list[str] = []
    for piece in [*_PIECES.findall(pattern), ""]:
        if piece in (ANY, ONE):
            run.append(piece)
            continue
        pieces += [ONE] * run.count(ONE) + [ANY] * (ANY in run)
        run = []
        if piece:
            pieces.append(piece)
    return tuple(pieces)


@cache
def includes(wide: str, narrow: str) -> bool:
    """Whether every text that ``narrow`` matches is matched by ``wide``.

    >>> includes("s3:Get*", "s3:GetObject"), includes("s3:Get*", "s3:Get*Tagging"), includes("s3:GetObject", "s3:Get*")
    (True, True, False)
    """
    if wide in (narrow, ANY):
        return True
    left, right = _pieces(wide), _pieces(narrow)
    # reached[k]: the pieces of ``wide`` so far include the first k of ``narrow``.
    reached = [True] + [False] * len(right)
    for piece in left:
        following = [False] * (len(right) + 1)
        following[0] = reached[0] and piece == ANY
        for place, other in enumerate(right, 1):
            if piece == ANY:
                following[place] = reached[place] or following[place - 1]
            elif piece == ONE:
                following[place] = reached[place - 1] and (other == ONE or (other != ANY and len(other) == 1))
            else:
                following[place] = reached[place - 1] and other == piece
        reached = following
    return reached[-1]


def apart(one: str, other: str) -> bool:
    """Whether no text is matched by both, as far as can be told: certain where one of them is a plain text."""
    plain = [pattern for pattern in (one, other) if not has_wildcard(pattern) and _OPEN not in pattern]
    return bool(plain) and not includes(other if plain[0] == one else one, plain[0]) and _OPEN not in one + other
