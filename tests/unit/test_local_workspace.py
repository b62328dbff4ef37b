"""The workspace: which port it is on, in the order of what was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from daymark.core.errors import InvalidInput
from daymark.local.workspace import DEFAULT_PORT, Workspace


def test_the_port_is_what_was_said_else_what_is_remembered_else_the_usual(tmp_path: Path) -> None:
    home = {"DAYMARK_HOME": str(tmp_path)}
    assert Workspace.here(home).port == DEFAULT_PORT
    Workspace.here(home | {"DAYMARK_PORT": "4700"}).remember_port()
    assert Workspace.here(home).port == 4700
    assert Workspace.here(home | {"DAYMARK_PORT": "4800"}).port == 4800


@pytest.mark.parametrize("port", ["80", "65536", "port", "-1"])
def test_what_is_no_port_is_refused_by_name(tmp_path: Path, port: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Workspace.here({"DAYMARK_HOME": str(tmp_path), "DAYMARK_PORT": port})
    assert refused.value.field == "DAYMARK_PORT"
