"""What an evaluation is made of: rules, what breaks them and where, what no template tells, and the verdict on each rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from daymark.recovery.templates import Deployment, Resource


class Severity(StrEnum):
    """Whether a switch of regions would fail, or only be worse than it could be."""

    BLOCKS = "BLOCKS"
    WARNS = "WARNS"


class Verdict(StrEnum):
    """What became of a rule. Only ``KEPT`` is a pass."""

    KEPT = "kept"
    BROKEN = "broken"
    NOT_EVALUATED = "not evaluated"
    NOT_DEPLOYED = "not part of this deployment"


@dataclass(frozen=True, slots=True)
class Facts:
    """What an account knows and no template tells. An absent fact is not assumed.

    Attributes:
        certificates: The last day of validity, by region and domain name.
        quotas: Quotas in force, by region and name; rules know ``lambda_concurrent_executions``.
    """

    certificates: Mapping[tuple[str, str], date] = field(default_factory=dict)
    quotas: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Situation:
    """When the plan is evaluated, and what is known besides the templates."""

    today: date
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True, slots=True)
class Breach:
    """One place at which a rule is broken.

    Attributes:
        resource: The logical id; empty where what is wrong is that there is none.
        path: The property, with dots: ``Replicas.1.SSESpecification``.
        severity: Other than the rule's own, where one place is worse or better than another.
    """

    region: str
    stack: str
    resource: str
    path: str
    wrong: str
    mend: str
    severity: Severity | None = None

    @classmethod
    def at(cls, where: Resource, path: str, wrong: str, mend: str, severity: Severity | None = None) -> Breach:
        """A breach at a property of a resource."""
        return cls(where.region, where.stack, where.name, path, wrong, mend, severity)


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a rule would have to know, and where that comes from."""

    subject: str
    needs: str


Judge = Callable[[Deployment, Situation], Iterator[Breach | Unknown]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a switch that works.

    Attributes:
        kinds: The resource types it is about; none for all. Where neither region has any, there is nothing to judge.
        needed: Whether the absence of all of them is a breach; otherwise they are not part of the deployment.
    """

    id: str
    says: str
    severity: Severity
    kinds: tuple[str, ...]
    judge: Judge
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach with the name of its rule."""

    rule: str
    severity: Severity
    region: str
    stack: str
    resource: str
    path: str
    wrong: str
    mend: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one rule.

    Attributes:
        subjects: How many resources of its kinds the templates have.
    """

    rule: Rule
    verdict: Verdict
    subjects: int
    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of all rules."""

    primary: str
    secondary: str
    today: date
    results: tuple[Result, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every breach; those that block come first, otherwise in the order of the rules."""
        found = [finding for result in self.results for finding in result.findings]
        return tuple(sorted(found, key=lambda each: each.severity is not Severity.BLOCKS))

    @property
    def blocked(self) -> bool:
        """Whether a switch of regions would fail."""
        return any(finding.severity is Severity.BLOCKS for finding in self.findings)

    def of(self, verdict: Verdict) -> tuple[Result, ...]:
        """The rules of one verdict."""
        return tuple(result for result in self.results if result.verdict is verdict)

    def as_document(self) -> Mapping[str, Any]:
        """The evaluation as plain data."""
        return {
            "primary": self.primary,
            "secondary": self.secondary,
            "today": self.today.isoformat(),
            "blocked": self.blocked,
            "findings": [{name: str(getattr(each, name)) for name in Finding.__dataclass_fields__} for each in self.findings],
            "rules": [
                {
                    "rule": result.rule.id,
                    "says": result.rule.says,
                    "verdict": str(result.verdict),
                    "subjects": result.subjects,
                    "unknown": [{"subject": each.subject, "needs": each.needs} for each in result.unknown],
                }
                for result in self.results
            ],
        }
