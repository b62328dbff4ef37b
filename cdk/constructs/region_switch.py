"""The switch of regions as a plan of Application Recovery Controller (Region switch): a person approves, then DNS is told.

The plan runs in the region that is switched to, on a data plane of that region. It vends one health check per region, which the records
obey once their ids are given back as ``switch_checks``: they are known only when the plan exists. Until then the plan moves nothing.
(AWS documentation, Amazon Route 53 health check execution block, read 2026-11-23.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Stack
from aws_cdk import aws_arcregionswitch as arc
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.recovery_settings import RecoverySettings

PLAN = "daymark"
APPROVAL_MINUTES = 60
DNS_MINUTES = 10
# From the decision on: approval apart, the records' 60 seconds and the checkers' 30.
OBJECTIVE_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a switch."""

    name: str
    kind: str
    purpose: str


STEPS = (
    Step("approve", "ManualApproval", "Somebody who has seen that the other region is current says so"),
    Step("send-users-over", "Route53HealthCheck", "The health check of the region switched to is well, the other's is not"),
)


class RegionSwitch(Construct):
    """The plan, the role it runs under, and the role that approves."""

    def __init__(self, scope: Construct, construct_id: str, recovery: RecoverySettings, regions: Sequence[str]) -> None:
        super().__init__(scope, construct_id)
        zone = f"arn:aws:route53:::hostedzone/{recovery.hosted_zone}"
        runs = iam.Role(
            self,
            "Runs",
            assumed_by=iam.ServicePrincipal(
                "arc-region-switch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            description="Looks at the records that the switch moves",
        )
        runs.add_to_policy(iam.PolicyStatement(actions=["route53:ListResourceRecordSets"], resources=[zone]))
        approves = iam.Role(
            self,
            "Approves",
            assumed_by=iam.AccountRootPrincipal().with_conditions({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            description="Approves a switch of regions; whoever takes it on has a second factor",
        )
        configured = arc.CfnPlan.ExecutionBlockConfigurationProperty
        blocks: Mapping[str, arc.CfnPlan.ExecutionBlockConfigurationProperty] = {
            "ManualApproval": configured(
                execution_approval_config=arc.CfnPlan.ExecutionApprovalConfigurationProperty(
                    approval_role=approves.role_arn, timeout_minutes=APPROVAL_MINUTES
                )
            ),
            "Route53HealthCheck": configured(
                route53_health_check_config=arc.CfnPlan.Route53HealthCheckConfigurationProperty(
                    hosted_zone_id=recovery.hosted_zone,
                    record_name=recovery.domain,
                    record_sets=[
                        arc.CfnPlan.Route53ResourceRecordSetProperty(record_set_identifier=region, region=region) for region in regions
                    ],
                    timeout_minutes=DNS_MINUTES,
                )
            ),
        }
        steps = [
            arc.CfnPlan.StepProperty(
                name=step.name, description=step.purpose, execution_block_type=step.kind, execution_block_configuration=blocks[step.kind]
            )
            for step in STEPS
        ]
        self.plan = arc.CfnPlan(
            self,
            "Plan",
            name=PLAN,
            description="Daymark: the other region takes over, or gives back",
            recovery_approach="activePassive",
            primary_region=regions[0],
            regions=list(regions),
            recovery_time_objective_minutes=OBJECTIVE_MINUTES,
            execution_role=runs.role_arn,
            workflows=[
                arc.CfnPlan.WorkflowProperty(workflow_target_action="activate", workflow_target_region=region, steps=steps)
                for region in regions
            ],
        )
        approve = iam.PolicyStatement(actions=["arc-region-switch:ApprovePlanExecutionStep"], resources=[self.plan.attr_arn])
        approves.add_to_policy(approve)
