"""The ``daymark`` command: the local cloud and the trading day from a terminal."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console

from daymark.cli.progress import DayProgress
from daymark.cli.summary import show_addresses, show_day, wide_console
from daymark.core.errors import DaymarkError, InvalidInput
from daymark.local.cloud import LocalCloud
from daymark.local.identity import Identity
from daymark.local.trading_day import DEFAULT_DATE, DayFailed, TradingDay, day_failure
from daymark.local.workspace import Workspace
from daymark.operations.models import OperationPhase

app = typer.Typer(
    name="daymark",
    help="A wealth manager's trading day, from pre-market to post-market, on real prices.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@contextmanager
def _errors(as_json: bool) -> Iterator[None]:
    """Every known error ends the command with 1 and one readable message; unknown ones are defects and keep their trace."""
    try:
        yield
    except DaymarkError as error:
        if as_json:
            print(json.dumps({"error": error.as_document()}, default=str))  # noqa: T201 - the command's own output
        else:
            Console(stderr=True).print(f"[red]{error.code}[/]: {error.message}", highlight=False)
            for name, value in error.context.items():
                Console(stderr=True).print(f"  {name}: {value}", highlight=False)
        raise typer.Exit(1) from None


def _print(document: Any) -> None:
    print(json.dumps(document, indent=2, default=str))  # noqa: T201 - the command's own output


def _quiet_or_spoken(as_json: bool) -> Callable[[str], None]:
    console = Console(stderr=as_json)
    return lambda line: console.print(f"[dim]·[/] {line}", highlight=False)


def _date(text: str, field: str = "date") -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{field} must look like 2018-02-05, got {text!r}", field=field) from None


@app.command()
def run(
    day: Annotated[str, typer.Option("--date", help="Session to run.")] = DEFAULT_DATE.isoformat(),
    once: Annotated[bool, typer.Option("--once", help="End when the day is done instead of serving.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the cloud up, run the trading day, show it, and serve until Ctrl-C."""
    with _errors(as_json):
        session_date = _date(day)
        TradingDay.refuse_unless_runnable(session_date)
        cloud = LocalCloud(Workspace.here())
        # Asked to end while the day runs, the command must still stop what it started.
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda number, _frame: sys.exit(128 + number))
        try:
            cloud.up(_quiet_or_spoken(as_json))
            _run_phases(cloud, session_date, tuple(OperationPhase), as_json)
            if not as_json:
                show_addresses(wide_console(), cloud, session_date)
            if not once:
                _serve(as_json)
        finally:
            if cloud.started_here:
                cloud.down()


@app.command()
def up(as_json: AsJson = False) -> None:
    """Start the embedded cloud, deploy into it and load the sample book."""
    with _errors(as_json):
        cloud = LocalCloud(Workspace.here())
        cloud.up(_quiet_or_spoken(as_json))
        _show_status(cloud, as_json)


@app.command()
def down(as_json: AsJson = False) -> None:
    """Stop the embedded cloud; its state is kept."""
    with _errors(as_json):
        stopped = LocalCloud(Workspace.here()).down()
        if as_json:
            _print({"stopped": stopped})
        else:
            Console().print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs here and where it answers."""
    with _errors(as_json):
        _show_status(LocalCloud(Workspace.here()), as_json)


@app.command("day")
def day_(day: Annotated[str, typer.Argument(metavar="DATE", help="Session to run.")], as_json: AsJson = False) -> None:
    """Run all five phases of one session."""
    _phases(day, tuple(OperationPhase), as_json)


@app.command()
def phase(
    name: Annotated[OperationPhase, typer.Argument(help="Which phase.")],
    day: Annotated[str, typer.Option("--date", help="Session to run.")] = DEFAULT_DATE.isoformat(),
    as_json: AsJson = False,
) -> None:
    """Run one phase of one session."""
    _phases(day, (name,), as_json)


@app.command()
def token(user: Annotated[str, typer.Argument(help="User name.")], as_json: AsJson = False) -> None:
    """Sign a sample user in and print the token the REST API takes."""
    with _errors(as_json):
        value = Identity(Workspace.here()).token(user)
        if as_json:
            _print({"user": user, "token": value})
        else:
            print(value)  # noqa: T201 - meant to be captured by a shell


@app.command()
def ticket(user: Annotated[str, typer.Argument(help="User name.")], as_json: AsJson = False) -> None:
    """Sign a sample user in and print the WebSocket's address with a ticket, good for one connection within 30 seconds."""
    with _errors(as_json):
        address = LocalCloud(Workspace.here()).websocket_for(user)
        if as_json:
            _print({"user": user, "address": address})
        else:
            print(address)  # noqa: T201 - meant to be captured by a shell


def _phases(day: str, phases: tuple[OperationPhase, ...], as_json: bool) -> None:
    with _errors(as_json):
        session_date = _date(day)
        TradingDay.refuse_unless_runnable(session_date)
        cloud = LocalCloud(Workspace.here())
        cloud.up(_quiet_or_spoken(as_json))
        _run_phases(cloud, session_date, phases, as_json)


def _run_phases(cloud: LocalCloud, session_date: date, phases: tuple[OperationPhase, ...], as_json: bool) -> None:
    """Run the phases and show the day. A day that is not whole is shown and then ends the command with 1, phase, task and reason."""
    trading_day = TradingDay(cloud.workspace)
    failure: DayFailed | None = None
    with DayProgress(Console(stderr=as_json), session_date) as progress:
        try:
            summaries = trading_day.run(session_date, phases, progress.update)
            failure = next(filter(None, map(day_failure, summaries)), None)
        except DayFailed as failed:
            failure = failed
    document = trading_day.document(session_date)
    if as_json:
        _print(document if failure is None else document | {"error": failure.as_document()})
    else:
        show_day(wide_console(), document)
    if failure is not None:
        if as_json:
            raise typer.Exit(1)
        raise failure


def _show_status(cloud: LocalCloud, as_json: bool) -> None:
    state = cloud.status()
    if as_json:
        _print(asdict(state))
        return
    console = Console()
    console.print(f"Embedded cloud {'runs' if state.emulator else 'is down'} at {state.endpoint}", highlight=False)
    console.print(f"Cache          {'runs' if state.cache else 'is down'}", highlight=False)
    console.print(f"Stacks         {'are current' if state.deployed else 'need a deployment'}", highlight=False)
    if state.docs:
        console.print(f"API docs       {state.docs}", highlight=False)
    if state.websocket:
        console.print(f"WebSocket      {state.websocket} (with a ticket: daymark ticket USER)", highlight=False, soft_wrap=True)


def _serve(as_json: bool) -> None:
    """Wait for Ctrl-C or a polite request to end."""
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    Console(stderr=as_json).print("\nServing. Press Ctrl-C to stop; the state is kept for the next start.", highlight=False)
    sys.stdout.flush()
    ended.wait()
