"""Rule: the plan switches either way, by data planes alone: a person approves, then health checks change; no record, role or stack does.

The plan's steps are those of Application Recovery Controller (Region switch). Which of them call a control plane is told by what they do:
scaling of EC2, ECS and EKS, the promotion of databases, custom functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.rules.health_checks import CHECK_ID
from daymark.recovery.rules.records import failover_records
from daymark.recovery.rules.roles import grants
from daymark.recovery.templates import Deployment, Resource, listed

PLAN = "AWS::ARCRegionSwitch::Plan"
# The contract's recovery time: one hour.
MINUTES = 60
DATA_PLANE = ("ManualApproval", "Route53HealthCheck", "ARCRoutingControl", "Parallel")
# What a function of somebody's own or another plan calls, nobody can tell from here.
OPAQUE = ("CustomActionLambda", "ARCRegionSwitchPlan")
_CHANGES = re.compile(
    r"(\*|[a-z0-9-]+:(\*|(Add|Associate|Attach|Change|Create|Delete|Detach|Disable|Disassociate|Enable|Modify|Pass|Put|Register|Remove|Restore"
    r"|Run|Set|Start|Stop|Update)).*)"
)
# Of services whose calls these are data planes, in every region.
_ALLOWED_CHANGES = ("arc-region-switch:", "route53-recovery-cluster:Update", "cloudwatch:PutMetricData", "logs:Put")
Found = Iterator[Breach | Unknown]


def _steps(plan: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every step with its path, those inside parallel blocks too."""
    for place, workflow in enumerate(plan.rows("Workflows")):
        yield from _within(f"Workflows.{place}.Steps", listed(workflow.get("Steps")))


def _within(path: str, steps: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for place, step in enumerate(steps):
        yield f"{path}.{place}", step
        inner = step.get("ExecutionBlockConfiguration", {}).get("ParallelConfig", {}).get("Steps")
        yield from _within(f"{path}.{place}.ExecutionBlockConfiguration.ParallelConfig.Steps", listed(inner))


def one_way_plans(deployment: Deployment, _: Situation) -> Found:
    """Plans that do not lead both ways, or promise too little."""
    for plan in deployment.every(PLAN):
        for region in deployment.regions:
            if region not in listed(plan.at("Regions")):
                yield Breach.at(plan, "Regions", f"{region} is not among its regions", "name both regions")
            flows = [
                flow for flow in plan.rows("Workflows") if flow.get("WorkflowTargetRegion", region) == region and listed(flow.get("Steps"))
            ]
            if not flows:
                yield Breach.at(
                    plan,
                    "Workflows",
                    f"no workflow moves to {region}: there is no way {'back' if region == deployment.primary else 'over'}",
                    f"add a workflow that activates {region}",
                )
        if plan.at("RecoveryApproach") == "activePassive" and plan.at("PrimaryRegion") != deployment.primary:
            yield Breach.at(plan, "PrimaryRegion", f"takes {plan.at('PrimaryRegion')} for the primary", f"name {deployment.primary}")
        objective = plan.at("RecoveryTimeObjectiveMinutes")
        if not isinstance(objective, int | float) or objective > MINUTES:
            path = "RecoveryTimeObjectiveMinutes"
            yield Breach.at(plan, path, f"promises {objective}, the contract {MINUTES} minutes", f"at most {MINUTES}", Severity.WARNS)


def control_planes(deployment: Deployment, _: Situation) -> Found:
    """Steps and rights by which a switch would need a control plane."""
    for plan in deployment.every(PLAN):
        for path, step in _steps(plan):
            kind = step.get("ExecutionBlockType")
            if kind in OPAQUE:
                yield Unknown(
                    f"{plan.name} {step.get('Name')}",
                    "a reading of what it calls, which is in no template here: a control plane may be among it",
                )
            elif kind not in DATA_PLANE:
                wrong = f"the step {step.get('Name')} calls a control plane: {kind}"
                yield Breach.at(plan, f"{path}.ExecutionBlockType", wrong, "let it stand beforehand; switch by health checks alone")
        role = deployment.target(plan, plan.at("ExecutionRole"))
        if role is None:
            yield Breach.at(plan, "ExecutionRole", "the role that the plan runs under does not exist", "declare it beside the plan")
            continue
        for grant in sorted(grants(deployment, role), key=str):
            if grant.allows and _CHANGES.fullmatch(grant.action) and not grant.action.startswith(_ALLOWED_CHANGES):
                wrong = f"the plan's role may change things: {grant}"
                yield Breach.at(role, "", wrong, "a switch looks at records and changes none: take it away")


def records_apart(deployment: Deployment, _: Situation) -> Found:
    """Plans that speak of other records than there are, or of fewer."""
    existing = {
        (zone, name, str(record.at("SetIdentifier")), record.region)
        for (zone, name), records in failover_records(deployment).items()
        for record in records
    }
    for plan in deployment.every(PLAN):
        for path, step in _steps(plan):
            block = step.get("ExecutionBlockConfiguration", {}).get("Route53HealthCheckConfig")
            if not block:
                continue
            place, zone = f"{path}.ExecutionBlockConfiguration.Route53HealthCheckConfig", deployment.text(plan, block.get("HostedZoneId"))
            name = str(block.get("RecordName", "")).rstrip(".")
            named = {
                (zone, name, str(each.get("RecordSetIdentifier")), str(each.get("Region"))) for each in listed(block.get("RecordSets"))
            }
            for _zone, _name, identifier, region in sorted(named - existing):
                yield Breach.at(plan, place, f"{name} has no record {identifier} of {region}", "name the records by their identifiers")
            for region in set(deployment.regions) - {region for *_, region in named}:
                yield Breach.at(plan, place, f"does not move the record of {region}", "name the records of both regions")


def deaf_records(deployment: Deployment, _: Situation) -> Found:
    """Records that do not obey the plan: it vends health checks, and moves nothing until the records' checks hold them."""
    steps = [step.get("ExecutionBlockType") for plan in deployment.every(PLAN) for _path, step in _steps(plan)]
    if "Route53HealthCheck" not in steps:
        return
    for records in failover_records(deployment).values():
        for record in records:
            check = deployment.target(record, record.at("HealthCheckId"))
            named = [record.at("HealthCheckId"), *(listed(check.at("HealthCheckConfig", "ChildHealthChecks")) if check else [])]
            if not any(isinstance(each, str) and CHECK_ID.fullmatch(each) for each in named):
                wrong = "obeys no health check that the plan vended: the plan moves nothing"
                yield Breach.at(record, "HealthCheckId", wrong, "give the plan's checks back as switch_checks and deploy again")


_KINDS = (PLAN,)
RULES = (
    Rule("switch-plan", "The plan leads to either region", Severity.BLOCKS, _KINDS, one_way_plans),
    Rule("switch-control-plane", "No step of the plan needs a control plane", Severity.BLOCKS, _KINDS, control_planes),
    Rule("switch-records", "The plan speaks of the records that exist", Severity.BLOCKS, _KINDS, records_apart),
    Rule("switch-checks", "Records obey the plan's health checks", Severity.BLOCKS, _KINDS, deaf_records),
)
