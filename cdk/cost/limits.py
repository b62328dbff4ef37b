"""What a scale needs of each quota, setting and rule of the code; the largest shortfall is what breaks first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from cdk.constructs.rest_api import REQUESTS_PER_SECOND
from cdk.cost import dated_file, trading_day
from cdk.cost.live_path import ONE, SHARD_RECORDS
from cdk.cost.load import ITEM_BYTES, Load
from daymark.adapters.dynamodb.fence_ledger import ITEMS_PER_SCOPE
from daymark.operations.models import OperationPhase

QUOTAS = Path(__file__).with_name("quotas.yaml")
# Everybody connects within a quarter of an hour of the open; looks at portfolios come at twice the mean.
CONNECTING_SECONDS, PEAK = Decimal(900), 2


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit at a scale.

    Attributes:
        kind: ``quota``, ``hard``, ``setting`` or ``code``.
        allowed: What there is by default.
        needed: What the scale needs.
    """

    name: str
    kind: str
    what: str
    source: str
    allowed: Decimal
    needed: Decimal

    @property
    def share(self) -> Decimal:
        """What is needed of what there is; above one it breaks."""
        return self.needed / self.allowed


def limits(load: Load, path: Path = QUOTAS) -> list[Limit]:
    """Every limit, the tightest first."""
    needed = _needed(load)
    allowed = {
        "rest_stage": Decimal(REQUESTS_PER_SECOND),
        "fence_claims": (ITEMS_PER_SCOPE * ITEM_BYTES / load.said["claim_bytes"]).to_integral_value(),
    }
    entries = _quotas(path)
    found = [
        Limit(name, entry["kind"], entry["what"], entry["source"], allowed.get(name, Decimal(entry["value"])), needed[name])
        for name, entry in entries.items()
    ]
    found += _time_limits(load)
    return sorted(found, key=lambda each: (-each.share, each.name))


@cache
def _quotas(path: Path) -> Mapping[str, Any]:
    entries: Mapping[str, Any] = dated_file.read(path)["limits"]
    return entries


def breaks_at(load: Load, most: int = 10_000_000) -> Mapping[str, int]:
    """Of each limit the number of portfolios from which it breaks, at these ticks and settings; without those that hold up to ``most``.

    A limit's need never falls with portfolios, so halving finds it.
    """
    found: dict[str, int] = {}
    for name in (each.name for each in limits(_sized(load, most)) if each.share > 1):
        holds, breaks = -1, most
        while breaks - holds > 1:
            middle = (holds + breaks) // 2
            share = next(each.share for each in limits(_sized(load, middle)) if each.name == name)
            holds, breaks = (middle, breaks) if share <= 1 else (holds, middle)
        found[name] = breaks
    return found


def _sized(load: Load, portfolios: int) -> Load:
    return replace(load, scale=replace(load.scale, portfolios=Decimal(portfolios)))


def concurrency(load: Load) -> Decimal:
    """Lambda calls under way at a time during a session, phases left out."""
    live = load.live
    asked = load.requests / load.seconds * load.said["api_call_seconds"]
    return live.ticks.concurrency + live.quotes.concurrency + live.board_saves * live.push_seconds + asked


def _needed(load: Load) -> Mapping[str, Decimal]:
    live = load.live
    return {
        "lambda_concurrency": concurrency(load),
        "gateway_requests": live.messages + PEAK * load.requests / load.seconds,
        "websocket_connects": live.watchers / CONNECTING_SECONDS,
        "kinesis_write": live.quotes.mb,
        "kinesis_start": max(live.quotes.mb, live.quotes.records / SHARD_RECORDS),
        "s3_puts": live.board_saves,
        "s3_gets": live.board_saves * 2,
        "put_events": live.board_saves,
        "table_writes": live.messages,
        "rest_stage": PEAK * load.requests / load.seconds,
        "fence_claims": max(load.scale.portfolios * trading_day.row_tasks(phase) for phase in OperationPhase),
        "mark_workers": live.quotes.load,
        "ingest_workers": live.ticks.load,
    }


def _time_limits(load: Load) -> list[Limit]:
    """Each task function passes over all portfolios in one call: the longest of them against its time limit."""
    said, found = load.said, []
    for function in sorted({task.function for task in trading_day.tasks()}):
        if not trading_day.portfolio_tasks(function):
            continue
        work = trading_day.portfolio_seconds(function, said["task_portfolio_seconds"], said["report_portfolio_seconds"])
        needed = said["task_call_seconds"] + work / trading_day.portfolio_tasks(function) * load.scale.portfolios
        allowed = Decimal(load.deployed.timeout_seconds[function]) * ONE
        what = f"{function}: seconds of one pass over all portfolios in one call"
        found.append(Limit(f"time_{function}", "code", what, "cdk/functions.py; seconds a portfolio are estimated", allowed, needed))
    return found
