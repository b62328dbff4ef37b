"""Monitoring: the WebSocket over which the day's progress is pushed, and the rule that hears of it."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from cdk.constructs.function import DaymarkFunction
from cdk.constructs.layers import Layers
from cdk.constructs.phase_machine import DeadLetters
from cdk.constructs.websocket_api import DaymarkWebSocketApi, GatewayLogging
from cdk.functions import CLOSE_CONNECTION, CONNECTIONS, OPEN_CONNECTION, PUSH_PROGRESS, RECEIVE_MESSAGE
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack
from cdk.stacks.operations import OperationsStack
from daymark.contracts.progress import DETAIL_TYPE, SOURCE

# An event tells that there is something new to read; the next one tells it too.
WORTH_TELLING = Duration.minutes(1)


class MonitoringStack(Stack):
    """Connections of one region: who is connected here hears what happens here."""

    def __init__(
        self, scope: Construct, settings: DeploymentSettings, data: DataStack, operations: OperationsStack, **options: Any
    ) -> None:
        super().__init__(scope, "Monitoring", stack_name="daymark-monitoring", **options)
        layers = Layers(self, "Layers", settings)
        self.socket = DaymarkWebSocketApi(self, "Push", settings, GatewayLogging(self, "GatewayLogging"), data.log_key)
        values = data.stores.names() | {"region": self.region, "websocket_endpoint": self.socket.address}
        by_name = {each.name: DaymarkFunction.create(self, each, values, layers, data.log_key) for each in CONNECTIONS}
        self.functions = list(by_name.values())
        for function in self.functions:
            data.stores.grant(function)
        push = by_name[PUSH_PROGRESS.name]
        for speaker in (by_name[RECEIVE_MESSAGE.name], push):
            self.socket.let_speak(speaker.role)
        self.socket.serve(
            by_name[OPEN_CONNECTION.name].function, by_name[CLOSE_CONNECTION.name].function, by_name[RECEIVE_MESSAGE.name].function
        )
        self.dead_letters = DeadLetters(self, "UntoldProgress", data.log_key)
        push.function.configure_async_invoke(max_event_age=WORTH_TELLING, retry_attempts=1)
        events.Rule(
            self,
            "RunsProgress",
            description="Hears that a run of a phase went on",
            event_bus=operations.bus,
            event_pattern=events.EventPattern(source=[SOURCE], detail_type=[DETAIL_TYPE]),
            targets=[
                targets.LambdaFunction(push.function, dead_letter_queue=self.dead_letters, max_event_age=WORTH_TELLING, retry_attempts=3)
            ],
        )
        CfnOutput(self, "WebSocketAddress", value=self.socket.address)
