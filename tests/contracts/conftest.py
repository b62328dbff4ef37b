"""Backends for the contract suites; the embedded cloud is started only when a test of its variant runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.contracts.backends import AwsBackend, MemoryBackend

EMULATOR = pytest.param("emulator", marks=pytest.mark.emulator)


def _backend(kind: str, request: pytest.FixtureRequest) -> Iterator[MemoryBackend | AwsBackend]:
    if kind == "memory":
        yield MemoryBackend()
    elif kind == "moto":
        with mock_aws():
            yield AwsBackend("moto", None)
    else:
        backend = AwsBackend("emulator", request.getfixturevalue("emulator"))
        yield backend
        backend.remove()


@pytest.fixture(params=["memory", "moto", EMULATOR])
def backend(request: pytest.FixtureRequest) -> Iterator[MemoryBackend | AwsBackend]:
    """Every way a port is implemented."""
    yield from _backend(request.param, request)


@pytest.fixture(params=["memory", EMULATOR])
def racing(request: pytest.FixtureRequest) -> Iterator[MemoryBackend | AwsBackend]:
    """What calls from several threads may meet in: moto looks and writes without a lock, so there it proves nothing."""
    yield from _backend(request.param, request)


@pytest.fixture(params=["moto", EMULATOR])
def aws(request: pytest.FixtureRequest) -> Iterator[MemoryBackend | AwsBackend]:
    """The stored implementations alone, for what only they can get wrong."""
    yield from _backend(request.param, request)
