"""The project's own source, read once: modules with their trees and what they import."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE_ROOT = PROJECT / "layers" / "daymark" / "python"
FUNCTIONS_ROOT = PROJECT / "functions"


@dataclass(frozen=True)
class Import:
    """One import statement's target: a module, or a name that may be one; typing-only imports are marked."""

    target: str
    line: int
    for_types: bool
    at_module_level: bool


@dataclass(frozen=True)
class Module:
    """One source file under its import name."""

    name: str
    path: Path
    tree: ast.Module
    lines: int
    imports: tuple[Import, ...]

    @property
    def where(self) -> str:
        return str(self.path.relative_to(PROJECT))


def read(path: Path, root: Path, text: str | None = None) -> Module:
    """A module from its file, or from a text as if it stood there."""
    text = path.read_text(encoding="utf-8") if text is None else text
    tree = ast.parse(text, str(path))
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, tree, len(text.splitlines()), tuple(_imports(tree, name, path.name == "__init__.py")))


def _imports(tree: ast.Module, name: str, is_package: bool) -> Iterator[Import]:
    typed = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    deferred = {node for body in ast.walk(tree) if isinstance(body, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(body)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = name.split(".") if is_package else name.split(".")[:-1]
                base = ".".join(package[: len(package) - node.level + 1] + ([base] if base else []))
            targets = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            yield Import(target, node.lineno, node in typed, node not in deferred)


@cache
def package_modules() -> dict[str, Module]:
    """Every module of the in-house package by name."""
    return {module.name: module for module in (read(path, PACKAGE_ROOT) for path in sorted(PACKAGE_ROOT.rglob("*.py")))}


@cache
def function_modules() -> dict[str, Module]:
    """Every module beside the entry points, by the name it has inside a deployed function."""
    return {module.name: module for module in (read(path, FUNCTIONS_ROOT) for path in sorted(FUNCTIONS_ROOT.rglob("*.py")))}


@cache
def all_python() -> tuple[Module, ...]:
    """Every Python file of the project that git knows or would know."""
    return tuple(read(path, PROJECT) for path in project_files() if path.suffix == ".py")


@cache
def project_files() -> tuple[Path, ...]:
    """Files in git and files git would not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=PROJECT, check=True, capture_output=True
    )
    paths = (PROJECT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def resolve(target: str, modules: dict[str, Module]) -> str | None:
    """The in-house module an import reaches: the target, or the module that holds the imported name."""
    if target in modules:
        return target
    holder = target.rpartition(".")[0]
    return holder if holder in modules else None
