"""Observability: one topic, and an alarm on everything that can fail."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.constructs.alarms import Alarms
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.operations import OperationsStack


class ObservabilityStack(Stack):
    """Alarms of the functions, the phase machines and the queue of undelivered wake-ups."""

    def __init__(self, scope: Construct, data: DataStack, operations: OperationsStack, api: ApiStack, **options: Any) -> None:
        super().__init__(scope, "Observability", stack_name="daymark-observability", **options)
        topic = sns.Topic(self, "Operators", master_key=data.log_key, enforce_ssl=True, display_name="Daymark operators")
        alarms = Alarms(self, "Alarms", topic)
        for function in (*operations.functions, *api.functions):
            alarms.watch_function(function)
        for machine in operations.machines:
            alarms.watch_machine(machine)
        alarms.watch_queue(operations.dead_letters)
        CfnOutput(self, "OperatorsTopicArn", value=topic.topic_arn)
