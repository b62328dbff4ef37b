"""Edge: the web firewall before the REST API. In the cloud only; the embedded cloud refuses to associate one."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdk.constructs.alarms import Alarms, Limit
from cdk.constructs.web_acl import DaymarkWebAcl, FirewallLog
from cdk.settings import DeploymentSettings
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.observability import ObservabilityStack


class EdgeStack(Stack):
    """What a request meets first. What is throttled by route, by stage and by tenant stands with the API itself.

    The API keeps the address that AWS gives it: turning that off needs a domain of one's own in front, which is not declared here.
    """

    def __init__(
        self,
        scope: Construct,
        settings: DeploymentSettings,
        data: DataStack,
        api: ApiStack,
        observability: ObservabilityStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, "Edge", stack_name="daymark-edge", **options)
        self.acl = DaymarkWebAcl(self, "Firewall", settings.edge)
        self.acl.protect("RestStage", api.api.deployment_stage.stage_arn)
        FirewallLog(self, "FirewallLog", self.acl, data.log_key)
        self.alarms = alarms = Alarms(self, "Alarms", observability.tickets)
        limit = Limit(settings.edge.blocked_requests)
        alarms.add("FirewallBlocks", self.acl.blocked_requests(), "The firewall blocks many requests", "firewall-blocks", limit)
