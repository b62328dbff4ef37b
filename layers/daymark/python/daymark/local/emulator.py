"""Starts and stops the embedded cloud: MiniStack in its own environment, bound to 127.0.0.1, state kept on a clean stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from daymark.core.errors import Conflict, NotFound, Unavailable
from daymark.local.workspace import ACCOUNT, REGION, Workspace

START_SECONDS = 60.0
STOP_SECONDS = 60.0


class Emulator:
    """One MiniStack process of one workspace, found again by its pid file."""

    def __init__(self, workspace: Workspace, interpreter: Path | None = None, extra: Mapping[str, str] | None = None) -> None:
        self._workspace = workspace
        self._interpreter = interpreter or workspace.project / ".daymark" / "emulator" / "bin" / "python"
        self._extra = dict(extra or {})
        self._pid_file = workspace.home / "emulator.pid"
        # Names the process that is writing its state and will end: it may still answer, but nobody should start work on it.
        self._ending_file = workspace.home / "emulator.ending"
        # Kept only where this very object started it; another command finds the process by its pid file.
        self._process: subprocess.Popen[bytes] | None = None

    def is_running(self) -> bool:
        """Whether this workspace's emulator answers, and has not been asked to end."""
        pid = self.pid()
        return pid is not None and pid != _number_in(self._ending_file) and self._healthy()

    def pid(self) -> int | None:
        """The process id of a live emulator of this workspace, or ``None``."""
        pid = _number_in(self._pid_file)
        if pid is None or not self._alive(pid):
            return None
        # A stale file may name a process that has nothing to do with us.
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline")
            return pid if not command.is_file() or b"ministack" in command.read_bytes() else None
        return None

    def start(self) -> None:
        """Start and wait until it answers; does nothing if it already runs. One that another command is ending has its end first.

        Raises:
            NotFound: the emulator's environment is not installed.
            Conflict: something else listens on the port.
            Unavailable: it did not answer in time; the message names the log.
        """
        if self.is_running():
            return
        if self._process is not None:
            self._process.wait(STOP_SECONDS)
        self._wait_for_another()
        if self.is_running():
            return
        if not self._interpreter.is_file():
            raise NotFound(f"the emulator's environment is missing at {self._interpreter.parent.parent}: run `make run` once")
        if _still_listens(self._workspace.port):
            raise Conflict(
                f"port {self._workspace.port} is taken by another program: stop it or set DAYMARK_PORT",
                field="DAYMARK_PORT",
            )
        self._workspace.state.mkdir(parents=True, exist_ok=True)
        self._workspace.logs.mkdir(parents=True, exist_ok=True)
        log = self._workspace.logs / "emulator.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [str(self._interpreter), "-m", "ministack"],
                env=self._environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self._workspace.home,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(f"the embedded cloud did not start: see {log}", log=str(log))
            time.sleep(0.1)

    def stop(self) -> bool:
        """Stop cleanly, which is when state is written; returns whether there was anything to stop."""
        pid = self.pid()
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        self._ending_file.write_text(str(pid))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive(pid):
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        # Another command may have started one of its own by now.
        for file in (self._pid_file, self._ending_file):
            if _number_in(file) == pid:
                file.unlink(missing_ok=True)
        self._process = None
        return True

    def _wait_for_another(self) -> None:
        """Wait while the process of another command is on its way, to its end or to its first answer."""
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid() is not None and not self.is_running() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _alive(self, pid: int) -> bool:
        # A child stays a zombie, and so a live pid, until its parent has asked for its end.
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is None
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        # The child of another command that serves has ended as soon as it is a zombie; that one will bury it.
        stat = Path(f"/proc/{pid}/stat")
        return not (stat.is_file() and stat.read_text().rpartition(")")[2].split()[0] == "Z")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "DAYMARK_"))}
        return (
            kept
            | {
                "GATEWAY_PORT": str(self._workspace.port),
                "BIND_HOST": "127.0.0.1",
                "MINISTACK_HOST": "localhost",
                "MINISTACK_REGION": REGION,
                "MINISTACK_ACCOUNT_ID": ACCOUNT,
                "IOT_MTLS_PORT": str(free_port()),
                "PERSIST_STATE": "1",
                "STATE_DIR": str(self._workspace.state),
                "S3_PERSIST": "1",
                "S3_DATA_DIR": str(self._workspace.state / "s3"),
                "LOG_LEVEL": "WARNING",
                # The functions' own clients must reach this emulator, whatever port it has.
                "AWS_ENDPOINT_URL": self._workspace.endpoint,
                "PYTHONDONTWRITEBYTECODE": "0",
            }
            | self._extra
        )

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._workspace.endpoint}/_ministack/health", timeout=2) as answer:  # noqa: S310 - our own address
                return bool(json.load(answer))
        except (OSError, ValueError):
            return False


def _number_in(file: Path) -> int | None:
    """The number that a file holds; ``None`` where there is no file, or no number in it."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return None


def _still_listens(port: int, patience_seconds: float = 3.0) -> bool:
    """Whether the port stays taken: a server that just ended may hold it for a moment."""
    deadline = time.monotonic() + patience_seconds
    while _listens(port):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
