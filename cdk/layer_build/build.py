"""A layer from its lock: built aside, then put in place of the last one together with its manifest."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import parse_wheel_filename

from cdk.layer_build.elf import judge
from cdk.layer_build.locks import Pin, pins
from cdk.layer_build.pruning import RULES, Pruning
from cdk.layer_build.services import services_called
from cdk.layer_build.targets import Target
from cdk.layer_build.wheels import fetch, unpack

PROJECT = Path(__file__).resolve().parents[2]
# How wheels become a tree; raise it when the same wheels and rules are to make another one.
METHOD = 1


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where a build reads and writes, under one root: ``layers``, ``requirements``, ``functions`` and ``build``."""

    root: Path = PROJECT

    def names(self) -> list[str]:
        """The layers that have requirements, by name."""
        return sorted(path.parent.name for path in (self.root / "layers").glob("*/requirements.in"))

    def lock(self, layer: str) -> Path:
        """The lock of a layer."""
        return self.root / "requirements" / f"layer-{layer}.txt"

    def folder(self, layer: str, target: Target) -> Path:
        """The folder whose content is the layer's: Lambda unpacks it under ``/opt`` and finds ``python`` there."""
        return self.root / "build" / ("layers" if target.label == "lambda" else f"layers-{target.label}") / layer

    def manifest(self, layer: str, target: Target) -> Path:
        """What the folder holds, beside it: a layer without is not built."""
        return self.folder(layer, target).with_suffix(".json")

    def pruning(self) -> Pruning:
        """The rules, with the services that adapters and functions call."""
        return Pruning(services_called([self.root / "layers/daymark/python/daymark/adapters", self.root / "functions"]))


def build(layer: str, target: Target, place: Workplace) -> Mapping[str, Any]:
    """Build a layer, unless it is there and was built from the same lock by the same rules; its manifest either way.

    Raises:
        DaymarkError: whatever the lock, the wheels or the code lack. The layer of before stays as it was.
    """
    with _alone(place.folder(layer, target)) as folder:
        present = standing(layer, target, place)
        if present:
            return present
        wanted, pruning = pins(place.lock(layer), target), place.pruning()
        aside = folder.with_suffix(".new")
        shutil.rmtree(aside, ignore_errors=True)
        wheels = fetch(wanted, target, place.root / "build" / "wheels")
        unpack(wheels.values(), aside / "python", pruning)
        judge(aside / "python", target)
        described = {"layer": layer, "target": target.label, "made_of": _made_of(wanted, pruning, target)} | _described(
            aside / "python", wheels
        )
        # Without a manifest the folder counts as not built, whichever of the two it is when this is cut short.
        manifest = place.manifest(layer, target)
        manifest.unlink(missing_ok=True)
        if folder.exists():
            folder.rename(folder.with_suffix(".old"))
        aside.rename(folder)
        shutil.rmtree(folder.with_suffix(".old"), ignore_errors=True)
        written = manifest.with_suffix(".writing")
        written.write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        written.replace(manifest)
        return described


def standing(layer: str, target: Target, place: Workplace) -> Mapping[str, Any] | None:
    """The manifest of a layer that is built from its present lock by the present rules, or None."""
    manifest = place.manifest(layer, target)
    if not manifest.is_file() or not place.folder(layer, target).is_dir():
        return None
    present: Mapping[str, Any] = json.loads(manifest.read_text(encoding="utf-8"))
    now = _made_of(pins(place.lock(layer), target), place.pruning(), target)
    return present if present["made_of"] == now else None


def _made_of(wanted: Sequence[Pin], pruning: Pruning, target: Target) -> str:
    rules = [repr(rule) for rule in RULES]
    return _digest([METHOD, target.platforms, target.python, [pin.line() for pin in wanted], sorted(pruning.services), rules])


def _described(tree: Path, wheels: Mapping[Pin, Path]) -> dict[str, Any]:
    # Sizes and SHA-256 of the tree, and the packages in it with the tags of their wheels.
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    content = [[path.relative_to(tree).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    packages = [
        {"name": pin.name, "version": pin.version, "wheel": wheel.name, "tags": sorted(map(str, parse_wheel_filename(wheel.name)[3]))}
        for pin, wheel in wheels.items()
    ]
    return {"bytes": sum(path.stat().st_size for path in files), "files": len(files), "sha256": _digest(content), "packages": packages}


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The folder, while no other process builds it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield folder


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
