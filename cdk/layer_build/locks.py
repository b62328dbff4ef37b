"""A layer's lock: which version of which package a target gets, and the hashes that its wheel may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cdk.layer_build.targets import Target
from daymark.core.errors import InvalidInput


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """One package at one version. ``hashes`` are SHA-256 in hex, of each of the version's files."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def line(self) -> str:
        """The pin as a requirement that pip checks."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash=sha256:{digest}" for digest in sorted(self.hashes))])


def pins(lock: Path, target: Target) -> list[Pin]:
    """The packages of a lock whose markers hold on the target, by name.

    Raises:
        InvalidInput: a line is no exact version with hashes, or a package has two versions on the target.
    """
    found: dict[str, Pin] = {}
    text = re.sub(r"(?m)^\s*#.*\n?", "", lock.read_text(encoding="utf-8")).replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        head, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        requirement = Requirement(head)
        exact = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
        if not exact or not hashes:
            raise InvalidInput(f"{lock.name}: {requirement.name} has no exact version with hashes", field=requirement.name)
        if requirement.marker and not requirement.marker.evaluate(dict(target.environment)):
            continue
        name = canonicalize_name(requirement.name)
        if name in found:
            raise InvalidInput(f"{lock.name}: {name} has two versions for {target.label}", field=name)
        found[name] = Pin(name, exact.group(1), frozenset(hashes))
    return [found[name] for name in sorted(found)]
