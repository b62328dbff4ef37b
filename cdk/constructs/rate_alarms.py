"""Alarms computed from more than one metric. They live apart because the embedded cloud refuses metric math.

A rate speaks only where there are enough calls to speak of: one failure of five is noise, one in a hundred of fifty or more is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk.constructs.alarms import PERIOD, Alarms, Limit
from cdk.constructs.phase_machine import PhaseMachine
from daymark.operations.schedule import CRON

# Below so many calls in five minutes a rate says nothing.
FEWEST_CALLS = 50
FAILED_PERCENT = 1.0
# Single failures of DynamoDB itself are repaired by the clients' retries.
MOST_TABLE_FAILURES = 10
# Above this a region lost now would lose more than half a minute of rows.
REPLICA_MILLISECONDS = 30_000
SLOW_MILLISECONDS = 2_000
_OPERATIONS = ("GetItem", "PutItem", "UpdateItem", "Query", "TransactWriteItems")
# New York is four hours behind UTC in summer and five in winter; alarms know UTC alone.
_BEHIND_UTC = (4, 5)


def wake_hours(cron: str) -> tuple[int, int]:
    """The UTC hours, in summer and in winter, in which a phase's first wake-up of a weekday falls.

    >>> wake_hours("cron(0 11,12 ? * MON-FRI *)")
    (15, 16)
    """
    found = re.fullmatch(r"cron\(\d+ (\d+)(?:,\d+)* \? \* MON-FRI \*\)", cron)
    if not found:
        raise ValueError(f"no weekday's hour in {cron!r}")
    summer, winter = (int(found[1]) + behind for behind in _BEHIND_UTC)
    return summer, winter


def watch_absence(alarms: Alarms, each: PhaseMachine) -> None:
    """A weekday on which a phase's machine was not started at all: the one failure that no failure metric tells.

    Every weekday has a wake-up, holidays too; the run decides whether it was due. In summer it falls into the first of three hours, in
    winter into the second; the third is there because CloudWatch may judge an hour that has only begun. So three silent hours on end
    mean that it never came. Outside these hours all is well. ``TIME_SERIES`` supplies the clock, because a metric without data has none.
    """
    first, second = wake_hours(CRON[each.phase])
    within = f"DAY(clock) <= 5 AND HOUR(clock) >= {first} AND HOUR(clock) <= {second + 1}"
    started = each.machine.metric_started(period=Duration.hours(1), statistic="Sum")
    silent = cloudwatch.MathExpression(
        expression=f"IF({within}, IF(FILL(started, 0) > 0, 0, 1), clock * 0)",
        using_metrics={
            "started": started,
            "clock": cloudwatch.MathExpression(expression="TIME_SERIES(1)", using_metrics={}, period=Duration.hours(1)),
        },
        period=Duration.hours(1),
        label="silent",
    )
    meaning = f"{each.phase}: the phase was not started on a weekday"
    alarms.add(f"{each.node.id}Absent", silent, meaning, "phase-absent", Limit(0, periods=3, silent_is_ill=True))


def _rate(failed: cloudwatch.IMetric, calls: cloudwatch.IMetric) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"IF(FILL(calls, 0) >= {FEWEST_CALLS}, 100 * FILL(failed, 0) / calls, 0)",
        using_metrics={"failed": failed, "calls": calls},
        period=PERIOD,
        label="percent failed",
    )


def _metric(namespace: str, name: str, dimensions: Mapping[str, str], statistic: str = "Sum") -> cloudwatch.Metric:
    return cloudwatch.Metric(namespace=namespace, metric_name=name, dimensions_map=dict(dimensions), statistic=statistic, period=PERIOD)


def watch_rest(alarms: Alarms, api_name: str, stage: str) -> None:
    """Requests that ended in our own errors, and a slowest percentile that users feel."""
    of_stage = {"ApiName": api_name, "Stage": stage}
    failed, calls = (_metric("AWS/ApiGateway", name, of_stage) for name in ("5XXError", "Count"))
    alarms.add("RestFailing", _rate(failed, calls), "REST: over 1% of requests fail", "rest-failing", Limit(FAILED_PERCENT))
    latency = _metric("AWS/ApiGateway", "Latency", of_stage, "p99")
    limit = Limit(SLOW_MILLISECONDS, periods=3)
    alarms.add("RestSlow", latency, "REST: the slowest percentile takes over 2 s", "rest-slow", limit)


def watch_socket(alarms: Alarms, api_id: str, stage: str) -> None:
    """Messages and connections of the WebSocket whose function failed."""
    of_stage = {"ApiId": api_id, "Stage": stage}
    failed, calls = (_metric("AWS/ApiGateway", name, of_stage) for name in ("IntegrationError", "MessageCount"))
    alarms.add("SocketFailing", _rate(failed, calls), "WebSocket: over 1% of messages fail", "socket-failing", Limit(FAILED_PERCENT))


def watch_table_failures(alarms: Alarms, name: str, table_name: str) -> None:
    """Failures of DynamoDB itself, over all operations that we use."""
    parts = {
        f"m{place}": _metric("AWS/DynamoDB", "SystemErrors", {"TableName": table_name, "Operation": operation})
        for place, operation in enumerate(_OPERATIONS)
    }
    total = " + ".join(f"FILL({part}, 0)" for part in parts)
    failed = cloudwatch.MathExpression(expression=total, using_metrics=dict(parts), period=PERIOD, label="failed")
    alarms.add(f"{name.capitalize()}TableFailing", failed, f"{name}: the table fails", "table-failing", Limit(MOST_TABLE_FAILURES))


def watch_replica(alarms: Alarms, name: str, table_name: str, other: str) -> None:
    """How far the other region's replica is behind, three times in a row: what a cut now would lose."""
    metric = _metric("AWS/DynamoDB", "ReplicationLatency", {"TableName": table_name, "ReceivingRegion": other}, "Maximum")
    limit = Limit(REPLICA_MILLISECONDS, periods=3)
    alarms.add(f"{name.capitalize()}ReplicaLate", metric, f"{name}: the replica is over 30 s behind", "replica-late", limit)


def watch_cache(alarms: Alarms, cache_name: str, gigabytes: int) -> None:
    """Commands that the cache turned away, and the last fifth of its room."""
    of_cache = {"clusterId": cache_name}
    throttled = _metric("AWS/ElastiCache", "ThrottledCmds", of_cache)
    alarms.add("QuotesThrottled", throttled, "The cache of hot quotes throttles commands", "cache-full")
    used = _metric("AWS/ElastiCache", "BytesUsedForCache", of_cache, "Maximum")
    alarms.add("QuotesFull", used, "The cache of hot quotes is over four fifths full", "cache-full", Limit(0.8 * gigabytes * 1e9))
