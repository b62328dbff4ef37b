"""Broadenings that somebody decided to have: each set by its fingerprint, with a reason and an owner, in ``accepted.toml``.

A fingerprint is of all broadenings of a change together. What comes on top of an accepted change has another one, and is judged again.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from cdk.iam_diff.broadening import Broadening
from daymark.core.errors import InvalidInput

PATH = Path(__file__).with_name("accepted.toml")
_LEAST_REASON = 20


def fingerprint(found: Iterable[Broadening]) -> str:
    """SHA-256 over the broadenings in their order, in hexadecimal."""
    return hashlib.sha256("\n".join(map(str, sorted(found))).encode()).hexdigest()


def accepted(path: Path = PATH) -> Mapping[str, str]:
    """The reasons by fingerprint.

    Raises:
        InvalidInput: an entry lacks a fingerprint, a reason of some length or an owner.
    """
    found = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("accepted", []):
        said = {name: str(entry.get(name, "")) for name in ("fingerprint", "reason", "owner")}
        if len(said["fingerprint"]) != 64 or len(said["reason"]) < _LEAST_REASON or not said["owner"]:
            raise InvalidInput(f"{path.name}: an entry needs a fingerprint, a reason and an owner: {entry}", field="accepted")
        found[said["fingerprint"]] = said["reason"]
    return found
