"""The machine of one phase, and the schedule that wakes it. All five share one definition."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk.constructs.function import LOG_RETENTION
from cdk.settings import PROJECT, DeploymentSettings
from daymark.contracts.phases import VERSION
from daymark.operations.models import OperationPhase
from daymark.operations.schedule import CRON, TIME_ZONE

DEFINITION = PROJECT / "statemachines" / "operations" / "phase.asl.json"


def machine_name(phase: OperationPhase) -> str:
    """What a phase's machine is called: ``daymark-pre-market``."""
    return f"daymark-{phase.lower().replace('_', '-')}"


class PhaseMachine(Construct):
    """Runs one phase; may call the phase's functions and nothing else."""

    def __init__(self, scope: Construct, phase: OperationPhase, functions: Mapping[str, lambda_.IFunction], log_key: kms.IKey) -> None:
        super().__init__(scope, "".join(word.capitalize() for word in phase.split("_")))
        self.phase = phase
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            encryption_key=log_key,
            retention=LOG_RETENTION,
            removal_policy=RemovalPolicy.RETAIN,
            log_group_name=f"/aws/vendedlogs/states/daymark/{phase.lower()}",
        )
        self.machine = stepfunctions.StateMachine(
            self,
            "Machine",
            # A name of its own lets a policy speak of this machine's executions and no other's.
            state_machine_name=machine_name(phase),
            comment=f"Daymark: {phase}",
            definition_body=stepfunctions.DefinitionBody.from_string(DEFINITION.read_text()),
            definition_substitutions={name: function.function_arn for name, function in functions.items()},
            state_machine_type=stepfunctions.StateMachineType.STANDARD,
            tracing_enabled=True,
            # Names of states and times, never their data: outcomes may speak of clients.
            logs=stepfunctions.LogOptions(destination=self.log_group, level=stepfunctions.LogLevel.ALL, include_execution_data=False),
        )
        self.executions_arn = Stack.of(self).format_arn(
            service="states", resource="execution", resource_name=f"{machine_name(phase)}:*", arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        self.machine.add_to_role_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn for function in functions.values()])
        )


class PhaseSchedule(Construct):
    """Wakes a phase's machine at the exchange's local time. Disabled in the embedded cloud, which has no time zones."""

    def __init__(
        self,
        scope: Construct,
        machine: PhaseMachine,
        settings: DeploymentSettings,
        group: scheduler.IScheduleGroup,
        key: kms.IKey,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, f"{machine.node.id}Schedule")
        wake = {"version": VERSION, "phase": machine.phase, "wake": scheduler.ContextAttribute.scheduled_time}
        scheduler.Schedule(
            self,
            "Schedule",
            description=f"Wakes {machine.phase}; the phase itself decides whether the wake-up is due",
            schedule=scheduler.ScheduleExpression.expression(CRON[machine.phase], TimeZone.of(TIME_ZONE)),
            time_window=scheduler.TimeWindow.off(),
            schedule_group=group,
            key=key,
            enabled=not settings.is_local,
            target=targets.StepFunctionsStartExecution(
                machine.machine,
                input=scheduler.ScheduleTargetInput.from_object(wake),
                dead_letter_queue=dead_letters,
                max_event_age=Duration.minutes(15),
                retry_attempts=5,
            ),
        )


class DeadLetters(sqs.Queue):
    """What could not be delivered or done, kept for two weeks."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            data_key_reuse=Duration.hours(1),
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )

    def take_from(self, role: iam.Role, key: kms.IKey) -> None:
        """Let a function's role leave here what the function could not do; ``key`` is the queue's."""
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.queue_arn]))
        role.add_to_policy(iam.PolicyStatement(actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key.key_arn]))
