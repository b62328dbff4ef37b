"""What simulations of the streams share: quiet logs, and encodings that are worked out once."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.simulation import market_data_world, marks_world


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Faults are expected here; telling of each would fill the screen."""
    logging.getLogger("daymark").setLevel(logging.CRITICAL + 1)
    yield
    logging.getLogger("daymark").setLevel(logging.NOTSET)


@pytest.fixture
def quick_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same block is encoded and decoded many times in a world."""
    market_data_world.remember_codecs(monkeypatch)
    marks_world.remember_codecs(monkeypatch)
