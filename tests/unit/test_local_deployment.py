"""The local deployment: it is made anew when the cache moves, and no argument of a command tells the cache's password."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from daymark.core.errors import Unavailable
from daymark.local import deployment
from daymark.local.deployment import SOURCES, Deployment
from daymark.local.workspace import Workspace

SECRET = "redis://:s3cret-word@cache.example:6379/0"


class Calls(list):
    """The command lines that were called and their environments, in place of the processes; synthesis and the rest succeed at once."""

    status = 0

    def run(self, call: list[str], *, env: dict[str, str], **_: Any) -> SimpleNamespace:
        self.append((call[2:], env))
        if "--outputs-file" in call and not self.status:
            Path(call[call.index("--outputs-file") + 1]).write_text("{}")
        return SimpleNamespace(returncode=self.status)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    heard = Calls()
    monkeypatch.setattr(deployment, "subprocess", SimpleNamespace(**vars(subprocess) | {"run": heard.run}))
    monkeypatch.delenv("DAYMARK_REDIS_URL", raising=False)
    return heard


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A checkout with one line in every source, and an empty home."""
    project = tmp_path / "project"
    for name in (*SOURCES, "node_modules/aws-cdk/bin/cdk"):
        path = project / name if "." in name or name.endswith("/cdk") else project / name / "source.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    home = tmp_path / "home"
    home.mkdir()
    return Workspace(project, home, 4567)


def test_the_stacks_are_made_by_synthesis_bootstrap_and_deployment_and_then_stand(calls: Calls, workspace: Workspace) -> None:
    made = Deployment(workspace)
    assert not made.is_current()
    assert made.bring_up_to_date()
    assert [arguments[0] for arguments, _ in calls] == ["synth", "bootstrap", "deploy"]
    assert made.is_current()
    assert not made.bring_up_to_date()
    assert len(calls) == 3
    (workspace.project / "cdk.json").write_text("other")
    assert not Deployment(workspace).is_current()


def test_synthesis_is_told_of_the_cache_in_its_environment(calls: Calls, workspace: Workspace) -> None:
    Deployment(workspace).bring_up_to_date()
    arguments, environment = calls[0]
    assert arguments[arguments.index("--context") + 1] == "target=local"
    assert environment["DAYMARK_REDIS_URL"] == f"unix://{workspace.home}/redis.sock"


def test_a_password_of_the_cache_is_in_no_argument(calls: Calls, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYMARK_REDIS_URL", SECRET)
    Deployment(workspace).bring_up_to_date()
    assert calls[0][1]["DAYMARK_REDIS_URL"] == SECRET
    assert not [argument for arguments, _ in calls for argument in arguments if "s3cret" in argument or "cache.example" in argument]
    assert "s3cret" not in (workspace.home / "deployed").read_text()


def test_another_cache_needs_another_deployment(calls: Calls, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    Deployment(workspace).bring_up_to_date()
    monkeypatch.setenv("DAYMARK_REDIS_URL", SECRET)
    moved = Deployment(workspace)
    assert not moved.is_current()
    assert moved.bring_up_to_date()
    assert moved.is_current()
    monkeypatch.delenv("DAYMARK_REDIS_URL")
    assert not Deployment(workspace).is_current()


def test_a_deployment_that_failed_does_not_stand(calls: Calls, workspace: Workspace) -> None:
    calls.status = 1
    with pytest.raises(Unavailable, match="cdk synth failed"):
        Deployment(workspace).bring_up_to_date()
    calls.status = 0
    assert not Deployment(workspace).is_current()
