"""Rule: the loss of a region is seen within 90 seconds, by a check of that region's own API, and an alarm tells of either region's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.rules.alarms import metrics
from daymark.recovery.templates import Deployment, Resource, listed

CHECK = "AWS::Route53::HealthCheck"
SECONDS = 90
# Route 53 tells its metrics in this region alone.
METRICS_REGION = "us-east-1"
_TOGETHER = ("CALCULATED", "RECOVERY_CONTROL", "CLOUDWATCH_METRIC")
# What Route 53 calls a check; a template of another region, or a plan's, can name it no other way.
CHECK_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Found = Iterator[Breach | Unknown]


def _endpoints(deployment: Deployment) -> Iterator[Resource]:
    return (each for each in deployment.every(CHECK) if each.at("HealthCheckConfig", "Type") not in _TOGETHER)


def slow_checks(deployment: Deployment, _: Situation) -> Found:
    """Checks that take too long to notice."""
    for check in _endpoints(deployment):
        # Route 53's own defaults: every 30 seconds, three failures.
        interval, failures = (check.at("HealthCheckConfig", name) for name in ("RequestInterval", "FailureThreshold"))
        seconds = int(interval or 30) * int(failures or 3)
        if seconds > SECONDS:
            wrong = f"notices after {seconds} s: {interval or 30} s x {failures or 3} failures"
            yield Breach.at(check, "HealthCheckConfig", wrong, f"at most {SECONDS} s together, for example 10 s x 3")


def wrong_checks(deployment: Deployment, _: Situation) -> Found:
    """Checks that are off, upside down, empty, or of the other region."""
    for region in deployment.regions:
        if not any(check.region == region for check in _endpoints(deployment)):
            yield Breach(region, "", "", "", "nothing checks this region from outside", "declare a health check of its API")
    for check in deployment.every(CHECK):
        for name in ("Disabled", "Inverted"):
            if check.at("HealthCheckConfig", name) is True:
                yield Breach.at(check, f"HealthCheckConfig.{name}", f"the check is {name.lower()}", "take it off")
        host = deployment.text(check, check.at("HealthCheckConfig", "FullyQualifiedDomainName"))
        if deployment.other(check.region) in host:
            path = "HealthCheckConfig.FullyQualifiedDomainName"
            yield Breach.at(check, path, f"asks the other region: {host}", f"ask the API of {check.region}")
        children = listed(check.at("HealthCheckConfig", "ChildHealthChecks"))
        threshold = check.at("HealthCheckConfig", "HealthThreshold")
        if check.at("HealthCheckConfig", "Type") == "CALCULATED" and (not children or threshold != len(children)):
            wrong = f"{threshold} of {len(children)} checks make it well: one that fails does not count"
            yield Breach.at(check, "HealthCheckConfig.HealthThreshold", wrong, "ask for all of them, and for one at least")


def unwatched_checks(deployment: Deployment, _: Situation) -> Found:
    """Checks whose failure nobody is told: a standby that died is found out by the switch."""
    watched = {
        str(dimensions.get("HealthCheckId"))
        for alarm in deployment.every("AWS::CloudWatch::Alarm", region=METRICS_REGION)
        for namespace, _, dimensions in metrics(deployment, alarm)
        if namespace == "AWS/Route53"
    }
    literal = sorted(each for each in watched if CHECK_ID.fullmatch(each))
    for check in _endpoints(deployment):
        if check.region == METRICS_REGION and f"{{{check.stack}/{check.name}.HealthCheckId}}" in watched:
            continue
        if literal:
            yield Unknown(f"{check.region} {check.stack}/{check.name}: whether an alarm is on it", f"its id: one of {', '.join(literal)}?")
            continue
        wrong = f"no alarm in {METRICS_REGION}, where alone its metric is, tells that this region is not reached"
        yield Breach.at(check, "", wrong, f"declare an alarm on it in {METRICS_REGION}")


RULES = (
    Rule("health-check-time", f"The loss of a region is seen within {SECONDS} s", Severity.BLOCKS, (CHECK,), slow_checks),
    Rule("health-check", "Each region is checked, at its own API, and all of its checks count", Severity.BLOCKS, (CHECK,), wrong_checks),
    Rule("health-check-alarm", "An alarm tells of each region that is not reached", Severity.WARNS, (CHECK,), unwatched_checks),
)
