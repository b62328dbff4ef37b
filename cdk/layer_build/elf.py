"""A shared object's processor and the oldest system libraries it runs with, read from its ELF headers.

Layout and numbers: System V ABI, ELF header and section header; Linux Standard Base Core 5.0, section 10.7 (symbol versioning).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cdk.layer_build.targets import Target
from daymark.core.errors import Conflict, InvalidInput

MACHINES = {62: "x86_64", 183: "aarch64"}
VERSION_NEEDS = 0x6FFFFFFE
# What marks a file as ELF, as one of 64 bits, and as little-endian: both processors that Lambda has.
IDENTITY = b"\x7fELF\x02\x01"


@dataclass(frozen=True, slots=True)
class SharedObject:
    """What one object asks of the machine: its processor, and the newest version by family (``{"GLIBC": (2, 17)}``)."""

    machine: str
    needs: Mapping[str, tuple[int, ...]]


def is_elf(path: Path) -> bool:
    """Whether a file starts as ELF files do."""
    with path.open("rb") as file:
        return file.read(4) == IDENTITY[:4]


def read(path: Path) -> SharedObject:
    """The object in a file.

    Raises:
        InvalidInput: it is no 64-bit little-endian ELF file, of another processor than Lambda's two, cut short, or without sections,
            so that its needs cannot be told.
    """
    try:
        return _read(path.read_bytes())
    except (struct.error, IndexError, ValueError) as error:
        raise InvalidInput(f"{path.name} is no shared object that can be judged: {error}", field=path.name) from None


def judge(tree: Path, target: Target) -> None:
    """Refuse a tree with an object that the target cannot load.

    Raises:
        Conflict: an object is of another processor, or needs a newer system library; it is named.
        InvalidInput: an object cannot be judged.
    """
    for path in sorted(tree.rglob("*")):
        if path.is_file() and is_elf(path):
            found, name = read(path), path.relative_to(tree).as_posix()
            if found.machine != target.machine:
                raise Conflict(f"{name} is for {found.machine}, not for {target.machine}", field=name)
            for family, newest in target.system.items():
                if found.needs.get(family, ()) > newest:
                    needed, there = (".".join(map(str, version)) for version in (found.needs[family], newest))
                    raise Conflict(f"{name} needs {family} {needed}; {target.label} has {there}", field=name)


def _read(data: bytes) -> SharedObject:
    if data[:6] != IDENTITY:
        raise ValueError("not 64-bit little-endian ELF")
    (machine,) = struct.unpack_from("<H", data, 18)
    (sections_at,) = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    if machine not in MACHINES:
        raise ValueError(f"processor {machine}")
    if not count:
        raise ValueError("no sections")
    # Type; offset and size; the section of the names; how many entries.
    sections = [struct.unpack_from("<4xI16xQQII", data, sections_at + number * size) for number in range(count)]
    needs: dict[str, tuple[int, ...]] = {}
    for kind, offset, _, names, entries in sections:
        if kind == VERSION_NEEDS:
            for name in _versions(data, offset, entries, sections[names][1]):
                family, _, number = name.rpartition("_")
                if number.replace(".", "").isdigit():
                    needs[family] = max(needs.get(family, ()), tuple(int(part) for part in number.split(".")))
    return SharedObject(MACHINES[machine], needs)


def _versions(data: bytes, at: int, entries: int, names_at: int) -> Iterator[str]:
    """Version names of a .gnu.version_r section: one entry per library, each with a chain of versions."""
    for _ in range(entries):
        versions, first, following = struct.unpack_from("<2xH4xII", data, at)
        version_at = at + first
        for _ in range(versions):
            name, step = struct.unpack_from("<8xII", data, version_at)
            start = names_at + name
            yield data[start : data.index(b"\0", start)].decode("ascii")
            version_at += step
        at += following
