"""Wheels by hash: those at hand are used again, the others are fetched by pip, and each is unpacked into a tree of known bytes."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from packaging.utils import canonicalize_name, parse_wheel_filename

from cdk.layer_build.locks import Pin
from cdk.layer_build.pruning import Pruning
from cdk.layer_build.targets import Target
from daymark.core.errors import Conflict, InvalidInput, NotFound, Unavailable

# No file tells when it was unpacked: 1980-01-01 is the first day that a zip archive knows.
UNPACKED_AT = 315532800


def fetch(wanted: Sequence[Pin], target: Target, folder: Path) -> dict[Pin, Path]:
    """The wheel of each pin that fits the target best, from ``folder``, into which pip first fetches what is missing.

    Raises:
        NotFound: no wheel of a package fits the target; it is named.
        Unavailable: pip failed otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    missing = [pin for pin in wanted if not _at_hand(pin, target, folder)]
    if missing:
        with tempfile.TemporaryDirectory(dir=folder) as fresh:
            _download(missing, target, Path(fresh))
            for wheel in Path(fresh).glob("*.whl"):
                wheel.replace(folder / wheel.name)
    chosen = {}
    for pin in wanted:
        found = _at_hand(pin, target, folder)
        if not found:
            raise NotFound(f"no wheel of {pin} fits {_described(target)}", field=pin.name)
        chosen[pin] = found
    return chosen


def unpack(wheels: Iterable[Path], into: Path, pruning: Pruning) -> None:
    """Lay the wheels' files out as an interpreter finds them, less what is pruned. Same wheels, same bytes, modes and times.

    Raises:
        Conflict: two wheels hold the same path.
        InvalidInput: a path leads out of the tree.
    """
    owners: dict[str, str] = {}
    into.mkdir(parents=True)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                path = _placed(member.filename, wheel)
                if member.is_dir() or path is None or not pruning.keeps(path):
                    continue
                if path in owners:
                    raise Conflict(f"{wheel.name} and {owners[path]} both hold {path}", field=wheel.name.split("-")[0])
                owners[path] = wheel.name
                place = into / path
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, place.open("xb") as sink:
                    shutil.copyfileobj(source, sink)
                place.chmod(0o644)
    for place in sorted(into.rglob("*"), reverse=True):
        if place.is_dir():
            place.chmod(0o755)
        os.utime(place, (UNPACKED_AT, UNPACKED_AT))


def _placed(name: str, wheel: Path) -> str | None:
    """Where a wheel's file goes, or None for what only an installation has a place for: scripts, headers, data."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise InvalidInput(f"{wheel.name} holds {name}, which leads out of it", field=wheel.name.split("-")[0])
    if path.parts[0].endswith(".data"):
        return "/".join(path.parts[2:]) if len(path.parts) > 2 and path.parts[1] in ("purelib", "platlib") else None
    return str(path)


def _at_hand(pin: Pin, target: Target, folder: Path) -> Path | None:
    ranks = {tag: rank for rank, tag in enumerate(target.tags())}
    fitting = []
    for wheel in folder.glob("*.whl"):
        if canonicalize_name(wheel.name.partition("-")[0]) != pin.name:
            continue
        _, version, _, tags = parse_wheel_filename(wheel.name)
        fits = [ranks[tag] for tag in tags if tag in ranks]
        if str(version) == pin.version and fits and _sha256(wheel) in pin.hashes:
            fitting.append((min(fits), wheel.name))
    return folder / min(fitting)[1] if fitting else None


def _download(missing: Sequence[Pin], target: Target, into: Path) -> None:
    requirements = into / "requirements.txt"
    requirements.write_text("".join(f"{pin.line()}\n" for pin in missing), encoding="utf-8")
    options = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", *target.pip_options()]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(into), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter and arguments
    if done.returncode:
        none = re.search(r"No matching distribution found for ([\w.-]+?)==", done.stderr)
        if none:
            raise NotFound(f"no wheel of {none.group(1)} fits {_described(target)}", field=none.group(1))
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise Unavailable(f"pip could not fetch {', '.join(map(str, missing))}: {' '.join(said[-3:])}", field="wheels")


def _described(target: Target) -> str:
    return f"{target.label} (Python {target.python[0]}.{target.python[1]}, {target.machine}, at most {target.platforms[0]})"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
