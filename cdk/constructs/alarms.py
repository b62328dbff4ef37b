"""Alarms: every function's errors, throttles and duration; undelivered wake-ups and events; failed phases; streams that are read late."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.constructs.function import DaymarkFunction
from cdk.constructs.phase_machine import PhaseMachine
from cdk.constructs.stream_reader import StreamReader

_PERIOD = Duration.minutes(5)
# Live figures that are half a minute old are not live.
LATE_MILLISECONDS = 30_000
_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD


class Alarms(Construct):
    """Alarms that all notify one topic. A silent metric is a healthy one: most of these functions run five times a day."""

    def __init__(self, scope: Construct, construct_id: str, topic: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._action = actions.SnsAction(topic)

    def watch_function(self, each: DaymarkFunction) -> None:
        """Any crash (business failures are answers, not errors), any throttle, and a slowest percentile above 80% of the limit."""
        function, name = each.function, each.definition.construct_id
        limit = each.definition.timeout_seconds * 1000 * 0.8
        self._alarm(f"{name}Errors", function.metric_errors(period=_PERIOD, statistic="Sum"), 0, f"{each.definition.name}: a call crashed")
        self._alarm(
            f"{name}Throttles",
            function.metric_throttles(period=_PERIOD, statistic="Sum"),
            0,
            f"{each.definition.name}: calls were throttled",
        )
        self._alarm(
            f"{name}Duration",
            function.metric_duration(period=_PERIOD, statistic="p99"),
            limit,
            f"{each.definition.name}: close to its time limit",
        )

    def watch_reader(self, each: StreamReader, meaning: str) -> None:
        """Records that wait too long to be read, and records that were given up, with what that means to whoever is told."""
        name = each.function.definition.name
        age = each.function.function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum")
        late = f"{name}: records wait over {LATE_MILLISECONDS // 1000} s"
        self._alarm(f"{each.function.definition.construct_id}Late", age, LATE_MILLISECONDS, late)
        depth = each.given_up.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum")
        self._alarm(f"{each.function.definition.construct_id}GivenUp", depth, 0, meaning)

    def watch_stream(self, name: str, stream: kinesis.IStream) -> None:
        """Records that a stream did not take because its shards were full; their producers try again, and fall behind."""
        for each in ("WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded"):
            metric = stream.metric(each, period=_PERIOD, statistic="Sum")
            self._alarm(f"{name.capitalize()}{each}", metric, 0, f"{name}: the stream's shards are full")

    def watch_queue(self, queue: sqs.IQueue, meaning: str) -> None:
        """Anything in a dead-letter queue, and what that means to whoever is told."""
        metric = queue.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum")
        self._alarm(f"{queue.node.id}Depth", metric, 0, meaning)

    def watch_machine(self, each: PhaseMachine) -> None:
        """A phase that failed, timed out or was aborted."""
        machine = each.machine
        for outcome, metric in {
            "Failed": machine.metric_failed(period=_PERIOD, statistic="Sum"),
            "TimedOut": machine.metric_timed_out(period=_PERIOD, statistic="Sum"),
        }.items():
            self._alarm(f"{each.node.id}{outcome}", metric, 0, f"{each.phase}: the phase did not end well")

    def _alarm(self, name: str, metric: cloudwatch.IMetric, threshold: float, description: str) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_description=description,
            metric=metric,
            threshold=threshold,
            comparison_operator=_ABOVE,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
