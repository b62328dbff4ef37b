"""The figures of docs/scale.md: written between its markers by the code that estimates, so that paper and code cannot differ."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from cdk.cost import report
from cdk.cost.assumptions import Assumptions
from cdk.cost.deployment import Deployment, Templates, resources
from cdk.cost.estimate import Estimate, estimate
from cdk.cost.limits import breaks_at, concurrency, limits
from cdk.cost.live_path import KB, Scale
from cdk.cost.price_list import PriceList
from daymark.core.errors import InvalidInput

PAPER = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
SMALL = Scale(Decimal(1000), Decimal(1000), Decimal(500))
LARGE = Scale(Decimal(1_000_000), Decimal(1_000_000), Decimal(10_000))
_SECTION = re.compile(r"(?P<begin><!-- figures: (?P<name>[a-z-]+) -->\n)(?P<text>.*?)(?P<end><!-- end -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings that fit a scale. Groups and buckets are settings today; batches and their window are constants of the templates."""

    groups: int
    buckets: int
    batch_records: int = 500
    window_seconds: int = 1


FITTED_SMALL, FITTED_LARGE = Tuning(4, 4), Tuning(12, 256)


def tuned(templates: Templates, tuning: Tuning) -> Templates:
    """The templates as they would be with these settings; the given ones are left as they are."""
    changed: dict[tuple[str, str], Any] = copy.deepcopy(dict(templates))
    for each in resources(changed):
        variables = each.properties.get("Environment", {}).get("Variables", {})
        for name, value in (("DAYMARK_TICK_GROUPS", tuning.groups), ("DAYMARK_PORTFOLIO_BUCKETS", tuning.buckets)):
            if name in variables:
                variables[name] = str(value)
        if each.kind == "AWS::Lambda::EventSourceMapping" and "MarkPortfolios" in each.name:
            batches = {"BatchSize": tuning.batch_records, "MaximumBatchingWindowInSeconds": tuning.window_seconds}
            changed[each.region, each.stack]["Resources"][each.name]["Properties"].update(batches)
    return changed


def figures(templates: Templates, prices: PriceList, said: Assumptions, live_region: str) -> Mapping[str, str]:
    """Every section of figures by name, as Markdown."""
    cases = {
        "1,000 portfolios": estimate(templates, prices, said, SMALL, live_region),
        "1,000, fitted": estimate(tuned(templates, FITTED_SMALL), prices, said, SMALL, live_region),
        "1,000,000 portfolios": estimate(templates, prices, said, LARGE, live_region),
        "1,000,000, fitted": estimate(tuned(templates, FITTED_LARGE), prices, said, LARGE, live_region),
    }
    return {
        "settings": _settings(cases),
        "rates": _rates(cases),
        "money": _money(cases),
        "lines": _largest(cases["1,000,000 portfolios"]),
        "lines-fitted": _largest(cases["1,000,000, fitted"]),
        "order": _order(cases["1,000,000 portfolios"], cases["1,000,000, fitted"]),
        "limits": report.limits_table(limits(cases["1,000,000 portfolios"].loads[live_region])),
        "limits-fitted": report.limits_table(limits(cases["1,000,000, fitted"].loads[live_region])),
    }


def write(templates: Templates, prices: PriceList, said: Assumptions, live_region: str, paper: Path = PAPER) -> None:
    """Renew the paper's figures, and nothing else in it.

    Raises:
        InvalidInput: the paper has no place for a section, or a place for one that does not exist.
    """
    found = figures(templates, prices, said, live_region)
    content = paper.read_text(encoding="utf-8")
    if set(sections(content)) != set(found):
        raise InvalidInput(f"the paper must have the sections {', '.join(found)}", field="paper")
    paper.write_text(_SECTION.sub(lambda match: match["begin"] + found[match["name"]] + "\n" + match["end"], content), encoding="utf-8")


def sections(content: str) -> Mapping[str, str]:
    """The paper's figures as they stand, by section."""
    return {match["name"]: match["text"].rstrip("\n") for match in _SECTION.finditer(content)}


def _markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    rule = "| --- |" + " ---: |" * (len(head) - 1)
    return "\n".join(f"| {' | '.join(row)} |" for row in (head,)) + "\n" + rule + "".join(f"\n| {' | '.join(row)} |" for row in rows)


def _deployed(case: Estimate) -> Deployment:
    return case.loads[case.live_region].deployed


def _settings(cases: Mapping[str, Estimate]) -> str:
    rows: Mapping[str, Callable[[Estimate], str]] = {
        "portfolios": lambda case: report.plain(case.scale.portfolios),
        "ticks/s": lambda case: report.plain(case.scale.ticks),
        "symbols": lambda case: report.plain(case.scale.symbols),
        "`tick_groups`": lambda case: str(_deployed(case).groups),
        "`portfolio_buckets`": lambda case: str(_deployed(case).buckets),
        "records of a batch of quotes": lambda case: str(_deployed(case).quotes.records),
        "seconds a batch of quotes waits": lambda case: str(_deployed(case).quotes.window_seconds),
    }
    return _markdown(("", *cases), [(name, *(tell(case) for case in cases.values())) for name, tell in rows.items()])


def _rates(cases: Mapping[str, Estimate]) -> str:
    loads = [case.loads[case.live_region] for case in cases.values()]
    lives = [load.live for load in loads]
    figures_of = {
        "`ticks`: records/s": [live.ticks.records for live in lives],
        "`ticks`: KB a record": [live.ticks.record_bytes / KB for live in lives],
        "`ticks`: MB/s": [live.ticks.mb for live in lives],
        "`ticks`: shards on demand": [live.ticks.shards for live in lives],
        "ingest: calls/s": [live.ticks.calls for live in lives],
        "ingest: calls under way": [live.ticks.concurrency for live in lives],
        "snapshots put/s": [live.lane_saves for live in lives],
        "`quotes`: records/s": [live.quotes.records for live in lives],
        "`quotes`: KB a record": [live.quotes.record_bytes / KB for live in lives],
        "`quotes`: MB/s": [live.quotes.mb for live in lives],
        "`quotes`: MB/s as billed": [live.quotes.billed_kb / KB for live in lives],
        "`quotes`: shards on demand": [live.quotes.shards for live in lives],
        "marking: calls/s": [live.quotes.calls for live in lives],
        "marking: calls under way": [live.quotes.concurrency for live in lives],
        "boards put/s": [live.board_saves for live in lives],
        "KB a board": [live.board_bytes / KB for live in lives],
        "board MB/s into S3": [live.board_saves * live.board_bytes / KB / KB for live in lives],
        "WebSockets open": [live.watchers for live in lives],
        "messages posted/s": [live.messages for live in lives],
        "push: calls under way": [live.board_saves * live.push_seconds for live in lives],
        "Lambda: calls under way, all": [concurrency(load) for load in loads],
    }
    return _markdown(("in a session", *cases), [(name, *map(report.plain, values)) for name, values in figures_of.items()])


def _money(cases: Mapping[str, Estimate]) -> str:
    stacks = next(iter(cases.values())).stacks()
    rows = [
        (f"{region} {stack}", *(f"{case.total(region, stack).total:,.0f}" for case in cases.values()))
        for region, stack in stacks
        if any(case.total(region, stack).total >= 1 for case in cases.values())
    ]
    parts = {
        "idle": [case.total().idle for case in cases.values()],
        "market": [case.total().market for case in cases.values()],
        "portfolios": [case.total().portfolios for case in cases.values()],
        "**all**": [case.total().total for case in cases.values()],
        "per 1,000 portfolios": [report.per_thousand(case.total().portfolios, case.scale.portfolios) for case in cases.values()],
    }
    rows += [(name, *(f"{amount:,.0f}" for amount in amounts)) for name, amounts in parts.items()]
    return _markdown(("USD a month", *cases), rows)


def _order(today: Estimate, fitted: Estimate) -> str:
    """From how many portfolios each limit breaks, the first first."""
    whats = {each.name: each.what for each in limits(today.loads[today.live_region])}
    breaks = [breaks_at(case.loads[case.live_region]) for case in (today, fitted)]
    names = sorted({*breaks[0], *breaks[1]}, key=lambda name: (min(each[name] for each in breaks if name in each), name))
    rows = [(whats[name], *(f"{each[name]:,}" if name in each else "holds" for each in breaks)) for name in names]
    return _markdown(("breaks from so many portfolios", "today's settings", "fitted"), rows)


def _largest(case: Estimate, count: int = 12) -> str:
    largest = sorted(case.lines, key=lambda line: (-line.money.total, line.resource.name, line.driver))[:count]
    rows = [
        (
            f"{line.resource.stack} {line.resource.path}: {line.driver}",
            f"{report.plain(line.quantity)} {line.price.unit}",
            f"{line.price.value.normalize():f}{line.price.mark}",
            f"{line.money.total:,.0f}",
        )
        for line in largest
    ]
    return _markdown(("line", "a month", "unit price", "USD"), rows)
