"""The configuration reference, written from what the code reads: ``python -m cdk.configuration`` writes docs/configuration.md anew.

Names, defaults and bounds of the deployment are those of a reading of its settings; the functions' variables are those of the models that
their environments are rendered from; what each means is what its class says of it.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from cdk.functions import EVERY_FUNCTION
from cdk.settings import PROJECT, DeploymentSettings
from daymark.adapters.environment import variable

PATH = PROJECT / "docs" / "configuration.md"

# What is read from the environment by hand: where, what it means, and what holds without it. A test holds the names against the code.
COMMANDS: Mapping[str, tuple[str, str, str]] = {
    "DAYMARK_HOME": ("`daymark`", "Folder of the local installation: state, logs, outputs, reports.", "`.daymark` in the checkout"),
    "DAYMARK_PORT": ("`daymark`", "Port of the embedded cloud on 127.0.0.1; remembered once used.", "the last one used, else 4566"),
    "DAYMARK_REDIS_URL": ("`daymark`, `cdk` with `target=local`", "A Redis of your own for hot quotes.", "a Redis that is started here"),
    "DAYMARK_FULL": ("`pytest`", "Whether the long forms of the simulations run; `make test-full` sets it.", "the quick forms"),
    "DAYMARK_SEEDS": ("`pytest`", "How many seeds each simulation takes; `make test-full` sets it.", "each simulation's own number"),
    "DAYMARK_DBN_SAMPLES": (
        "`pytest`",
        "Folder of Databento's own sample files; their tests are skipped without it.",
        "a folder beside the checkout",
    ),
    "DAYMARK_BENCH_MACHINE": ("`make bench`", "Name under which the figures are filed.", "the processor's name and number of cores"),
    "CDK_DEFAULT_ACCOUNT": ("`cdk`", "The AWS account; the CDK command line sets it from your credentials.", "none: refused"),
}
MAKE: Mapping[str, tuple[str, str]] = {
    "DATE": ("`make run`", "The session to run, 2012-01-03 to 2018-12-31; 2018-02-05 without it."),
    "ONCE": ("`make run`", "`1`: end after the day, with 0 if every task did all its work."),
    "JSON": ("`make run`, `make cost`", "`1`: the answer as one JSON document on standard output."),
    "PYTHON": ("all", "The Python 3.11 or 3.12 that the environments are made with."),
    "PYTEST_ARGS": ("`make test`, `make test-full`", "More arguments for pytest."),
    "SHARD": ("`make test-full`, `make mutants`", "`2/5`: the second of five parts."),
    "LAYERS": ("`make layers`", "Which layers to build, `runtime reports`; all of them without it."),
    "PORTFOLIOS": ("`make cost`", "How many portfolios the cost is of."),
    "TICKS": ("`make cost`", "Ticks a second in a session."),
    "SYMBOLS": ("`make cost`", "How many symbols they are of."),
    "CONTEXT": ("`make cost`, `make iam-diff`", "Context of the deployment that it is about, `fan_out=false gpu=true`."),
    "BASE": ("`make iam-diff`", "What the templates are compared with: a revision, a folder, or `deployed`; `HEAD` without it."),
    "ALL": ("`make cost`", "`1`: every line, also those of nothing."),
    "PAPER": ("`make cost`", "`1`: write docs/scale.md anew."),
    "MUTANTS": ("`make mutants`, `make test-full`", "Which guards to break, such as `--sample 20 daymark.core.lots`."),
}
_TEXT_ENDS = {"_table": "Name of the `{}` table.", "_bucket": "Name of the `{}` bucket.", "_stream": "Name of the `{}` stream."}
_KNOWN = {"region": "The region that the function runs in.", "event_bus": "Name of the event bus."}


def reference() -> str:
    """The whole page."""
    return "\n".join([*_opening(), *_deployment(), *_functions(), *_commands(), ""])


def _opening() -> list[str]:
    return [
        "# Configuration",
        "",
        "Written by `python -m cdk.configuration` from the code; do not edit. A test fails when it is out of date.",
        "",
        "There is no configuration file and no setting that is changed while the system runs: a deployment is told once, by the context of",
        "the CDK command line (`--context name=value`, or `cdk.json`), and renders everything into the functions' environments.",
    ]


def _deployment() -> list[str]:
    cloud, local = _read("cloud"), _read("local")
    lines = [
        "",
        "## A deployment",
        "",
        "| context | in the cloud | on one machine | from, to | meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys([*cloud[1], *local[1]]):
        here, there, (says, bounds) = _value(cloud[0], name), _value(local[0], name), _meaning(cloud[0], name)
        lines.append(f"| `{name}` | {here} | {'the same' if there == here else there} | {bounds} | {says} |")
    return lines


def _read(target: str) -> tuple[DeploymentSettings, list[str]]:
    """The settings of a deployment that says nothing, and every name that it was asked for."""
    said = {
        "target": target,
        "layers": "built",
        "today": "2026-01-01",
        "redis_url": "redis://127.0.0.1:6379" if target == "local" else None,
    }
    asked: dict[str, None] = {}

    def context(name: str) -> Any:
        asked[name] = None
        return said.get(name)

    return DeploymentSettings.read(context, {"CDK_DEFAULT_ACCOUNT": "000000000000"}), list(asked)


def _holders(settings: DeploymentSettings) -> Iterator[Any]:
    yield settings
    for field in fields(settings):
        part = getattr(settings, field.name)
        if is_dataclass(part):
            yield part


def _value(settings: DeploymentSettings, name: str) -> str:
    told = {
        "today": "the present day",
        "redis_url": "needed" if settings.is_local else "not read",
        "target": "needed (`cdk.json` says `cloud`)" if not settings.is_local else "`local`",
    }
    if name in told:
        return told[name]
    part, attribute = _holder(settings, name)
    value = getattr(part, attribute)
    return "none" if value in (None, "", ()) else f"`{_plain(value)}`"


def _holder(settings: DeploymentSettings, name: str) -> tuple[Any, str]:
    """Where a setting is kept: under its name, or under the last word of it (``user_directory`` as ``directory``)."""
    for attribute in (name, name.rpartition("_")[2]):
        for part in _holders(settings):
            if hasattr(part, attribute):
                return part, attribute
    raise LookupError(f"no settings have {name}")


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_plain(each)}' for name, each in value.items())}}}"
    if is_dataclass(value):
        return f"[{', '.join(str(getattr(value, field.name)) for field in fields(value))}]"
    return value


def _meaning(settings: DeploymentSettings, name: str) -> tuple[str, str]:
    """What a setting's class says of it, and between which bounds it lies."""
    own = {
        "target": "`cloud`, or `local` for the embedded cloud.",
        "layers": "`built` takes the packages that were installed into the layers; `declared` is enough to look at templates.",
        "primary": "Home of the tables.",
        "secondary": "Region of the replicas.",
    }
    part, attribute = _holder(settings, name)
    bounds = _bounds(type(part)).get(name)
    return own.get(name) or described(type(part))[attribute], "" if bounds is None else f"{bounds[0]:,} to {bounds[1]:,}"


def _bounds(kind: type) -> dict[str, tuple[int, int]]:
    """The tables of least and most that stand beside a class."""
    tables = [table for table in vars(sys.modules[kind.__module__]).values() if isinstance(table, dict)]
    found: dict[str, tuple[int, int]] = {}
    for table in tables:
        found |= {name: pair for name, pair in table.items() if isinstance(pair, tuple) and [type(each) for each in pair] == [int, int]}
    return found


def described(kind: type) -> dict[str, str]:
    """The attributes that a class's docstring describes, those of its ancestors included.

    >>> class Settings:
    ...     '''Of something.
    ...
    ...     Attributes:
    ...         size: How large,
    ...             in metres.
    ...         colour: Which.
    ...     '''
    >>> described(Settings)
    {'size': 'How large, in metres.', 'colour': 'Which.'}
    """
    found: dict[str, str] = {}
    for ancestor in reversed(kind.__mro__):
        text = inspect.cleandoc(ancestor.__doc__ or "")
        section = re.search(r"^Attributes:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
        for name, says in re.findall(r"^    (\w+): ((?:.*\n?)(?:        .*\n?)*)", section[1] if section else "", re.MULTILINE):
            found[name] = " ".join(says.split()).replace("``", "`")
    return found


def _functions() -> list[str]:
    users: dict[str, list[str]] = {}
    meanings: dict[str, str] = {}
    for definition in EVERY_FUNCTION:
        says = described(definition.settings)
        for field in definition.settings.model_fields:
            users.setdefault(field, []).append(definition.name)
            # What is a name for one function is a place where something stands for another.
            meanings[field] = _by_name(field) or says.get(field) or meanings.get(field, "")
    lines = ["", "## A function's environment", "", "Rendered by the deployment; a missing or malformed variable is refused by name at the"]
    lines += ["first call. A mapping travels as a JSON object.", "", "| variable | meaning | functions |", "| --- | --- | --- |"]
    for field in sorted(users):
        who = "every function" if len(users[field]) == len(EVERY_FUNCTION) else ", ".join(f"`{name}`" for name in users[field])
        lines.append(f"| `{variable(field)}` | {meanings[field]} | {who} |")
    lines.append("| `POWERTOOLS_SERVICE_NAME` | The function's name in logs and alarms. | every function |")
    return [*lines, "| `POWERTOOLS_METRICS_NAMESPACE` | `Daymark`. | every function |"]


def _by_name(field: str) -> str:
    for end, says in _TEXT_ENDS.items():
        if field.endswith(end):
            return says.format(field.removesuffix(end))
    return _KNOWN.get(field, "")


def _commands() -> list[str]:
    lines = ["", "## On one machine", "", "| variable | read by | meaning | without it |", "| --- | --- | --- | --- |"]
    lines += [f"| `{name}` | {who} | {says} | {without} |" for name, (who, says, without) in COMMANDS.items()]
    lines += ["", "| `make NAME=value` | of | meaning |", "| --- | --- | --- |"]
    return lines + [f"| `{name}` | {who} | {says} |" for name, (who, says) in MAKE.items()]


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
