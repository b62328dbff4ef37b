"""A client of the deployed live channels: real connections, one after another, and what it keeps by the rules of the contract."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.local.conftest import Installation
from tests.unit.live_world import Watcher

SECONDS = 120.0


@dataclass
class Screen:
    """One client: a connection that comes and goes, and what it keeps over all of them."""

    installation: Installation
    user: str
    channels: tuple[str, ...]
    kept: Watcher = field(default_factory=Watcher)
    heard: list[dict[str, Any]] = field(default_factory=list)
    socket: ClientConnection | None = None
    connection: ExitStack = field(default_factory=ExitStack)

    def open(self) -> list[dict[str, Any]]:
        """Connect with a fresh ticket and subscribe with what is kept; the answers."""
        self.socket = self.connection.enter_context(connect(self.installation.cloud.websocket_for(self.user)))
        return [self.say(**self.kept.ask(channel)) for channel in self.channels]

    def leave(self) -> None:
        self.connection.close()
        self.socket = None

    def say(self, **message: Any) -> dict[str, Any]:
        """The answer, by its id; what is pushed meanwhile is heard too."""
        assert self.socket is not None
        name = str(len(self.heard))
        self.socket.send(json.dumps({"version": 1, **message, "id": name}))
        while (answer := self._hear(SECONDS)).get("id") != name:
            pass
        return {member: value for member, value in answer.items() if member != "id"}

    def listen(self, seconds: float) -> None:
        """Hear what comes in so many seconds."""
        if self.socket is None:
            return
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            try:
                self._hear(rest)
            except TimeoutError:
                return

    def state(self, channel: str) -> dict[str, Any]:
        return self.kept.states[channel]

    def _hear(self, seconds: float) -> dict[str, Any]:
        assert self.socket is not None
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=seconds))
        self.heard.append(message)
        self.kept.hear(message)
        while self.kept.asks:
            self.socket.send(json.dumps(self.kept.asks.pop()))
        return message


@contextmanager
def connected(installation: Installation, user: str, *channels: str) -> Iterator[Screen]:
    screen = Screen(installation, user, channels)
    try:
        screen.open()
        yield screen
    finally:
        screen.leave()


def fresh(screen: Screen) -> dict[str, dict[str, Any]]:
    """What somebody who knows nothing is told now."""
    with connected(screen.installation, screen.user, *screen.channels) as other:
        return other.kept.states


def timeless(states: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Without the instants of portfolios: where only time went on nothing is sent."""
    return {
        channel: {name: value for name, value in state.items() if name != "as_of" or channel.startswith("symbol/")}
        for channel, state in states.items()
    }
