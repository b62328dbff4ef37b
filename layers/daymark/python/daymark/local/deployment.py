"""Deploys the real CDK application into the embedded cloud, and skips the work when nothing it is made of has changed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from daymark.core.errors import NotFound, Unavailable
from daymark.local.cache import Cache
from daymark.local.workspace import ACCOUNT, REGION, Workspace

# All that the deployed stacks are made of.
SOURCES = ("cdk", "cdk.json", "functions", "layers/daymark", "package-lock.json", "statemachines")
DEPLOY_SECONDS = 600


def source_fingerprint(project: Path) -> str:
    """SHA-256 over the path and content of every file the deployment is made of; byte code does not count."""
    digest = hashlib.sha256()
    for path in _source_files(project):
        digest.update(str(path.relative_to(project)).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _source_files(project: Path) -> Iterator[Path]:
    left_out = {project / "layers/daymark/python/daymark" / part for part in ("local", "cli", "client")}
    for name in SOURCES:
        root = project / name
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file() and path.suffix != ".pyc" and not left_out.intersection(path.parents):
                yield path


class Deployment:
    """The stacks of one workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._stamp = workspace.home / "deployed"
        self._redis_url = Cache(workspace).url

    def is_current(self) -> bool:
        """Whether what is deployed was made from the sources as they are now, and reaches the cache where it is now."""
        return self._stamp.is_file() and self._workspace.outputs_file.is_file() and self._stamp.read_text() == self._fingerprint()

    def bring_up_to_date(self) -> bool:
        """Bootstrap and deploy if anything changed; returns whether it did.

        Raises:
            NotFound: the CDK command line is not installed.
            Unavailable: the deployer failed; the message names its log and shows its last lines.
        """
        if self.is_current():
            return False
        fingerprint = self._fingerprint()
        assembly = str(self._workspace.home / "cdk.out")
        self._cdk("synth", "--quiet", "--context", "target=local", "--output", assembly)
        self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}", "--app", assembly)
        # Every stack of every stage: the stacks of a region are nested in its stage.
        self._cdk(
            "deploy",
            "**",
            "--app",
            assembly,
            "--require-approval",
            "never",
            "--concurrency",
            "4",
            "--outputs-file",
            str(self._workspace.outputs_file),
        )
        self._stamp.write_text(fingerprint)
        return True

    def forget(self) -> None:
        """Drop the record of what was deployed: the emulator's state is gone."""
        self._stamp.unlink(missing_ok=True)
        self._workspace.outputs_file.unlink(missing_ok=True)

    def _fingerprint(self) -> str:
        """SHA-256 over all that the stacks are made of: the sources, and the cache's address, which the functions are told."""
        return hashlib.sha256(f"{source_fingerprint(self._workspace.project)} {self._redis_url}".encode()).hexdigest()

    def _cdk(self, *arguments: str) -> None:
        project = self._workspace.project
        command_line = project / "node_modules" / "aws-cdk" / "bin" / "cdk"
        binaries = Path(sys.executable).parent
        if not command_line.is_file():
            raise NotFound("the CDK command line is not installed: run `make run` once")
        environment = self._workspace.client_environment() | {
            "PATH": f"{binaries}:{self._workspace.client_environment().get('PATH', '')}",
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
            # Not an argument: the address may hold a password, and arguments can be read by anybody on the machine.
            "DAYMARK_REDIS_URL": self._redis_url,
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }
        call = [
            str(binaries / "node"),
            str(command_line),
            *arguments,
            "--no-notices",
            "--no-version-reporting",
            "--progress",
            "events",
        ]
        self._workspace.logs.mkdir(parents=True, exist_ok=True)
        log = self._workspace.logs / "deploy.log"
        with log.open("wb") as output:
            try:
                done = subprocess.run(  # noqa: S603 - our own pinned command line
                    call,
                    cwd=project,
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    timeout=DEPLOY_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"cdk {arguments[0]} took over {DEPLOY_SECONDS} s: see {log}", log=str(log)) from None
        if done.returncode != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise Unavailable(f"cdk {arguments[0]} failed: see {log}\n{tail}", log=str(log))
