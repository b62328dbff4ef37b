"""One deployed, loaded and once run installation for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import httpx
import pytest

from daymark.client import DaymarkClient
from daymark.local.cache import Cache
from daymark.local.cloud import LocalCloud
from daymark.local.identity import Identity
from daymark.local.trading_day import TradingDay
from daymark.local.workspace import Workspace
from daymark.operations.models import OperationPhase, OperationSummary

SESSION = date(2018, 2, 5)


@dataclass
class Installation:
    """The deployed stack after its trading day, and how to talk to it."""

    workspace: Workspace
    cloud: LocalCloud
    identity: Identity
    summaries: list[OperationSummary]
    document: dict[str, Any]
    seen: list[OperationSummary]
    tokens: dict[str, str] = field(default_factory=dict)
    clients: dict[tuple[str, str | None], DaymarkClient] = field(default_factory=dict)

    def token(self, user: str) -> str:
        if user not in self.tokens:
            self.tokens[user] = self.identity.token(user)
        return self.tokens[user]

    def user(self, role: str, tenant: str) -> str:
        return next(name for name in self.identity.users() if name.startswith(f"{role}.") and name.endswith(f".{tenant}"))

    def client(self, user: str, token: str | None = None) -> DaymarkClient:
        """The typed client as a user, or with a token that was got elsewhere; closed at the end with all others."""
        if (user, token) not in self.clients:
            self.clients[user, token] = self.cloud.client(lambda: token or self.token(user))
        return self.clients[user, token]

    def call(self, method: str, path: str, user: str | None = None, token: str | None = None, **options: Any) -> httpx.Response:
        """A call as it comes, for what no client would send."""
        headers = dict(options.pop("headers", {}))
        if user is not None or token is not None:
            headers["Authorization"] = token if token is not None else self.token(user or "")
        outputs = self.workspace.outputs()
        headers["Host"] = f"{outputs['ApiId']}.execute-api.localhost:{self.workspace.port}"
        return httpx.request(method, f"{self.workspace.endpoint}/{outputs['ApiStage']}{path}", headers=headers, timeout=60, **options)


@pytest.fixture(scope="session")
def installation(emulator_workspace: Workspace) -> Iterator[Installation]:
    """Deploy with the real CDK command line, load the sample book, and run the default trading day once."""
    cloud = LocalCloud(emulator_workspace)
    cloud.up(lambda _line: None)
    day = TradingDay(emulator_workspace)
    seen: list[OperationSummary] = []
    summaries = day.run(SESSION, tuple(OperationPhase), seen.append)
    installed = Installation(emulator_workspace, cloud, Identity(emulator_workspace), summaries, day.document(SESSION), seen)
    yield installed
    for client in installed.clients.values():
        client.close()
    Cache(emulator_workspace).stop()
