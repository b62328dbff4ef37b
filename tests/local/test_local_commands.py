"""The commands that the README names, each in a process of its own and in an environment that knows nothing of AWS."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from daymark.local.trading_day import TradingDay
from daymark.operations.models import OperationPhase, OperationSummary
from tests.local.conftest import SESSION, Installation

pytestmark = pytest.mark.emulator

COMMAND = Path(sys.executable).with_name("daymark")
INTERRUPTED = date(2018, 2, 9)


def daymark(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as from a fresh shell; the port is what the installation remembers."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(installation.workspace.home), "DAYMARK_HOME": str(installation.workspace.home)}
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_token_from_the_command_opens_the_api(installation: Installation) -> None:
    done = daymark(installation, "token", installation.user("adviser", "northstar"))
    assert (done.returncode, done.stderr) == (0, "")
    assert installation.client("", token=done.stdout.strip()).book.list_portfolios().items


def test_an_unknown_user_is_told_who_there_is(installation: Installation) -> None:
    done = daymark(installation, "token", "nobody")
    assert done.returncode == 1
    assert "adviser.ben.northstar" in done.stderr
    assert "Traceback" not in done.stderr


def test_status_and_ticket_tell_the_addresses(installation: Installation) -> None:
    state = json.loads(daymark(installation, "status", "--json").stdout)
    assert state["emulator"]
    assert state["endpoint"] == installation.workspace.endpoint
    shown = daymark(installation, "status").stdout
    assert all(state[name] in shown for name in ("api", "docs", "websocket"))
    assert daymark(installation, "ticket", installation.user("risk", "harbor")).stdout.startswith(f"{state['websocket']}?ticket=")


def test_where_nothing_answers_the_command_says_what_to_do(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "outputs.json").write_text(installation.workspace.outputs_file.read_text())
    environment = {"PATH": "/usr/bin:/bin", "DAYMARK_HOME": str(tmp_path), "DAYMARK_PORT": "4099"}
    for command in ("token", "ticket"):
        done = subprocess.run([COMMAND, command, "x"], env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert "nothing answers at http://127.0.0.1:4099: run `daymark up` first" in done.stderr.replace("\n", " ")


def test_a_phase_needs_its_date(installation: Installation) -> None:
    done = daymark(installation, "phase", "MARKET_CLOSE")
    assert done.returncode == 2
    assert "--date" in done.stderr


def test_a_day_interrupted_between_phases_goes_on_after_the_last_that_ended(installation: Installation) -> None:
    day, seen = TradingDay(installation.workspace), list[OperationSummary]()
    first, second = OperationPhase.PRE_MARKET, OperationPhase.MARKET_OPEN
    day.run(INTERRUPTED, (first,), seen.append)
    summaries = day.run(INTERRUPTED, (first, second), seen.append)
    assert [(summary.run.phase, summary.run.attempt) for summary in summaries] == [(first, 1), (second, 1)]
    # A day that is whole is run again, all of it.
    again = day.run(INTERRUPTED, (first, second), seen.append)
    assert [(summary.run.phase, summary.run.attempt) for summary in again] == [(first, 2), (second, 2)]
    assert INTERRUPTED != SESSION
