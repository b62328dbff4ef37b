"""The one kind of function: own role, own encrypted log group, traced, its environment rendered from its settings model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.layers import Layers
from cdk.functions import FunctionDefinition
from cdk.settings import ARCHITECTURE, PROJECT, RUNTIME
from daymark.adapters.environment import Settings, variable

LOG_RETENTION = logs.RetentionDays.ONE_YEAR

# Lambda's own service manages a function's network interfaces with the function's role. It checks for these on every resource.
INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in a network a function runs."""

    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


class DaymarkFunction(Construct):
    """One function. It may write its own log group and send traces; everything else is granted by the stack.

    No dead-letter queue: a caller that waits sees each failure, and a push that failed is made good by the next.
    """

    @classmethod
    def create(
        cls,
        scope: Construct,
        definition: FunctionDefinition,
        values: Mapping[str, str],
        layers: Layers,
        log_key: kms.IKey,
        placement: Placement | None = None,
    ) -> DaymarkFunction:
        """The function, its settings picked from ``values`` by the names of their fields; in no network unless placed."""
        wanted = {variable(field): values[field] for field in definition.settings.model_fields}
        function = cls(scope, definition, definition.settings.from_environment(wanted), layers, log_key)
        if placement:
            function.join(placement)
        return function

    def __init__(self, scope: Construct, definition: FunctionDefinition, settings: Settings, layers: Layers, log_key: kms.IKey) -> None:
        super().__init__(scope, definition.construct_id)
        self.definition = definition
        self.log_group = logs.LogGroup(self, "Logs", encryption_key=log_key, retention=LOG_RETENTION, removal_policy=RemovalPolicy.RETAIN)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=definition.purpose)
        self.log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=definition.purpose,
            code=lambda_.Code.from_asset(str(PROJECT / "functions"), exclude=["__pycache__", "*.pyc"], ignore_mode=IgnoreMode.GIT),
            handler=definition.handler,
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            memory_size=definition.memory_mb,
            timeout=Duration.seconds(definition.timeout_seconds),
            role=self.role,
            layers=layers.named(definition.layers),
            log_group=self.log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment=settings.environment() | {"POWERTOOLS_SERVICE_NAME": definition.name, "POWERTOOLS_METRICS_NAMESPACE": "Daymark"},
        )

    def join(self, placement: Placement) -> None:
        """Run in a network. The function's own code may not touch network interfaces, though its role lets Lambda do so."""
        template: lambda_.CfnFunction = self.function.node.default_child
        template.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(placement.subnet_ids), security_group_ids=list(placement.security_group_ids)
        )
        self.role.add_to_policy(iam.PolicyStatement(actions=list(INTERFACES), resources=["*"]))
        from_code = {"Null": {"lambda:SourceFunctionArn": "false"}}
        self.role.add_to_policy(
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=list(INTERFACES), resources=["*"], conditions=from_code)
        )
