"""The whole local installation as one thing: bring it up, load it, say how it stands, take it down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from daymark.adapters.websocket import public_address
from daymark.client import DaymarkClient, ProblemError, Transport, UnexpectedAnswer
from daymark.core.errors import Unavailable
from daymark.local.cache import Cache
from daymark.local.deployment import Deployment
from daymark.local.emulator import Emulator
from daymark.local.identity import Identity
from daymark.local.seeding import Seeding
from daymark.local.workspace import Workspace

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CloudStatus:
    """What runs here and where it answers: the REST API, its documentation, the WebSocket, and where its tickets are had."""

    emulator: bool
    cache: bool
    deployed: bool
    endpoint: str
    api: str | None
    docs: str | None
    websocket: str | None
    tickets: str | None


class LocalCloud:
    """Emulator, cache, deployment and sample data of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        workspace.adopt()
        self._emulator = Emulator(workspace)
        self._cache = Cache(workspace)
        self._deployment = Deployment(workspace)
        self.started_here = False

    def up(self, progress: Progress) -> None:
        """Start, deploy and load whatever is not there yet. Safe to call again; ``started_here`` says whether it was down."""
        self.workspace.remember_port()
        if not self._emulator.is_running():
            self.started_here = True
            progress("Starting the embedded cloud")
            self._emulator.start()
        self._cache.start()
        self._forget_if_state_was_lost()
        if not self._deployment.is_current():
            progress("Deploying the stacks with the CDK")
            self._deployment.bring_up_to_date()
        seeding = Seeding(self.workspace)
        if not seeding.is_current():
            seeding.load(progress)

    def down(self) -> list[str]:
        """Stop what runs, keeping its state; returns what was stopped."""
        parts: list[tuple[str, Callable[[], bool]]] = [("emulator", self._emulator.stop), ("cache", self._cache.stop)]
        return [name for name, stop in parts if stop()]

    def is_running(self) -> bool:
        """Whether the emulator answers."""
        return self._emulator.is_running()

    def require_running(self) -> None:
        """Refuse to go on where nothing answers.

        Raises:
            Unavailable: the embedded cloud is down; the message says what to do.
        """
        if not self.is_running():
            raise Unavailable(f"nothing answers at {self.workspace.endpoint}: run `daymark up` first", endpoint=self.workspace.endpoint)

    def token(self, user: str) -> str:
        """A user's ID token for the REST API.

        Raises:
            NotFound: no such user, or nothing is deployed here.
            Unavailable: the embedded cloud is down.
        """
        self.require_running()
        return Identity(self.workspace).token(user)

    def status(self) -> CloudStatus:
        """How this workspace stands."""
        # What was deployed answers, also after the sources have changed.
        answers = self.workspace.outputs_file.is_file()
        api = self.api() if answers else None
        return CloudStatus(
            emulator=self.is_running(),
            cache=self._cache.is_running(),
            deployed=self._deployment.is_current(),
            endpoint=self.workspace.endpoint,
            api=api,
            docs=f"{api}/docs" if api else None,
            websocket=self.websocket() if answers else None,
            tickets=f"{api}/v1/monitoring/tickets" if api else None,
        )

    def api(self) -> str:
        """The REST API's address: ``*.localhost`` is this machine for browsers and for curl."""
        outputs = self.workspace.outputs()
        return f"http://{outputs['ApiId']}.execute-api.localhost:{self.workspace.port}/{outputs['ApiStage']}"

    def websocket(self) -> str:
        """The WebSocket's address; a ticket in its query opens it."""
        return public_address(self.workspace.outputs()["WebSocketAddress"], {"AWS_ENDPOINT_URL": self.workspace.endpoint})

    def websocket_for(self, user: str) -> str:
        """The WebSocket's address with a fresh ticket of a user: good for one connection within 30 seconds.

        Raises:
            NotFound: no such user, or nothing is deployed here.
            Unavailable: the API did not give a ticket.
        """
        token = self.token(user)
        try:
            with self.client(lambda: token) as client:
                given = client.monitoring.issue_ticket()
        except (ProblemError, UnexpectedAnswer) as failed:
            raise Unavailable(f"the API gave no ticket: {failed}") from None
        return f"{given.url}?ticket={given.ticket}"

    def client(self, token: Callable[[], str]) -> DaymarkClient:
        """A client of the REST API, for the caller to close.

        It goes by address and host name, because not every system resolves ``*.localhost``.

        Args:
            token: Gives the ID token for each call.
        """
        stage = self.workspace.outputs()["ApiStage"]
        http = httpx.Client(headers={"Host": self.api().split("/")[2]}, timeout=60)
        return DaymarkClient(Transport(f"{self.workspace.endpoint}/{stage}", token, http))

    def _forget_if_state_was_lost(self) -> None:
        # The emulator writes its state on a clean stop only; after a kill the stacks are gone though our stamp remains.
        seeding = Seeding(self.workspace)
        if self._deployment.is_current() and not seeding.tables_exist():
            self._deployment.forget()
            seeding.forget()
