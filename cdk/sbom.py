"""The software bill of materials, in CycloneDX 1.6, made of the locks alone: every package that any of them pins, with its hashes.

``python -m cdk.sbom [FILE]``. The same locks make the same bytes: nothing in it is of the moment or the machine, unless
``SOURCE_DATE_EPOCH`` names a moment. Licences are not in the locks and so not in here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from daymark.core.errors import InvalidInput

PROJECT = Path(__file__).resolve().parents[1]
PATH = PROJECT / "build" / "sbom.json"
# The locks of what is deployed; all others are for one machine or for development.
DEPLOYED = "layer-"
_ALGORITHMS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
_ROOT = "daymark"


@dataclass(slots=True)
class Component:
    """One package at one version.

    Attributes:
        hashes: Algorithm and digest in hexadecimal, of every file that the locks allow.
        locks: The locks that pin it.
        wanted_by: Names of the packages that need it; empty text for ourselves.
    """

    ecosystem: str
    name: str
    version: str
    hashes: set[tuple[str, str]] = field(default_factory=set)
    locks: set[str] = field(default_factory=set)
    wanted_by: set[str] = field(default_factory=set)

    @property
    def purl(self) -> str:
        """Its package URL, which is its reference too."""
        return f"pkg:{self.ecosystem}/{self.name.replace('@', '%40')}@{self.version}"


def python_components(name: str, lock: str) -> Iterator[Component]:
    """The packages of a requirement lock.

    Args:
        name: What the lock is called.
        lock: Its text, as ``uv pip compile --generate-hashes`` writes it.

    Raises:
        InvalidInput: a line is no package at one version with SHA-256 hashes.
    """
    joined = re.sub(r"\\\n\s*", " ", lock)
    found: Component | None = None
    for line in joined.splitlines():
        if line.lstrip().startswith("#"):
            if found:
                found.wanted_by |= set(_wanting(line))
            continue
        if found:
            yield found
            found = None
        if line.strip():
            found = _pinned(name, line.strip())
    if found:
        yield found


def _pinned(lock: str, line: str) -> Component:
    head, *options = line.split(" --hash=")
    try:
        requirement = Requirement(head)
    except InvalidRequirement:
        raise InvalidInput(f"{lock}: {head!r} is no package", field=lock) from None
    exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
    hashes = {tuple(option.strip().split(":", 1)) for option in options}
    if not exact or not hashes or any(len(each) != 2 or each[0] != "sha256" or len(each[1]) != 64 for each in hashes):
        raise InvalidInput(f"{lock}: {head!r} is not pinned to one version with hashes", field=lock)
    digests = {(_ALGORITHMS[algorithm], digest) for algorithm, digest in hashes}
    return Component("pypi", canonicalize_name(requirement.name), exact[1], digests, {lock})


def _wanting(comment: str) -> Iterator[str]:
    """Who wants a package, by the comment under it: ``# via fastapi``, or one name a line.

    A file of requirements is ourselves. A lock that versions are kept to, ``-c run.txt``, is no package and wants nothing.
    """
    said = comment.strip().removeprefix("#").strip().removeprefix("via").strip()
    if said:
        yield "" if said.startswith("-r ") else canonicalize_name(said.partition("[")[0])


def npm_components(name: str, lock: str) -> Iterator[Component]:
    """The packages of an npm lock.

    Raises:
        InvalidInput: a package has no integrity.
    """
    packages: Mapping[str, Any] = json.loads(lock)["packages"]
    for path, package in packages.items():
        if not path:
            continue
        called = path.rpartition("node_modules/")[2]
        hashes = set()
        for each in str(package.get("integrity", "")).split():
            algorithm, _, digest = each.partition("-")
            hashes.add((_ALGORITHMS[algorithm], base64.b64decode(digest).hex()))
        if not hashes:
            raise InvalidInput(f"{name}: {called} has no integrity", field=name)
        parents = {parent.rpartition("node_modules/")[2] for parent, other in packages.items() if called in _needs(other)}
        yield Component("npm", called, package["version"], hashes, {name}, parents)


def _needs(package: Mapping[str, Any]) -> set[str]:
    return {each for kind in ("dependencies", "devDependencies", "optionalDependencies") for each in package.get(kind, {})}


def components(project: Path = PROJECT) -> list[Component]:
    """Every package of every lock, once each, in order."""
    found: dict[str, Component] = {}
    read: list[Component] = []
    for path in sorted((project / "requirements").glob("*.txt")):
        read += python_components(f"requirements/{path.name}", path.read_text(encoding="utf-8"))
    read += npm_components("package-lock.json", (project / "package-lock.json").read_text(encoding="utf-8"))
    for each in read:
        known = found.setdefault(each.purl, each)
        known.hashes |= each.hashes
        known.locks |= each.locks
        known.wanted_by |= each.wanted_by
    return [found[purl] for purl in sorted(found)]


def bill(project: Path = PROJECT, environment: Mapping[str, str] = os.environ) -> str:
    """The document as text."""
    own = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    held = components(project)
    document: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "pre-build"}],
            "component": {"type": "application", "bom-ref": _ROOT, "name": own["name"], "version": own["version"]},
        },
        "components": [_described(each) for each in held],
        "dependencies": _dependencies(held),
    }
    # The same content has the same number, and another one another.
    digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).digest()[:16]
    document["serialNumber"] = f"urn:uuid:{uuid.UUID(bytes=digest, version=5)}"
    if environment.get("SOURCE_DATE_EPOCH"):
        moment = datetime.fromtimestamp(int(environment["SOURCE_DATE_EPOCH"]), UTC)
        document["metadata"]["timestamp"] = moment.isoformat().replace("+00:00", "Z")
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _described(component: Component) -> dict[str, Any]:
    deployed = any(lock.startswith(f"requirements/{DEPLOYED}") for lock in component.locks)
    return {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
        "scope": "required" if deployed else "excluded",
        "hashes": [{"alg": algorithm, "content": digest} for algorithm, digest in sorted(component.hashes)],
        "properties": [{"name": "daymark:lock", "value": lock} for lock in sorted(component.locks)],
    }


def _dependencies(held: Sequence[Component]) -> list[dict[str, Any]]:
    """Who needs whom, by what the locks say; a name with several versions is needed in each."""
    needs: dict[str, set[str]] = {ref: set() for ref in (_ROOT, *(component.purl for component in held))}
    versions: dict[tuple[str, str], list[str]] = {}
    for component in held:
        versions.setdefault((component.ecosystem, component.name), []).append(component.purl)
    for component in held:
        for name in component.wanted_by:
            for parent in versions.get((component.ecosystem, name), []) if name else [_ROOT]:
                needs[parent].add(component.purl)
    return [{"ref": ref, "dependsOn": sorted(needed)} for ref, needed in sorted(needs.items())]


def main(arguments: Sequence[str]) -> int:
    """Write the document, to ``build/sbom.json`` if nothing else is said."""
    path = Path(arguments[0]) if arguments else PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(bill(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
