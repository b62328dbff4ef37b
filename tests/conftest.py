"""Shared fixtures: sockets are off unless a test asks for the embedded cloud, of which one runs per suite."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from pytest_socket import disable_socket, enable_socket

from daymark.adapters.telemetry import logger
from daymark.local.emulator import Emulator, free_port
from daymark.local.workspace import ACCOUNT, REGION, Workspace
from tests.companions import Companions
from tests.findings import Findings, Teller
from tests.shards import Shard, ShardedSuite
from tests.time_table import TimeTable

PROJECT = Path(__file__).resolve().parents[1]
QUIET = {"unit", "properties", "reference", "simulation", "architecture"}
EMULATOR_PYTHON = PROJECT / ".daymark" / "emulator" / "bin" / "python"

# Node comes from this environment, as for the users; a system's own Node, if any, plays no part.
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"
# No test fails by time.
hypothesis.settings.register_profile("daymark", deadline=None)
hypothesis.settings.load_profile("daymark")
# No test may reach an account by accident, whatever the caller's shell holds.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(AWS_ACCESS_KEY_ID=ACCOUNT, AWS_SECRET_ACCESS_KEY="local", AWS_DEFAULT_REGION=REGION, AWS_EC2_METADATA_DISABLED="true")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take a part of the suite."""
    parser.addoption("--shard", default="", metavar="k/n", help="run the k-th of n parts of the suite, which together hold every test once")


def pytest_configure(config: pytest.Config) -> None:
    """Divide the suite and tell its time."""
    try:
        shard = Shard.parse(config.getoption("--shard"))
    except ValueError as wrong:
        raise pytest.UsageError(str(wrong)) from None
    config.pluginmanager.register(ShardedSuite(shard), "daymark-shards")
    config.pluginmanager.register(TimeTable(), "daymark-time-table")
    config.pluginmanager.register(Findings(), "daymark-findings")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Companions:
    """Over several workers, keep together what shares something costly."""
    return Companions(config, log)


@pytest.fixture(scope="session")
def shard(request: pytest.FixtureRequest) -> Shard:
    """The part of the suite that runs."""
    return Shard.parse(request.config.getoption("--shard"))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Teller:
    """Takes lines to be printed at the end of the run."""
    return Teller(request.node)


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """The JSON lines logged since the test began; the logger keeps the stream that it was made with."""
    stream, handler = io.StringIO(), logger().registered_handler
    before = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    if before is not None:
        handler.setStream(before)


@pytest.fixture(autouse=True)
def event_loop_of_the_test() -> Iterator[None]:
    """The gateway adapter runs requests on the thread's loop and leaves it open; every test has its own and closes it."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture(autouse=True)
def no_endpoint_but_its_own(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployed installation points this process's clients at itself; only its own tests may follow."""
    if "local" not in request.node.path.parts:
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture(autouse=True)
def sockets_off(request: pytest.FixtureRequest) -> Iterator[None]:
    """Only tests of the embedded cloud open connections; a pair inside the process (an event loop's) is none."""
    if request.node.get_closest_marker("emulator") is None and QUIET.intersection(request.node.path.parts):
        disable_socket(allow_unix_socket=True)
        yield
        enable_socket()
    else:
        yield


@pytest.fixture(scope="session")
def emulator_workspace() -> Iterator[Workspace]:
    """An empty workspace with a running embedded cloud, stopped and forgotten afterwards."""
    with tempfile.TemporaryDirectory(prefix="daymark-") as home:
        workspace = Workspace(PROJECT, Path(home), free_port())
        emulator = Emulator(workspace, EMULATOR_PYTHON)
        emulator.start()
        try:
            yield workspace
        finally:
            emulator.stop()


@pytest.fixture(scope="session")
def emulator(emulator_workspace: Workspace) -> str:
    """The address of the suite's embedded cloud."""
    return emulator_workspace.endpoint
