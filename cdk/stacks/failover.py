"""Failover: the name that clients use, its records and health checks in both regions, and the plan that switches them.

Only where a domain is given (``domain`` and ``hosted_zone``). WebSockets need no name of their own: a ticket comes with the address of
the region that issued it, and whoever is cut off asks the shared name for another.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.constructs.alarms import PERIOD, Alarms, Limit
from cdk.constructs.front_door import FrontDoor
from cdk.constructs.region_switch import RegionSwitch
from cdk.settings import DeploymentSettings
from cdk.stacks.api import ApiStack
from cdk.stacks.observability import ObservabilityStack

# Route 53 tells its metrics in this region alone.
METRICS_REGION = "us-east-1"


class FailoverStack(Stack):
    """One region's half of the shared name. The primary has the plan too: it is one plan, with a data plane in each region."""

    def __init__(
        self, scope: Construct, settings: DeploymentSettings, api: ApiStack, observability: ObservabilityStack, **options: Any
    ) -> None:
        super().__init__(scope, "Failover", stack_name="daymark-failover", termination_protection=True, **options)
        self.alarms = Alarms(self, "Alarms", observability.tickets)
        leads = self.region == settings.primary
        door = FrontDoor(self, "FrontDoor", settings.recovery, api.api, leads)
        CfnOutput(self, "RegionalName", value=door.regional_name)
        CfnOutput(self, "SharedName", value=settings.recovery.domain)
        if leads:
            switch = RegionSwitch(self, "Switch", settings.recovery, (settings.primary, settings.secondary))
            CfnOutput(self, "SwitchPlan", value=switch.plan.attr_arn)
        if self.region == METRICS_REGION:
            self._watch(door, self.alarms)

    @staticmethod
    def _watch(door: FrontDoor, alarms: Alarms) -> None:
        failing = cloudwatch.Metric(
            namespace="AWS/Route53",
            metric_name="HealthCheckPercentageHealthy",
            dimensions_map={"HealthCheckId": door.endpoint.attr_health_check_id},
            statistic="Average",
            period=PERIOD,
        )
        ill = cloudwatch.MathExpression(expression="100 - well", using_metrics={"well": failing}, period=PERIOD, label="percent ill")
        meaning = "The region does not answer the world's health checkers"
        alarms.add("RegionUnreachable", ill, meaning, "region-unreachable", Limit(50, silent_is_ill=True))
