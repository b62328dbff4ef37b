"""Where the local installation lives: one ignored folder that ``make clean`` forgets."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from daymark.core.errors import InvalidInput, NotFound

DEFAULT_PORT = 4566
PORT_FILE = "port"
REGION = "us-east-1"
# The emulator takes any 12-digit key as the account; nothing here is a secret.
ACCOUNT = "000000000000"
SECRET = "local"  # noqa: S105 - the emulator takes any


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths and addresses of one local installation.

    Attributes:
        project: The checkout: where ``cdk.json`` stands.
        home: State, logs and outputs; ``.daymark`` under the project unless ``DAYMARK_HOME`` says otherwise.
        port: The emulator's port on 127.0.0.1: ``DAYMARK_PORT``, else the one it was last started on, else 4566.
    """

    project: Path
    home: Path
    port: int

    @classmethod
    def here(cls, environment: Mapping[str, str] | None = None) -> Workspace:
        """The workspace of the checkout this package is installed from.

        Raises:
            NotFound: the package is not part of a checkout (no ``cdk.json`` above it).
            InvalidInput: ``DAYMARK_PORT`` is no port number.
        """
        settings = os.environ if environment is None else environment
        project = next((folder for folder in Path(__file__).resolve().parents if (folder / "cdk.json").is_file()), None)
        if project is None:
            raise NotFound("the local cloud needs a checkout of the project: no cdk.json found above the daymark package")
        home = Path(settings.get("DAYMARK_HOME", project / ".daymark")).absolute()
        remembered = home / PORT_FILE
        text = settings.get("DAYMARK_PORT") or (remembered.read_text().strip() if remembered.is_file() else str(DEFAULT_PORT))
        if not text.isdigit() or not 1024 <= int(text) <= 65535:
            raise InvalidInput(f"DAYMARK_PORT must be a port from 1024 to 65535, got {text!r}", field="DAYMARK_PORT")
        return cls(project, home, int(text))

    def remember_port(self) -> None:
        """Note the port that is in use, so that a command without ``DAYMARK_PORT`` finds it."""
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / PORT_FILE).write_text(f"{self.port}\n")

    @property
    def endpoint(self) -> str:
        """The emulator's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        """What survives a clean stop."""
        return self.home / "state"

    @property
    def logs(self) -> Path:
        """Logs of the processes this workspace starts."""
        return self.home / "logs"

    @property
    def outputs_file(self) -> Path:
        """The deployment's outputs, as the deployer wrote them."""
        return self.home / "outputs.json"

    @property
    def documents(self) -> Path:
        """Copies of the day's reports, for opening in a browser."""
        return self.home / "reports"

    def client_environment(self) -> dict[str, str]:
        """Environment for any AWS client or tool that should talk to this workspace and nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def adopt(self) -> None:
        """Point this process's own AWS clients at the workspace, and at nothing else."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update({name: value for name, value in self.client_environment().items() if name.startswith("AWS_")})

    def outputs(self) -> dict[str, Any]:
        """Outputs of every deployed stack, merged.

        Raises:
            NotFound: nothing is deployed here.
        """
        if not self.outputs_file.is_file():
            raise NotFound("nothing is deployed here yet: run `daymark up`")
        stacks = json.loads(self.outputs_file.read_text())
        return {key: value for outputs in stacks.values() for key, value in outputs.items()}
