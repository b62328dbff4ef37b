"""Rule: the standby is not of size zero and not smaller than the primary: what would have to grow during a switch asks a control plane.

What is paid by use and grows by itself (functions, tables, streams on demand) has only its upper limits to judge. Quotas of an account
are in no template: they are facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource

# Upper limits and fixed sizes; for those that are absent, AWS sets none.
FIGURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AWS::Lambda::Function", ("ReservedConcurrentExecutions",)),
    ("AWS::Lambda::Alias", ("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions")),
    ("AWS::Lambda::Version", ("ProvisionedConcurrencyConfig", "ProvisionedConcurrentExecutions")),
    ("AWS::Kinesis::Stream", ("ShardCount",)),
    ("AWS::ElastiCache::ServerlessCache", ("CacheUsageLimits", "DataStorage", "Maximum")),
    ("AWS::ElastiCache::ServerlessCache", ("CacheUsageLimits", "ECPUPerSecond", "Maximum")),
    ("AWS::Batch::ComputeEnvironment", ("ComputeResources", "MaxvCpus")),
    ("AWS::ECS::Service", ("DesiredCount",)),
    ("AWS::AutoScaling::AutoScalingGroup", ("MaxSize",)),
    ("AWS::ApplicationAutoScaling::ScalableTarget", ("MaxCapacity",)),
)
SWITCHED = ("AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue")
_KINDS = (*dict.fromkeys(kind for kind, _ in FIGURES), "AWS::Batch::JobQueue")
# What is kept ready: none, where it is not said. All others are limits, and unlimited where none is said.
SET_ASIDE = ("AWS::Lambda::Alias", "AWS::Lambda::Version")
CONCURRENCY = "lambda_concurrent_executions"
Found = Iterator[Breach | Unknown]


def _figure(resource: Resource, path: tuple[str, ...], absent: float) -> float:
    try:
        return float(resource.at(*path))
    except (TypeError, ValueError):
        return absent


def nothing_there(deployment: Deployment, _: Situation) -> Found:
    """Capacities of zero, and what is switched off."""
    for kind, path in FIGURES:
        for resource in deployment.every(kind):
            if _figure(resource, path, inf) == 0:
                yield Breach.at(resource, ".".join(path), "has no capacity: nothing runs there", "give it what the other region has")
    for resource in deployment.every(*SWITCHED):
        if resource.at("State") == "DISABLED":
            yield Breach.at(resource, "State", "is switched off: nothing runs there", "switch it on in both regions")


def less_there(deployment: Deployment, _: Situation) -> Found:
    """Capacities that are smaller in the standby, and streams that do not grow there."""
    for kind, path in FIGURES:
        absent = 0 if kind in SET_ASIDE else inf
        for resource in deployment.every(kind, region=deployment.primary):
            there = deployment.counterpart(resource)
            if there is None or _figure(there, path, inf) == 0:
                continue
            mine, theirs = (_figure(each, path, absent) for each in (resource, there))
            if theirs < mine:
                wrong = f"{theirs:g} is less than in {resource.region}, {mine:g}"
                yield Breach.at(there, ".".join(path), wrong, "give the standby what the primary has")
    for stream in deployment.every("AWS::Kinesis::Stream", region=deployment.primary):
        there, path = deployment.counterpart(stream), ("StreamModeDetails", "StreamMode")
        if there and stream.at(*path) == "ON_DEMAND" and there.at(*path) != "ON_DEMAND":
            wrong = f"has fixed shards, in {stream.region} it grows by itself"
            yield Breach.at(there, ".".join(path), wrong, "set ON_DEMAND in both regions")


def lesser_quotas(deployment: Deployment, situation: Situation) -> Found:
    """An account that lets fewer functions run at once in the secondary."""
    known = {region: situation.facts.quotas.get((region, CONCURRENCY)) for region in deployment.regions}
    for region, quota in known.items():
        if quota is None:
            yield Unknown(
                f"{region} {CONCURRENCY}",
                f"aws lambda get-account-settings --region {region}, as quotas.{region}.{CONCURRENCY} of the facts",
            )
    mine, theirs = known[deployment.primary], known[deployment.secondary]
    if mine is not None and theirs is not None and theirs < mine:
        wrong = f"{theirs} functions at once, in {deployment.primary} {mine}: the day's load is throttled after a switch"
        yield Breach(deployment.secondary, "", CONCURRENCY, "", wrong, "ask AWS for the same quota in both regions")


RULES = (
    Rule("capacity-zero", "Nothing has a capacity of zero or is switched off", Severity.BLOCKS, _KINDS, nothing_there),
    Rule("capacity-standby", "Nothing is smaller in the standby", Severity.WARNS, _KINDS, less_there),
    Rule("capacity-quota", "As many functions may run at once in both regions", Severity.BLOCKS, ("AWS::Lambda::Function",), lesser_quotas),
)
