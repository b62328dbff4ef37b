"""Two commands and one embedded cloud: what the other is ending is waited for, and nobody forgets the other's process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daymark.local import emulator
from daymark.local.emulator import Emulator
from daymark.local.workspace import Workspace

# A process whose command line holds the emulator's name, and which ends half a second after it was asked to.
SLOW_TO_END = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, tmp_path, 4567)


@pytest.fixture
def process(workspace: Workspace) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen([sys.executable, "-c", SLOW_TO_END, "ministack"], stdout=subprocess.PIPE, start_new_session=True)
    assert started.stdout is not None
    started.stdout.readline()
    (workspace.home / "emulator.pid").write_text(str(started.pid))
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever runs answers, also while it ends."""
    monkeypatch.setattr(Emulator, "_healthy", lambda _: True)


def test_one_that_was_asked_to_end_does_not_run_although_it_answers(workspace, process, answering):
    one, other = Emulator(workspace), Emulator(workspace)
    assert one.is_running() and other.is_running()
    stopping = threading.Thread(target=one.stop)
    stopping.start()
    while not (workspace.home / "emulator.ending").is_file():
        pass
    assert other.pid() == process.pid
    assert not other.is_running()
    stopping.join()
    assert other.pid() is None
    assert not list(workspace.home.glob("emulator.*"))


def test_who_stops_one_keeps_the_other_that_was_started_meanwhile(workspace, process, answering, monkeypatch):
    one, mine = Emulator(workspace), os.getpid()
    alive = Emulator._alive

    def another_starts(self, pid):
        lives = alive(self, pid)
        if not lives:
            (workspace.home / "emulator.pid").write_text(str(mine))
        return lives

    monkeypatch.setattr(Emulator, "_alive", another_starts)
    assert one.stop()
    assert (workspace.home / "emulator.pid").read_text() == str(mine)
    assert not (workspace.home / "emulator.ending").exists()


def test_a_start_waits_for_the_end_of_one_that_is_ending(workspace, process, answering, monkeypatch):
    one, other, seen = Emulator(workspace), Emulator(workspace), list[bool]()
    # What would be started is not there: the start ends where it looks for it, after it has waited.
    monkeypatch.setattr(emulator, "_still_listens", lambda _: seen.append(one._alive(process.pid)) or True)
    other._interpreter = Path(sys.executable)
    stopping = threading.Thread(target=one.stop)
    stopping.start()
    while not (workspace.home / "emulator.ending").is_file():
        pass
    with pytest.raises(emulator.Conflict):
        other.start()
    stopping.join()
    assert seen == [False]


def test_a_mark_of_an_end_that_never_came_is_no_process(workspace, answering):
    """The command that was ending the emulator died, and so did the emulator."""
    ended = subprocess.Popen([sys.executable, "-c", "pass", "ministack"])
    ended.wait()
    for name in ("pid", "ending"):
        (workspace.home / f"emulator.{name}").write_text(str(ended.pid))
    left = Emulator(workspace)
    assert left.pid() is None
    assert not left.is_running()
    assert not left.stop()


@pytest.mark.parametrize("content", ["", "no number", "0x10"])
def test_a_pid_file_that_names_nobody_is_none(workspace, content):
    (workspace.home / "emulator.pid").write_text(content)
    assert Emulator(workspace).pid() is None


def test_one_that_does_not_end_is_killed(workspace, answering, monkeypatch):
    stubborn = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)",
            "ministack",
        ],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    (workspace.home / "emulator.pid").write_text(str(stubborn.pid))
    monkeypatch.setattr(emulator, "STOP_SECONDS", 0.2)
    assert Emulator(workspace).stop()
    assert stubborn.wait(10) == -signal.SIGKILL
    stubborn.stdout.close()
