"""What the commands tell of live marks: lines on the screen and in the document, and 1 where these are not the close's."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from daymark.cli import main
from daymark.cli.progress import DayProgress
from daymark.cli.summary import show_day
from daymark.local.live_check import Difference
from daymark.local.live_result import LiveResult, LiveState
from daymark.local.trading_day import TradingDay
from daymark.market_data.ingest_lane import Account
from daymark.operations.models import OperationPhase, OperationSummary, RunId, RunStatus, TaskPriority, TaskResult, TaskStatus

MONDAY = date(2018, 2, 5)
EQUAL = LiveResult(LiveState.PLAYED, ticks=22_000, records=90, bytes=1, account=Account(applied=21_990, coalesced=10), portfolios=27)
LINES = [
    "Live path: 22,000 synthetic ticks, 90 records; 21,990 became a symbol's latest, 10 were superseded by a later one of their record, "
    "0 quarantined, 0 repeated",
    "27 of 27 portfolios: live mark and P&L equal the close's, to the cent",
]


def differing(*rows: tuple[str, str, str]) -> LiveResult:
    """A cent too much live, in these figures."""
    found = tuple(Difference(*row, Decimal("100.01"), Decimal("100.00")) for row in rows)
    return LiveResult(LiveState.PLAYED, portfolios=27, differences=found)


TWO = differing(("harbor", "HB-P01", "value"), ("northstar", "NS-P02", "pnl"))
STUCK = LiveResult(LiveState.PLAYED, portfolios=27, trouble="the stream did not drain")


def document(live: LiveResult | None) -> dict[str, Any]:
    return {
        "session_date": MONDAY.isoformat(),
        "data_label": "Synthetic",
        "phases": [],
        "portfolios": [],
        "live": None if live is None else live.as_document(),
    }


@pytest.fixture
def day(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command ``day`` where the phases came to nothing but what is said of the live path."""

    def invoke(live: LiveResult | None, *options: str, summaries: tuple[OperationSummary, ...] = ()) -> Any:
        class Day:
            refuse_unless_runnable = staticmethod(TradingDay.refuse_unless_runnable)

            def __init__(self, workspace: object) -> None:
                assert workspace == "here"

            def run(self, session_date: date, phases: Any, progress: Any, tell: Callable[[str], None]) -> tuple[OperationSummary, ...]:
                assert (session_date, phases) == (MONDAY, tuple(OperationPhase))
                tell("Playing [22,000] synthetic ticks")
                return summaries

            def live(self, session_date: date) -> LiveResult | None:
                return live

            def document(self, session_date: date) -> dict[str, Any]:
                return document(live)

        monkeypatch.setattr(main, "TradingDay", Day)
        monkeypatch.setattr(main, "Workspace", SimpleNamespace(here=lambda: "here"))
        monkeypatch.setattr(main, "LocalCloud", lambda workspace: SimpleNamespace(workspace=workspace, up=lambda _tell: None))
        return CliRunner().invoke(main.app, ["day", MONDAY.isoformat(), *options])

    return invoke


def test_a_day_whose_live_marks_are_the_closes_ends_well_and_says_so(day: Callable[..., Any]) -> None:
    done = day(EQUAL)
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line for line in LINES if line not in done.stdout] == []
    # What the live path tells on its way is told as it is.
    assert "· Playing [22,000] synthetic ticks" in done.stdout
    told = day(EQUAL, "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (0, document(EQUAL))
    assert "Playing [22,000] synthetic ticks" in told.stderr


def test_a_cent_of_difference_ends_with_1_and_names_the_first_portfolio(day: Callable[..., Any]) -> None:
    done = day(TWO)
    assert done.exit_code == 1
    assert "live_failed: harbor/HB-P01: live value 100.01 is not the close's 100.00" in done.stderr
    assert "NS-P02" not in done.stderr
    assert "25 of 27 portfolios: live mark and P&L equal the close's" in done.stdout


def test_trouble_ends_with_1_as_well(day: Callable[..., Any]) -> None:
    done = day(STUCK)
    assert done.exit_code == 1
    assert "live_failed: the stream did not drain" in done.stderr
    assert "Live path: the stream did not drain" in done.stdout


@pytest.mark.parametrize(
    ("live", "context"),
    [(TWO, {"tenant": "harbor", "portfolio": "HB-P01", "live": "100.01", "close": "100.00"}), (STUCK, {})],
)
def test_one_document_tells_the_day_and_the_error(day: Callable[..., Any], live: LiveResult, context: dict[str, str]) -> None:
    done = day(live, "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert told["live"] == live.as_document()
    assert (told["error"]["code"], told["error"]["context"]) == ("live_failed", context)


@pytest.mark.parametrize("live", [None, LiveResult(LiveState.NOT_OPENED), LiveResult(LiveState.SUPERSEDED)])
def test_a_day_without_ticks_is_no_failure(day: Callable[..., Any], live: LiveResult | None) -> None:
    assert day(live).exit_code == 0


def test_a_lost_task_is_told_before_a_difference(day: Callable[..., Any]) -> None:
    lost = TaskResult("mark_portfolios", "", TaskPriority.CRITICAL, TaskStatus.FAILED, 1, error={"code": "x", "message": "no closes"})
    summaries = (OperationSummary(RunId(MONDAY, OperationPhase.MARKET_CLOSE), RunStatus.DEGRADED, None, None, (lost,), 1),)
    done = day(TWO, summaries=summaries)
    assert done.exit_code == 1
    assert "MARKET_CLOSE: mark_portfolios: no closes" in done.stderr


def shown(live: LiveResult | None) -> list[str]:
    """The last lines of the screen, which are about the live path."""
    console = Console(file=io.StringIO(), width=60)
    show_day(console, document(live))
    return [line for line in console.file.getvalue().splitlines() if "ive " in line]


def test_the_screen_ends_with_the_live_path_each_line_whole_on_a_narrow_one() -> None:
    assert shown(EQUAL) == LINES
    assert shown(None) == []
    assert shown(LiveResult(LiveState.NOT_OPENED)) == ["Live path: no live session was opened, so no ticks were played"]
    assert shown(LiveResult(LiveState.SUPERSEDED)) == ["Live path: a later session is live, so no ticks were played"]
    assert shown(LiveResult(LiveState.PLAYED_BEFORE, account=Account(applied=5))) == [
        "Live path: ticks played before; 5 became a symbol's latest, 0 were superseded by a later one of their record, "
        "0 quarantined, 0 repeated"
    ]
    assert shown(LiveResult(LiveState.SUPERSEDED, ticks=22_000)) == [
        "Live path: 22,000 synthetic ticks were played, but a later session is live now: nothing was compared"
    ]


def test_a_result_begins_with_nothing() -> None:
    counts = ("ticks", "records", "bytes", "applied", "coalesced", "quarantined", "repeated", "portfolios", "equal")
    told = LiveResult(LiveState.NOT_OPENED).as_document()
    assert [told[name] for name in counts] == [0] * len(counts)
    assert (told["differences"], told["trouble"]) == ([], None)


def test_an_older_document_without_a_live_path_is_shown() -> None:
    console = Console(file=io.StringIO(), width=60)
    show_day(console, {name: value for name, value in document(None).items() if name != "live"})
    assert "Trading day 2018-02-05" in console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_note_stands_above_what_moves_and_is_printed_as_it_is(is_terminal: bool) -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=is_terminal, no_color=True)
    with DayProgress(console, MONDAY) as progress:
        progress.update(OperationSummary(RunId(MONDAY, OperationPhase.PRE_MARKET), RunStatus.RUNNING, None, None, (), 1))
        progress.note("no answer from [/live] at [red]1,000[/red]")
    assert "no answer from [/live] at [red]1,000[/red]" in console.file.getvalue()
