"""Rule: every role that works in the primary exists in the secondary beforehand, is trusted by the same, and may do the same there.

No role is made or changed while regions are switched: IAM has one control plane for the world, in one region.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource, listed

ROLE = "AWS::IAM::Role"
POLICIES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy")
# What takes up work after a switch, and where it names its role.
WORKERS = {
    "AWS::Lambda::Function": ("Role",),
    "AWS::StepFunctions::StateMachine": ("RoleArn",),
    "AWS::Scheduler::Schedule": ("Target", "RoleArn"),
    "AWS::Events::Rule": ("RoleArn",),
    "AWS::Backup::BackupSelection": ("BackupSelection", "IamRoleArn"),
    "AWS::Batch::JobDefinition": ("ContainerProperties", "JobRoleArn"),
    "AWS::ApiGateway::Account": ("CloudWatchRoleArn",),
}
# By which a template names what is in the templates; joined texts and literals may name what is not.
REFERENCES = frozenset({"Ref", "Fn::GetAtt", "Fn::ImportValue"})
Found = Iterator[Breach | Unknown]


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource, as a role may or may not do it; regions are ``{here}`` and ``{there}``."""

    allows: bool
    action: str
    resource: str
    condition: str

    def __str__(self) -> str:
        """The grant as it is read."""
        when = f" when {self.condition}" if self.condition else ""
        return f"{'' if self.allows else 'not '}{self.action} on {self.resource}{when}"


def grants(deployment: Deployment, role: Resource) -> frozenset[Grant]:
    """Everything that a role's policies say, one action and one resource at a time; AWS's own policies by their names."""
    found: set[Grant] = set()
    for inline in role.rows("Policies"):
        found |= _of_document(deployment, role, inline.get("PolicyDocument"))
    for policy in deployment.every(*POLICIES, region=role.region):
        if any(deployment.target(policy, each) == role for each in listed(policy.at("Roles"))):
            found |= _of_document(deployment, policy, policy.at("PolicyDocument"))
    named = listed(deployment.plain(role, role.at("ManagedPolicyArns")))
    return frozenset(found | {Grant(True, "policy", str(each), "") for each in named})


def _of_document(deployment: Deployment, origin: Resource, document: object) -> set[Grant]:
    plain = deployment.plain(origin, document)
    found: set[Grant] = set()
    for each in listed(plain.get("Statement") if isinstance(plain, dict) else None):
        condition = json.dumps(each["Condition"], sort_keys=True) if each.get("Condition") else ""
        subjects = [(name, resource) for name in ("Resource", "NotResource") for resource in listed(each.get(name))]
        found |= {
            Grant(each.get("Effect") == "Allow", f"{prefix}{action}", f"{'not ' if name == 'NotResource' else ''}{resource}", condition)
            for key, prefix in (("Action", ""), ("NotAction", "all but "))
            for action in listed(each.get(key))
            for name, resource in subjects
        }
    return found


def missing_roles(deployment: Deployment, _: Situation) -> Found:
    """Roles of what works in the primary that the secondary does not have."""
    for role in _working(deployment, deployment.primary):
        if deployment.counterpart(role) is None:
            mend = "declare it in both regions: none can be made during a switch"
            yield Breach(deployment.secondary, role.stack, role.name, "", "the role is missing in this region", mend)
    for kind, path in WORKERS.items():
        for worker in deployment.every(kind):
            named = worker.at(*path)
            if isinstance(named, dict) and REFERENCES.issuperset(named) and deployment.target(worker, named) is None:
                yield Breach.at(worker, ".".join(path), "the role it names is not in this region's templates", "declare it in both regions")


def _working(deployment: Deployment, region: str) -> list[Resource]:
    found = {
        (role.stack, role.name): role
        for kind, path in WORKERS.items()
        for worker in deployment.every(kind, region=region)
        if (role := deployment.target(worker, worker.at(*path)))
    }
    return list(found.values())


def unequal_rights(deployment: Deployment, _: Situation) -> Found:
    """Roles that may do less, or more, in the secondary."""
    for role in deployment.every(ROLE, region=deployment.primary):
        there = deployment.counterpart(role)
        if there is None:
            continue
        mine, theirs = grants(deployment, role), grants(deployment, there)
        for grant in sorted(mine - theirs, key=str):
            yield Breach.at(there, "", f"lacks what it has in {role.region}: {grant}", "give it the same policy in both regions")
        for grant in sorted(theirs - mine, key=str):
            wrong = f"has what it lacks in {role.region}: {grant}"
            # A denial that only the standby has is a right that it lacks.
            severity = Severity.WARNS if grant.allows else None
            yield Breach.at(there, "", wrong, "give it the same policy in both regions", severity)


def unequal_trust(deployment: Deployment, _: Situation) -> Found:
    """Roles that others may take on in the secondary."""
    for role in deployment.every(ROLE, region=deployment.primary):
        there = deployment.counterpart(role)
        if there and any(path.startswith("AssumeRolePolicyDocument") for path in deployment.differences(role, there)):
            wrong = f"is trusted by others than in {role.region}: who works there cannot take it on"
            yield Breach.at(there, "AssumeRolePolicyDocument", wrong, "trust the same services in both regions")


RULES = (
    Rule(
        "role-missing", "Every role that works in the primary exists in the secondary", Severity.BLOCKS, (ROLE,), missing_roles, needed=True
    ),
    Rule("role-rights", "A role may do the same in both regions", Severity.BLOCKS, (ROLE,), unequal_rights),
    Rule("role-trust", "A role is trusted by the same in both regions", Severity.BLOCKS, (ROLE,), unequal_trust),
)
