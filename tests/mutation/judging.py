"""A process of its own for every mutant: the module is loaded with the defect, and its judges and its examples run until one fails."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import hypothesis
import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = PROJECT / "layers" / "daymark" / "python"
# Loaded once, before the processes part; nothing of the project, whose modules each process loads anew.
COMMON = ("numpy", "pydantic", "boto3", "moto", "fastapi", "httpx")
TIMED_OUT = -1000


def source_of(module: str) -> Path:
    """The file of a module of the package."""
    return SOURCES.joinpath(*module.split(".")).with_suffix(".py")


class _Broken(SourceFileLoader):
    """Loads a module from a changed tree instead of its file, and leaves no compiled file behind."""

    def __init__(self, module: str, tree: ast.Module) -> None:
        super().__init__(module, str(source_of(module)))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._tree, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, module: str, tree: ast.Module) -> None:
        self._module, self._tree = module, tree

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.util.spec_from_file_location(fullname, source_of(fullname), loader=_Broken(fullname, self._tree))


class Trial:
    """A process in which the judges run against a module, with a defect (its changed ``tree``) or without."""

    def __init__(self, module: str, tree: ast.Module | None, judges: Sequence[str]) -> None:
        self._started = time.monotonic()
        self._child = os.fork()
        if not self._child:
            os._exit(_run(module, tree, judges))

    @property
    def seconds(self) -> float:
        """Since it started."""
        return time.monotonic() - self._started

    def result(self, limit: float) -> int | None:
        """The process's exit code (0: no test failed), ``TIMED_OUT`` if it had to be ended past ``limit`` seconds, else nothing yet."""
        ended, status = os.waitpid(self._child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if self.seconds < limit:
            return None
        os.killpg(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)
        return TIMED_OUT


def judge(module: str, trees: Iterable[ast.Module | None], judges: Sequence[str], limit: float, jobs: int = 1) -> Iterator[tuple[int, int]]:
    """Each tree's place and result, as they end; at most ``jobs`` processes at once."""
    running: dict[int, Trial] = {}
    waiting = enumerate(trees)
    more = True
    while running or more:
        while more and len(running) < jobs:
            place, tree = next(waiting, (-1, None))
            more = place >= 0
            if more:
                running[place] = Trial(module, tree, judges)
        for place, trial in list(running.items()):
            if (result := trial.result(limit)) is not None:
                del running[place]
                yield place, result
        time.sleep(0.01)


def _run(module: str, tree: ast.Module | None, judges: Sequence[str]) -> int:
    """The child: quiet, in a group of its own, its random choices fixed so that a verdict can be repeated."""
    os.setsid()
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.stdout = sys.stderr = os.fdopen(quiet, "w")
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutants", database=None, derandomize=True, phases=phases, deadline=None)
    hypothesis.settings.load_profile("mutants")
    for name in [name for name in sys.modules if name.partition(".")[0] in ("daymark", "tests")]:
        # What the process had loaded before it parted would hide the defect.
        del sys.modules[name]
    if tree is not None:
        sys.meta_path.insert(0, _Finder(module, tree))
    try:
        # The embedded cloud would start anew for every mutant; what it judges is judged in this process as well.
        quick = ("-x", "--no-header", "--assert=plain", "-m", "not emulator")
        return int(pytest.main([*quick, "--doctest-modules", *judges, str(source_of(module))]))
    except BaseException:
        # Whatever the defect made of the run, it was noticed.
        return 1


def load_common() -> None:
    """Load what every process needs."""
    for name in COMMON:
        importlib.import_module(name)
