"""Observability: one topic, and an alarm on everything that can fail."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk.constructs.alarms import Alarms
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.monitoring import MonitoringStack
from cdk.stacks.operations import OperationsStack


class ObservabilityStack(Stack):
    """Alarms of the functions, the phase machines and the queues of what could not be delivered."""

    def __init__(
        self,
        scope: Construct,
        data: DataStack,
        operations: OperationsStack,
        monitoring: MonitoringStack,
        api: ApiStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, "Observability", stack_name="daymark-observability", **options)
        topic = sns.Topic(self, "Operators", master_key=data.log_key, enforce_ssl=True, display_name="Daymark operators")
        alarms = Alarms(self, "Alarms", topic)
        for function in (*operations.functions, *monitoring.functions, *api.functions):
            alarms.watch_function(function)
        for machine in operations.machines:
            alarms.watch_machine(machine)
        alarms.watch_queue(operations.dead_letters, "A phase was not woken: start it by hand")
        alarms.watch_queue(monitoring.dead_letters, "Progress was not told to the WebSocket: clients lag behind the journal")
        CfnOutput(self, "OperatorsTopicArn", value=topic.topic_arn)
