"""Facts of an account, from a file that somebody fetched: expiry dates of certificates, quotas. What is not in it stays unknown."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from daymark.core.errors import InvalidInput, NotFound
from daymark.recovery.models import Facts

_KNOWN = ("certificates", "quotas")


def read_facts(path: Path) -> Facts:
    """The facts of a JSON or TOML file: ``{"certificates": {region: {domain: "2027-03-01"}}, "quotas": {region: {name: 1000}}}``.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it is neither JSON nor TOML, or an entry is of another form; the field names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}", field="facts") from None
    try:
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{path} is no {'TOML' if path.suffix == '.toml' else 'JSON'}: {error}", field="facts") from None
    return parse_facts(document)


def parse_facts(document: Any) -> Facts:
    """The facts of a document.

    Raises:
        InvalidInput: an entry is of another form than :func:`read_facts` says; the field names it.
    """
    if not isinstance(document, Mapping) or (unknown := sorted(set(document) - set(_KNOWN))):
        named = f", got {', '.join(unknown)}" if isinstance(document, Mapping) else ""
        raise InvalidInput(f"facts must be an object of {' and '.join(_KNOWN)}{named}", field="facts")
    entries = {name: _by_region(name, document.get(name, {})) for name in _KNOWN}
    return Facts(
        {place: _day(place, value) for place, value in entries["certificates"].items()},
        {place: _count(place, value) for place, value in entries["quotas"].items()},
    )


def _by_region(name: str, document: Any) -> dict[tuple[str, str], Any]:
    if not isinstance(document, Mapping) or not all(isinstance(each, Mapping) for each in document.values()):
        raise InvalidInput(f"facts: {name} must be an object of regions, each an object", field=f"facts.{name}")
    return {(str(region), str(what)): value for region, each in document.items() for what, value in each.items()}


def _day(place: tuple[str, str], value: Any) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value).date()
    except (TypeError, ValueError):
        field = f"facts.certificates.{'.'.join(place)}"
        raise InvalidInput(f"a certificate's last day must look like 2027-03-01, got {value!r}", field=field) from None


def _count(place: tuple[str, str], value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidInput(f"a quota must be a whole number from 0 on, got {value!r}", field=f"facts.quotas.{'.'.join(place)}")
    return value
