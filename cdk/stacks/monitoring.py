"""Monitoring: portfolios marked by the quotes that come in, and the WebSocket over which marks and the day's progress are pushed."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.constructs.function import DaymarkFunction
from cdk.constructs.layers import Layers
from cdk.constructs.phase_machine import DeadLetters
from cdk.constructs.stream_reader import StreamReader
from cdk.constructs.websocket_api import DaymarkWebSocketApi, GatewayLogging
from cdk.functions import (
    CLOSE_CONNECTION,
    CONNECTIONS,
    MARK_PORTFOLIOS,
    OPEN_CONNECTION,
    PUSH_MARKS,
    PUSH_PROGRESS,
    QUOTES,
    RECEIVE_MESSAGE,
)
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack
from cdk.stacks.operations import OperationsStack
from daymark.contracts import marks_moved, progress

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
        values = data.stores.names() | settings.live.values()
        values |= {"region": self.region, "event_bus": operations.events.attr_name, "websocket_endpoint": self.socket.address}
        definitions = (*CONNECTIONS, MARK_PORTFOLIOS)
        by_name = {each.name: DaymarkFunction.create(self, each, values, layers, data.log_key) for each in definitions}
        self.functions = list(by_name.values())
        for function in self.functions:
            data.stores.grant(function)
        for speaker in (RECEIVE_MESSAGE, PUSH_PROGRESS, PUSH_MARKS):
            self.socket.let_speak(by_name[speaker.name].role)
        self.socket.serve(
            by_name[OPEN_CONNECTION.name].function, by_name[CLOSE_CONNECTION.name].function, by_name[RECEIVE_MESSAGE.name].function
        )
        self.dead_letters = DeadLetters(self, "UntoldProgress", data.log_key)
        self.untold_marks = DeadLetters(self, "UntoldMarks", data.log_key)
        self._tell(by_name[PUSH_PROGRESS.name], "RunsProgress", progress.SOURCE, progress.DETAIL_TYPE, operations, self.dead_letters)
        self._tell(by_name[PUSH_MARKS.name], "MarksMoved", marks_moved.SOURCE, marks_moved.DETAIL_TYPE, operations, self.untold_marks)
        for speaker, untold in ((PUSH_PROGRESS, self.dead_letters), (PUSH_MARKS, self.untold_marks)):
            untold.take_from(by_name[speaker.name].role, data.log_key)
        marks = by_name[MARK_PORTFOLIOS.name]
        operations.events.let_tell(marks.role)
        quotes = data.stores.streams[QUOTES.stream]
        self.readers = [StreamReader(self, marks, QUOTES, quotes, data.log_key, settings.live.fan_out)]
        CfnOutput(self, "WebSocketAddress", value=self.socket.address)

    def _tell(
        self, function: DaymarkFunction, rule: str, source: str, detail_type: str, operations: OperationsStack, dead_letters: DeadLetters
    ) -> None:
        lambda_.CfnEventInvokeConfig(
            self,
            f"{rule}Calls",
            function_name=function.function.function_name,
            qualifier="$LATEST",
            maximum_event_age_in_seconds=int(WORTH_TELLING.to_seconds()),
            maximum_retry_attempts=1,
            # What reached the function and failed there is kept beside what never reached it.
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters.queue_arn)
            ),
        )
        events.Rule(
            self,
            rule,
            description=f"Hears {detail_type} of {source}",
            event_bus=operations.events.bus,
            event_pattern=events.EventPattern(source=[source], detail_type=[detail_type]),
            targets=[
                targets.LambdaFunction(function.function, dead_letter_queue=dead_letters, max_event_age=WORTH_TELLING, retry_attempts=3)
            ],
        )
