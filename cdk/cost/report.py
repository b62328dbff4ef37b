"""The report: one table a stack, its lines and sums; lines that are alike in all but the resource are printed once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from cdk.cost.estimate import Estimate, Line, Money
from cdk.cost.limits import Limit, limits
from cdk.cost.live_path import ZERO
from cdk.cost.price_list import PriceList

THOUSAND = Decimal(1000)
_COLUMNS = ("resource", "driver", "quantity x price", "idle", "market", "per 1,000", "month", "assumption")


def plain(value: Decimal) -> str:
    """A quantity with at most three significant decimals and thousands apart.

    >>> plain(Decimal("1234567.891")), plain(Decimal("0.012345")), plain(Decimal("0.00")), plain(Decimal("5120.0"))
    ('1,234,568', '0.0123', '0', '5,120')
    """
    if not value:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = max(0, 2 - value.adjusted())
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def per_thousand(amount: Decimal, portfolios: Decimal) -> Decimal:
    """The portfolios' part for each thousand of them; 0 for none."""
    return (amount * THOUSAND / portfolios).quantize(Decimal("0.01")) if portfolios else ZERO


def text(estimate: Estimate, prices: PriceList, everything: bool = False) -> str:
    """The report.

    Args:
        estimate: What is told.
        prices: Where its prices come from.
        everything: Whether lines that cost nothing are printed too.
    """
    scale = estimate.scale
    parts = [
        f"Monthly cost in USD at {plain(scale.portfolios)} portfolios, {plain(scale.ticks)} ticks/s, {plain(scale.symbols)} symbols; "
        f"prices read {prices.read}.",
        "idle: no portfolio, no tick, the phases run. market: what ticks add. per 1,000: what portfolios and users add, for each thousand.",
    ]
    for region, stack in estimate.stacks():
        lines = [line for line in estimate.lines if (line.resource.region, line.resource.stack) == (region, stack)]
        shown = [row for row in _rows(lines, scale.portfolios) if everything or row[-2] != "0.00"]
        total = estimate.total(region, stack)
        parts.append(f"\n{region} {stack}\n" + _table([*shown, ("sum", "", "", *_amounts(total, scale.portfolios), "")]))
    sums = [
        (region, "", "", *_amounts(estimate.total(region), scale.portfolios), "")
        for region in dict.fromkeys(r for r, _ in estimate.stacks())
    ]
    parts.append("\nAll\n" + _table([*sums, ("total", "", "", *_amounts(estimate.total(), scale.portfolios), "")]))
    parts.append(
        "† published by somebody else than AWS. * recalled, no page found: check it. us-west-2 is priced as us-east-1. First tiers only, "
        "no free tier, no tax, no support. See cdk/cost/prices.yaml."
    )
    parts.append("\nLimits at this scale, tightest first\n" + limits_table(limits(estimate.loads[estimate.live_region])))
    if estimate.unpriced:
        parts.append("\nNOT PRICED, the sums are too low: " + ", ".join(f"{kind} ({count})" for kind, count in estimate.unpriced))
    return "\n".join(parts)


def limits_table(found: Sequence[Limit]) -> str:
    """The limits as a Markdown table."""
    rows = [
        f"| {each.what} | {each.kind} | {plain(each.allowed)} | {plain(each.needed)} | {_verdict(each)} | {each.source} |" for each in found
    ]
    return "\n".join(["| limit | kind | there is | needed | | source |", "| --- | --- | ---: | ---: | --- | --- |", *rows])


def as_json(estimate: Estimate, prices: PriceList) -> str:
    """Every line by itself; amounts and quantities as text."""
    lines = [_document(line) for line in estimate.lines]
    document: dict[str, Any] = {
        "currency": "USD",
        "prices_read": prices.read.isoformat(),
        "portfolios": str(estimate.scale.portfolios),
        "ticks_per_second": str(estimate.scale.ticks),
        "symbols": str(estimate.scale.symbols),
        "live_region": estimate.live_region,
        "total": _sums(estimate.total()),
        "stacks": {f"{region}/{stack}": _sums(estimate.total(region, stack)) for region, stack in estimate.stacks()},
        "limits": [
            {"what": each.what, "kind": each.kind, "allowed": plain(each.allowed), "needed": plain(each.needed), "source": each.source}
            for each in limits(estimate.loads[estimate.live_region])
        ],
        "unpriced": dict(estimate.unpriced),
        "lines": lines,
    }
    return json.dumps(document, indent=2)


def _document(line: Line) -> dict[str, Any]:
    return {
        "region": line.resource.region,
        "stack": line.resource.stack,
        "resource": line.resource.name,
        "type": line.resource.kind,
        "driver": line.driver,
        "unit": line.price.unit,
        "unit_price": str(line.price.value),
        "evidence": str(line.price.evidence),
        "source": line.price.source,
        "idle_quantity": plain(line.idle_quantity),
        "quantity": plain(line.quantity),
        "assumption": line.assumption,
        **_sums(line.money),
    }


def _sums(money: Money) -> dict[str, str]:
    amounts = {"idle": money.idle, "market": money.market, "portfolios": money.portfolios, "month": money.total}
    return {name: f"{amount:.2f}" for name, amount in amounts.items()}


def _amounts(money: Money, portfolios: Decimal) -> tuple[str, str, str, str]:
    each = per_thousand(money.portfolios, portfolios)
    return f"{money.idle:,.2f}", f"{money.market:,.2f}", f"{each:,.2f}", f"{money.total:,.2f}"


def _rows(lines: Sequence[Line], portfolios: Decimal) -> Iterable[tuple[str, ...]]:
    alike: dict[tuple[object, ...], list[Line]] = {}
    for line in lines:
        alike.setdefault((line.resource.kind, line.driver, line.price.name, line.quantity, line.money, line.assumption), []).append(line)
    for group in alike.values():
        first, others = group[0], len(group) - 1
        name = f"{first.resource.path} and {others} more" if others else first.resource.path
        amount = f"{plain(first.quantity)} {first.price.unit} x {first.price.value.normalize():f}{first.price.mark}"
        total = sum((line.money for line in group), Money())
        yield name, first.driver, f"{len(group)} x {amount}" if others else amount, *_amounts(total, portfolios), first.assumption


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in (*rows, _COLUMNS)) for column in range(len(_COLUMNS))]
    right = {3, 4, 5, 6}

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(_COLUMNS), *map(line, rows)])


def _verdict(each: Limit) -> str:
    if each.share <= 1:
        return "holds"
    return f"{plain(each.share)} times too little"
