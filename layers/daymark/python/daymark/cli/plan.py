"""The commands of the recovery plan: whether the second region could take over, told from templates that are already synthesised."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from daymark.cli.summary import wide_console
from daymark.cli.terminal import AsJson, errors, print_document, read_date
from daymark.recovery.assembly import read_assembly
from daymark.recovery.evaluation import evaluate as evaluated
from daymark.recovery.facts import read_facts
from daymark.recovery.models import Evaluation, Facts, Severity, Situation, Verdict

STYLES = {Severity.BLOCKS: "red", Severity.WARNS: "yellow"}

plan = typer.Typer(help="Whether the second region could take over.", no_args_is_help=True)


def with_plan(app: typer.Typer) -> typer.Typer:
    """The same command, with these as ``plan``."""
    app.add_typer(plan, name="plan")
    return app


@plan.callback()
def group() -> None:
    """Whether the second region could take over."""


@plan.command()
def evaluate(
    templates: Annotated[Path, typer.Option(help="Folder that cdk synth wrote, with both regions.")] = Path("cdk.out"),
    facts: Annotated[Path | None, typer.Option(help="JSON or TOML file of what an account knows: certificates, quotas.")] = None,
    primary: Annotated[str | None, typer.Option(help="Region that leads; else the one that declares the replicated tables.")] = None,
    today: Annotated[str | None, typer.Option(help="Day by which certificates are judged; else today.")] = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate the region switch from the templates alone; ends with 1 if anything blocks it. Asks AWS nothing, synthesises nothing."""
    with errors(as_json):
        day = datetime.now(UTC).date() if today is None else read_date(today, "today")
        known = Facts() if facts is None else read_facts(facts)
        evaluation = evaluated(read_assembly(templates, primary), Situation(day, known))
        if as_json:
            print_document(evaluation.as_document())
        else:
            show_evaluation(wide_console(), evaluation)
        if evaluation.blocked:
            raise typer.Exit(1)


def show_evaluation(console: Console, evaluation: Evaluation) -> None:
    """Print findings, what could not be judged, and the sum."""
    console.print(f"\n[bold]From {evaluation.primary} to {evaluation.secondary}[/], as of {evaluation.today}", highlight=False)
    if evaluation.findings:
        console.print(_findings(evaluation))
    for result in evaluation.results:
        for each in result.unknown:
            said = f"[cyan]{Verdict.NOT_EVALUATED}[/] {result.rule.id}: {escape(each.subject)}. Needs {escape(each.needs)}"
            console.print(said, highlight=False, soft_wrap=True)
    absent = evaluation.of(Verdict.NOT_DEPLOYED)
    if absent:
        console.print(f"[dim]{Verdict.NOT_DEPLOYED}[/] {', '.join(result.rule.id for result in absent)}", highlight=False, soft_wrap=True)
    counts = ", ".join(f"{len(evaluation.of(verdict))} {verdict}" for verdict in Verdict)
    console.print(f"{len(evaluation.results)} rules: {counts}.", highlight=False, soft_wrap=True)
    by_severity = {severity: sum(each.severity is severity for each in evaluation.findings) for severity in Severity}
    style = "red" if evaluation.blocked else "green"
    said = "would fail" if evaluation.blocked else "is not blocked by anything the templates tell"
    told = ", ".join(f"{count} {severity}" for severity, count in by_severity.items())
    console.print(f"[{style}]A switch {said}[/]: {told}.", highlight=False)


def _findings(evaluation: Evaluation) -> Table:
    table = Table(padding=(0, 1, 0, 0), show_lines=True)
    for heading in ("Severity", "Rule"):
        table.add_column(heading, no_wrap=True)
    for heading in ("Where", "What is wrong", "How to mend it"):
        table.add_column(heading, overflow="fold")
    for each in evaluation.findings:
        place = "/".join(filter(None, (each.stack, each.resource)))
        where = "\n".join(filter(None, (each.region, place, each.path)))
        table.add_row(f"[{STYLES[each.severity]}]{each.severity}[/]", each.rule, escape(where), escape(each.wrong), escape(each.mend))
    return table
