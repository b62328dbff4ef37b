"""Evaluates a plan: every rule over the templates of both regions. A rule that cannot be judged says so and never passes."""

from __future__ import annotations

from collections.abc import Sequence

from daymark.recovery.models import Breach, Evaluation, Finding, Result, Rule, Situation, Unknown, Verdict
from daymark.recovery.rules import RULES
from daymark.recovery.templates import Deployment


def evaluate(deployment: Deployment, situation: Situation, rules: Sequence[Rule] = RULES) -> Evaluation:
    """What came of each rule.

    Args:
        deployment: The templates of both regions.
        situation: The day, and what is known of the account.
        rules: All, if not said otherwise.
    """
    results = tuple(judged(rule, deployment, situation) for rule in rules)
    return Evaluation(deployment.primary, deployment.secondary, situation.today, results)


def judged(rule: Rule, deployment: Deployment, situation: Situation) -> Result:
    """What came of one rule: broken if anything breaks it, else not evaluated if anything is unknown, else kept."""
    subjects = deployment.size if not rule.kinds else sum(1 for _ in deployment.every(*rule.kinds))
    if not subjects:
        if not rule.needed:
            return Result(rule, Verdict.NOT_DEPLOYED, 0)
        kinds = ", ".join(rule.kinds)
        absent = Breach(" and ".join(deployment.regions), "", "", "", f"neither region has any {kinds}", "declare it in both regions")
        return Result(rule, Verdict.BROKEN, 0, (_finding(rule, absent),))
    said = tuple(rule.judge(deployment, situation))
    findings = tuple(_finding(rule, each) for each in said if isinstance(each, Breach))
    unknown = tuple(each for each in said if isinstance(each, Unknown))
    verdict = Verdict.BROKEN if findings else Verdict.NOT_EVALUATED if unknown else Verdict.KEPT
    return Result(rule, verdict, subjects, findings, unknown)


def _finding(rule: Rule, breach: Breach) -> Finding:
    severity = breach.severity or rule.severity
    return Finding(rule.id, severity, breach.region, breach.stack, breach.resource, breach.path, breach.wrong, breach.mend)
