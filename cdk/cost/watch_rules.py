"""What logs, alarms, dashboards, topics and queues use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cdk.cost.deployment import Resource
from cdk.cost.live_path import KB
from cdk.cost.load import GB, Load
from cdk.cost.usage import Usage


def log_group(resource: Resource, load: Load) -> Sequence[Usage]:
    """A log group by what it is of; stored up to its retention, a year at most in the first year."""
    name = resource.path.removesuffix("Logs")
    names = {"".join(word.capitalize() for word in each.split("_")): each for each in load.deployed.memory_mb}
    said = load.said
    if name in names:
        calls = load.calls(names[name]).count
        ingested, why = calls * said["log_kb_a_call"] * KB / GB, f"{said['log_kb_a_call']} KB a call"
    elif name == "Access":
        ingested, why = load.requests * said["access_log_bytes"] / GB, "a line a request"
    elif name == "PushAccess":
        ingested, why = load.connections * 4 * said["access_log_bytes"] / GB, "four lines a WebSocket"
    elif name.startswith("Network"):
        ingested, why = said["flow_log_gb"] if load.scale.ticks else said["idle_log_gb"], said.bases["flow_log_gb"]
    else:
        ingested, why = said["idle_log_gb"], said.bases["idle_log_gb"]
    months = min(said["months_kept"], Decimal(int(resource.properties.get("RetentionInDays", 365))) / said["days_a_month"])
    return [
        Usage("ingested", "logs.ingested", ingested, why),
        Usage(
            "stored",
            "logs.stored",
            ingested * months * said["log_compression"],
            f"compressed to {said['log_compression']}, {months:.0f} months",
        ),
    ]


def alarm(resource: Resource, load: Load) -> Sequence[Usage]:
    """An alarm costs for each metric it looks at, three times as much if more often than once a minute."""
    del load
    properties = resource.properties
    metrics = [each for each in properties.get("Metrics", []) if "MetricStat" in each] or [properties]
    periods = [int(each.get("MetricStat", each).get("Period", 60)) for each in metrics]
    price = "cloudwatch.fast_alarm_metric" if min(periods) < 60 else "cloudwatch.alarm_metric"
    return [Usage("metrics", price, Decimal(len(metrics)), "all month")]


def composite_alarm(resource: Resource, load: Load) -> Sequence[Usage]:
    """An alarm of alarms."""
    del resource, load
    return [Usage("alarm", "cloudwatch.composite_alarm", Decimal(1), "all month")]


def dashboard(resource: Resource, load: Load) -> Sequence[Usage]:
    """A dashboard."""
    del resource, load
    return [Usage("dashboard", "cloudwatch.dashboard", Decimal(1), "all month")]


def metric_filter(resource: Resource, load: Load) -> Sequence[Usage]:
    """The metric that a filter of a log makes."""
    transformations = len(resource.properties.get("MetricTransformations", [])) or 1
    del load
    return [Usage("metrics", "cloudwatch.metric", Decimal(transformations), "one metric a transformation")]


def topic(resource: Resource, load: Load) -> Sequence[Usage]:
    """A topic's e-mails."""
    del resource
    return [Usage("e-mails", "sns.email", load.said["notifications"], load.said.bases["notifications"])]


def queue(resource: Resource, load: Load) -> Sequence[Usage]:
    """A queue of what failed: nobody polls it, and nothing is sent while nothing fails."""
    del resource, load
    return [Usage("requests", "sqs.request", Decimal(0), "a dead-letter queue; nothing fails")]
