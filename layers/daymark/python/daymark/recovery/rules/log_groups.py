"""Rule: what a region did can be read afterwards: its log groups are the other's, and are kept as long, and not for ever."""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment

GROUP = "AWS::Logs::LogGroup"
Found = Iterator[Breach | Unknown]


def forgetful(deployment: Deployment, _: Situation) -> Found:
    """Log groups without an end, missing in the secondary, or kept for another time there."""
    for group in deployment.every(GROUP):
        days = group.at("RetentionInDays")
        if days is None:
            yield Breach.at(group, "RetentionInDays", "is kept for ever", "say how long, the same in both regions")
        there = deployment.counterpart(group)
        if there is None:
            if group.region == deployment.primary:
                yield Breach(
                    deployment.secondary, group.stack, group.name, "", "the log group is missing in this region", "declare it in both"
                )
        elif (
            group.region == deployment.secondary and None not in (days, there.at("RetentionInDays")) and days != there.at("RetentionInDays")
        ):
            wrong = f"is kept {days} days, in {there.region} {there.at('RetentionInDays')}"
            yield Breach.at(group, "RetentionInDays", wrong, "keep both for the same time")


RULES = (Rule("log-retention", "Logs are kept as long in both regions", Severity.WARNS, (GROUP,), forgetful, needed=True),)
