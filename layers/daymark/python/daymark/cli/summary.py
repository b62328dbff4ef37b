"""What the day came to, on one screen, and where to look further."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from daymark.contracts.phases import VERSION
from daymark.contracts.push import ClientAction
from daymark.local.cloud import LocalCloud
from daymark.local.identity import Identity
from daymark.local.live_result import live_lines

STATUS_STYLES = {"SUCCEEDED": "green", "DEGRADED": "yellow", "FAILED": "red", "RUNNING": "cyan"}
SHOWN_USER = "adviser"


# Where output is no terminal its width is unknown; a log can scroll.
LOG_WIDTH = 140


def wide_console() -> Console:
    """The terminal's own width, or a log's."""
    console = Console()
    return console if console.is_terminal else Console(width=LOG_WIDTH)


def show_day(console: Console, document: Mapping[str, Any]) -> None:
    """Print the day document: phases, every portfolio with its value, result, risk, drift and breaks, and the live path."""
    console.print(f"\n[bold]Trading day {document['session_date']}[/]  {document['data_label']}", highlight=False)
    console.print(_phases(document["phases"]))
    console.print(_portfolios(document["portfolios"]))
    for line in live_lines(document["live"]) if document.get("live") else ():
        console.print(line, highlight=False, soft_wrap=True)


def show_addresses(console: Console, cloud: LocalCloud, session_date: date, *, ends: bool = False) -> None:
    """Print where reports, documentation and the API answer, and how to sign in; of what ends now, how to have it back."""
    identity = Identity(cloud.workspace)
    user = next(name for name in identity.users() if name.startswith(SHOWN_USER))
    reports = cloud.workspace.documents / session_date.isoformat()
    lines = [
        ("Reports", str(reports)),
        ("API", cloud.api()),
        ("API docs", f"{cloud.api()}/docs"),
        ("Token", f".venv/bin/daymark token {user}"),
        ("Try", f'curl -H "Authorization: $(.venv/bin/daymark token {user})" {cloud.api()}/v1/book/portfolios'),
        ("WebSocket", cloud.websocket()),
        ("Try", f'.venv/bin/python -m websockets "$(.venv/bin/daymark ticket {user})"'),
        ("and send", json.dumps({"version": VERSION, "action": ClientAction.SUBSCRIBE, "channel": f"day/{session_date}"})),
    ]
    for name, value in lines:
        console.print(f"{name:<10}{value}", highlight=False, soft_wrap=True)
    if ends:
        console.print("The cloud stops now; after `.venv/bin/daymark up` it answers there again.", highlight=False)


def _phases(phases: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("Phase", "Status"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Tasks", "Seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("Not done")
    for phase in phases:
        undone = [
            f"{task['task']}: {task.get('reason') or (task.get('error') or {}).get('message', '')}"
            for task in phase["tasks"]
            if task["status"] != "SUCCEEDED"
        ]
        succeeded = sum(task["status"] == "SUCCEEDED" for task in phase["tasks"])
        style = STATUS_STYLES.get(phase["status"], "")
        seconds = "" if phase["duration_ms"] is None else f"{phase['duration_ms'] / 1000:.1f}"
        # From the second attempt on its number shows: these figures restate earlier ones.
        name = phase["phase"] if phase["attempt"] == 1 else f"{phase['phase']} #{phase['attempt']}"
        table.add_row(name, f"[{style}]{phase['status']}[/]", f"{succeeded}/{len(phase['tasks'])}", seconds, "; ".join(undone))
    return table


def _portfolios(portfolios: list[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("Tenant", no_wrap=True)
    table.add_column("Portfolio", no_wrap=True)
    for heading in ("Value", "P&L", "Return", "VaR 99%", "Largest drift", "Breaks"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in portfolios:
        table.add_row(
            row["tenant"],
            row["portfolio_id"],
            _money(row["value"]),
            _money(row["pnl"], signed=True),
            _percent(row["return"]),
            _money(row["var_99_amount"]),
            _percent(row["largest_drift"]),
            "" if row["breaks"] is None else str(row["breaks"]),
        )
    return table


def _money(text: str | None, signed: bool = False) -> str:
    if text is None:
        return "–"
    amount = Decimal(text)
    shown = f"{amount:+,.2f}" if signed else f"{amount:,.2f}"
    return f"[red]{shown}[/]" if signed and amount < 0 else shown


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.2%}"
