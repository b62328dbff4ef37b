"""What every command shares: how it reads a date, prints, and ends on an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any

import typer
from rich.console import Console

from daymark.core.errors import DaymarkError, InvalidInput

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]


@contextmanager
def errors(as_json: bool) -> Iterator[None]:
    """Every known error ends the command with 1 and one readable message; unknown ones are defects and keep their trace."""
    try:
        yield
    except DaymarkError as error:
        show_error(error, as_json)
        raise typer.Exit(1) from None


def show_error(error: DaymarkError, as_json: bool) -> None:
    """Print an error: as a document, or as a line with its context below."""
    if as_json:
        print(json.dumps({"error": error.as_document()}, default=str))  # noqa: T201 - the command's own output
        return
    Console(stderr=True).print(f"[red]{error.code}[/]: {error.message}", highlight=False)
    for name, value in error.context.items():
        Console(stderr=True).print(f"  {name}: {value}", highlight=False)


def print_document(document: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(document, indent=2, default=str))  # noqa: T201 - the command's own output


def read_date(text: str, field: str = "date") -> date:
    """A date as it is written on the command line.

    Raises:
        InvalidInput: the text is no ISO date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{field} must look like 2018-02-05, got {text!r}", field=field) from None
