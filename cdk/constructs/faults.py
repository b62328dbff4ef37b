"""Faults on purpose: experiments of AWS Fault Injection Service, each with a stop condition on our own alarms and a role for it alone.

Crashing and delaying functions is not among them: AWS does it through an extension in the function that we do not deploy, and an
experiment without it would report success and do nothing.
(AWS documentation, AWS FIS Actions reference, read 2026-11-23.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_fis as fis
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.alarms import alarm_arn
from cdk.constructs.function import LOG_RETENTION

# The stop conditions AWS takes of one template.
MOST_STOPS = 5
NETWORK_POLICY = "AWSFaultInjectionSimulatorNetworkAccess"


@dataclass(frozen=True, slots=True)
class Experiment:
    """One fault, and what is expected while it lasts.

    Attributes:
        expected: The steady state that has to hold.
        action: The fault as AWS calls it, with the name that it gives its target.
        resources: What is struck, by ARN; all of it.
        stops: Alarms that end the experiment at once: those that must not ring if what is expected is true.
        rights: Resources by the actions that the fault needs on them.
        managed: One of AWS's own policies, where the fault's rights change with the service.
    """

    name: str
    expected: str
    action: str
    target: str
    resource_type: str
    resources: Sequence[str]
    parameters: Mapping[str, str]
    stops: Sequence[str]
    rights: Mapping[tuple[str, ...], Sequence[str]] = field(default_factory=dict)
    managed: str = ""


class Faults(Construct):
    """The experiments of one region. They are templates: nothing happens until somebody starts one."""

    def __init__(self, scope: Construct, construct_id: str, log_key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        self._logs = logs.LogGroup(
            self,
            "Logs",
            encryption_key=log_key,
            retention=LOG_RETENTION,
            removal_policy=RemovalPolicy.RETAIN,
            log_group_name="/aws/vendedlogs/fis/daymark",
        )

    def plan(self, each: Experiment) -> None:
        """One experiment.

        Raises:
            ValueError: it would be stopped by nothing, or by more alarms than AWS takes.
        """
        if not 1 <= len(each.stops) <= MOST_STOPS:
            raise ValueError(f"{each.name}: 1 to {MOST_STOPS} alarms must stop it")
        stack, template = Stack.of(self), fis.CfnExperimentTemplate
        fis.CfnExperimentTemplate(
            self,
            each.name,
            description=each.expected,
            role_arn=self._role(each).role_arn,
            targets={
                each.target: template.ExperimentTemplateTargetProperty(
                    resource_type=each.resource_type, resource_arns=list(each.resources), selection_mode="ALL"
                )
            },
            actions={
                each.name: template.ExperimentTemplateActionProperty(
                    action_id=each.action, parameters=dict(each.parameters), targets={each.target: each.target}
                )
            },
            stop_conditions=[
                template.ExperimentTemplateStopConditionProperty(source="aws:cloudwatch:alarm", value=alarm_arn(stack, name))
                for name in each.stops
            ],
            experiment_options=template.ExperimentTemplateExperimentOptionsProperty(
                account_targeting="single-account", empty_target_resolution_mode="fail"
            ),
            log_configuration=template.ExperimentTemplateLogConfigurationProperty(
                # The construct of this name writes logGroupArn, which CloudFormation does not know.
                cloud_watch_logs_configuration={"LogGroupArn": self._logs.log_group_arn},
                log_schema_version=2,
            ),
            tags={"Name": f"daymark-{each.name}"},
        )

    def _role(self, each: Experiment) -> iam.Role:
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        managed = [iam.ManagedPolicy.from_aws_managed_policy_name(f"service-role/{each.managed}")] if each.managed else []
        role = iam.Role(
            self,
            f"{each.name}Role",
            assumed_by=iam.ServicePrincipal("fis.amazonaws.com", conditions=account),
            managed_policies=managed,
            description=f"Injects {each.action} and nothing else",
        )
        for actions, resources in each.rights.items():
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))
        delivery = ("logs:CreateLogDelivery", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups")
        role.add_to_policy(iam.PolicyStatement(actions=list(delivery), resources=["*"]))
        return role
