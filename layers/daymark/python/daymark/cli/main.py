"""The ``daymark`` command: the local cloud and the trading day from a terminal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Annotated

import typer
from rich.console import Console

from daymark.cli.plan import with_plan
from daymark.cli.progress import DayProgress
from daymark.cli.summary import show_addresses, show_day, wide_console
from daymark.cli.terminal import AsJson, errors, print_document, read_date, show_error
from daymark.cli.ticks import with_ticks
from daymark.core.errors import DaymarkError
from daymark.local.cloud import LocalCloud
from daymark.local.trading_day import DEFAULT_DATE, DayFailed, TradingDay, day_failure
from daymark.local.workspace import Workspace
from daymark.operations.models import OperationPhase

app = with_plan(
    with_ticks(
        typer.Typer(
            name="daymark",
            help="A wealth manager's trading day, from pre-market to post-market, on real prices.",
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            add_completion=False,
        )
    )
)


def _quiet_or_spoken(as_json: bool) -> Callable[[str], None]:
    console = Console(stderr=as_json)
    return lambda line: console.print(f"[dim]·[/] {line}", highlight=False)


def _say_stopping(as_json: bool) -> None:
    _quiet_or_spoken(as_json)("Stopping; the state is being written")


@app.command()
def run(
    day: Annotated[str, typer.Option("--date", help="Session to run.")] = DEFAULT_DATE.isoformat(),
    once: Annotated[bool, typer.Option("--once", help="End when the day is done instead of serving.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the cloud up, run the trading day, show it, and serve until Ctrl-C."""
    with errors(as_json):
        session_date = read_date(day)
        TradingDay.refuse_unless_runnable(session_date)
        cloud = LocalCloud(Workspace.here())
        # Asked to end while the day runs, the command must still stop what it started.
        for name in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(name, lambda number, _frame: sys.exit(128 + number))
        try:
            cloud.up(_quiet_or_spoken(as_json))
            failed = False
            try:
                _run_phases(cloud, session_date, tuple(OperationPhase), as_json)
            except DaymarkError as failure:
                if once or not cloud.is_running():
                    raise
                # Whoever asked for a cloud to work with will want to look into what went wrong.
                show_error(failure, as_json)
                failed = True
            if not as_json:
                show_addresses(wide_console(), cloud, session_date, ends=once and cloud.started_here)
            if not once:
                _serve(cloud, as_json)
            if failed:
                raise typer.Exit(1)
        finally:
            if cloud.started_here:
                _say_stopping(as_json)
                cloud.down()


@app.command()
def up(as_json: AsJson = False) -> None:
    """Start the embedded cloud, deploy into it and load the sample book."""
    with errors(as_json):
        cloud = LocalCloud(Workspace.here())
        cloud.up(_quiet_or_spoken(as_json))
        _show_status(cloud, as_json)


@app.command()
def down(as_json: AsJson = False) -> None:
    """Stop the embedded cloud; its state is kept."""
    with errors(as_json):
        cloud = LocalCloud(Workspace.here())
        if cloud.is_running():
            _say_stopping(as_json)
        stopped = cloud.down()
        if as_json:
            print_document({"stopped": stopped})
        else:
            Console().print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show what runs here and where it answers."""
    with errors(as_json):
        _show_status(LocalCloud(Workspace.here()), as_json)


@app.command("day")
def day_(day: Annotated[str, typer.Argument(metavar="DATE", help="Session to run.")], as_json: AsJson = False) -> None:
    """Run all five phases of one session."""
    _phases(day, tuple(OperationPhase), as_json)


@app.command()
def phase(
    name: Annotated[OperationPhase, typer.Argument(help="Which phase.")],
    day: Annotated[str, typer.Option("--date", help="Session to run.")],
    as_json: AsJson = False,
) -> None:
    """Run one phase of one session; one that has ended is run again and restates its figures."""
    _phases(day, (name,), as_json)


@app.command()
def token(user: Annotated[str, typer.Argument(help="User name.")], as_json: AsJson = False) -> None:
    """Sign a sample user in and print the token the REST API takes."""
    with errors(as_json):
        value = LocalCloud(Workspace.here()).token(user)
        if as_json:
            print_document({"user": user, "token": value})
        else:
            print(value)  # noqa: T201 - meant to be captured by a shell


@app.command()
def ticket(user: Annotated[str, typer.Argument(help="User name.")], as_json: AsJson = False) -> None:
    """Sign a sample user in and print the WebSocket's address with a ticket, good for one connection within 30 seconds."""
    with errors(as_json):
        address = LocalCloud(Workspace.here()).websocket_for(user)
        if as_json:
            print_document({"user": user, "address": address})
        else:
            print(address)  # noqa: T201 - meant to be captured by a shell


def _phases(day: str, phases: tuple[OperationPhase, ...], as_json: bool) -> None:
    with errors(as_json):
        session_date = read_date(day)
        TradingDay.refuse_unless_runnable(session_date)
        cloud = LocalCloud(Workspace.here())
        cloud.up(_quiet_or_spoken(as_json))
        _run_phases(cloud, session_date, phases, as_json)


def _run_phases(cloud: LocalCloud, session_date: date, phases: tuple[OperationPhase, ...], as_json: bool) -> None:
    """Run the phases and show the day. A day that is not whole is shown and then ends the command with 1 and the reason.

    Whole is a day of which every task was done, and whose live marks ended on what the close phase came to.
    """
    trading_day = TradingDay(cloud.workspace)
    failure: DaymarkError | None = None
    with DayProgress(Console(stderr=as_json), session_date) as progress:
        try:
            summaries = trading_day.run(session_date, phases, progress.update, progress.note)
            live = trading_day.live(session_date)
            failure = next(filter(None, map(day_failure, summaries)), None) or (None if live is None else live.failure())
        except DayFailed as failed:
            failure = failed
        except KeyboardInterrupt:
            Console(stderr=True).print("\nInterrupted. What was done stands; the same command goes on from there.")
            raise
    document = trading_day.document(session_date)
    if as_json:
        print_document(document if failure is None else document | {"error": failure.as_document()})
    else:
        show_day(wide_console(), document)
    if failure is not None:
        if as_json:
            raise typer.Exit(1)
        raise failure


def _show_status(cloud: LocalCloud, as_json: bool) -> None:
    state = cloud.status()
    if as_json:
        print_document(asdict(state))
        return
    console = Console()
    console.print(f"Embedded cloud {'runs at ' + state.endpoint if state.emulator else 'is down: `daymark up` starts it'}", highlight=False)
    console.print(f"Cache          {'runs' if state.cache else 'is down'}", highlight=False)
    console.print(f"Stacks         {'are current' if state.deployed else 'need a deployment'}", highlight=False)
    if not state.emulator:
        return
    if state.api:
        console.print(f"API            {state.api}", highlight=False, soft_wrap=True)
    if state.docs:
        console.print(f"API docs       {state.docs}", highlight=False)
    if state.websocket:
        console.print(f"WebSocket      {state.websocket} (with a ticket: daymark ticket USER)", highlight=False, soft_wrap=True)


def _serve(cloud: LocalCloud, as_json: bool) -> None:
    """Wait for Ctrl-C, a polite request to end, or another command that stops the cloud."""
    ended = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: ended.set())
    Console(stderr=as_json).print("\nServing. Press Ctrl-C to stop; the state is kept for the next start.", highlight=False)
    sys.stdout.flush()
    while not ended.wait(2.0):
        if not cloud.is_running():
            Console(stderr=as_json).print("The cloud was stopped from elsewhere.")
            return
