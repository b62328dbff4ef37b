"""Alarms: every function's errors, throttles and duration; undelivered wake-ups and events; failed phases; streams that are read late.

Each ends its description with the runbook that says what to do: ``docs/runbooks/``. The runbook is its kind in the alarm budget.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from aws_cdk import ArnFormat, Duration, Stack, Tags
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.constructs.alarm_budget import BUDGET, Severity, System
from cdk.constructs.function import DaymarkFunction
from cdk.constructs.phase_machine import PhaseMachine
from cdk.constructs.stream_reader import StreamReader

PERIOD = Duration.minutes(5)
# Live figures that are half a minute old are not live.
LATE_MILLISECONDS = 30_000
# AWS's first quota of an account in a region; a larger one is asked for.
CONCURRENT_CALLS = 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """When a metric is too high: above the threshold in so many periods on end. A silent metric is a healthy one, if not said otherwise."""

    threshold: float = 0
    periods: int = 1
    silent_is_ill: bool = False


_NEVER = Limit()


class Alarms(Construct):
    """Alarms of one stack, all told to the tickets' topic.

    Attributes:
        causes: The names of those that get somebody out of bed, by the system whose page they belong to.
        names: The names of all, by system.
    """

    def __init__(self, scope: Construct, construct_id: str, tickets: sns.ITopic) -> None:
        super().__init__(scope, construct_id)
        self._action = actions.SnsAction(tickets)
        self.causes: dict[System, list[str]] = {}
        self.names: dict[System, list[str]] = {}

    def watch_function(self, each: DaymarkFunction) -> None:
        """Any crash (business failures are answers, not errors), any throttle, and a slowest percentile above 80% of the limit."""
        function, name = each.function, each.definition.construct_id
        limit = Limit(each.definition.timeout_seconds * 1000 * 0.8)
        said = each.definition.name
        errors, throttles = (made(period=PERIOD, statistic="Sum") for made in (function.metric_errors, function.metric_throttles))
        duration = function.metric_duration(period=PERIOD, statistic="p99")
        self.add(f"{name}Errors", errors, f"{said}: a call crashed", "function-errors")
        self.add(f"{name}Throttles", throttles, f"{said}: calls were throttled", "function-throttles")
        self.add(f"{name}Duration", duration, f"{said}: close to its time limit", "function-duration", limit)

    def watch_concurrency(self) -> None:
        """All functions of the account in the region together: above four fifths of the quota the next burst is throttled."""
        metric = cloudwatch.Metric(namespace="AWS/Lambda", metric_name="ConcurrentExecutions", statistic="Maximum", period=PERIOD)
        limit = Limit(0.8 * CONCURRENT_CALLS)
        self.add("Concurrency", metric, "Functions are close to the account's quota of calls at once", "concurrency", limit)

    def watch_uncounted(self, each: DaymarkFunction) -> None:
        """Calls of tenants that were admitted although they could not be counted: their rates hold nobody back meanwhile."""
        metric = cloudwatch.Metric(
            namespace="Daymark",
            metric_name="AdmittedUncounted",
            dimensions_map={"service": each.definition.name},
            statistic="Sum",
            period=PERIOD,
        )
        said = f"{each.definition.name}: calls are not counted by tenant"
        self.add(f"{each.definition.construct_id}Uncounted", metric, said, "calls-uncounted")

    def watch_reader(self, each: StreamReader, meaning: str) -> None:
        """Records that wait too long to be read, and records that were given up, with what that means to whoever is told."""
        name = each.function.definition.name
        age = each.function.function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum")
        late = f"{name}: records wait over {LATE_MILLISECONDS // 1000} s"
        runbook = f"{name.replace('_', '-')}-late"
        self.add(f"{each.function.definition.construct_id}Late", age, late, runbook, Limit(LATE_MILLISECONDS))
        depth = each.given_up.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum")
        self.add(f"{each.function.definition.construct_id}GivenUp", depth, meaning, "records-given-up")

    def watch_stream(self, name: str, stream: kinesis.IStream) -> None:
        """Records that a stream did not take because its shards were full; their producers try again, and fall behind."""
        for each in ("WriteProvisionedThroughputExceeded", "ReadProvisionedThroughputExceeded"):
            metric = stream.metric(each, period=PERIOD, statistic="Sum")
            self.add(f"{name.capitalize()}{each}", metric, f"{name}: the stream's shards are full", "stream-full")

    def watch_queue(self, queue: sqs.IQueue, meaning: str) -> None:
        """Anything in a dead-letter queue, and what that means to whoever is told; the runbook is called as the queue: ``untold-marks``."""
        metric = queue.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum")
        self.add(f"{queue.node.id}Depth", metric, meaning, spoken(queue.node.id))

    def watch_machine(self, each: PhaseMachine) -> None:
        """A phase that failed, timed out or was aborted."""
        machine = each.machine
        for outcome, metric in {
            "Failed": machine.metric_failed(period=PERIOD, statistic="Sum"),
            "TimedOut": machine.metric_timed_out(period=PERIOD, statistic="Sum"),
        }.items():
            self.add(f"{each.node.id}{outcome}", metric, f"{each.phase}: the phase did not end well", f"phase-{spoken(outcome)}")

    def watch_table(self, name: str, table_name: str) -> None:
        """Requests that a table turned away because they came faster than it grew."""
        for each in ("ReadThrottleEvents", "WriteThrottleEvents"):
            metric = cloudwatch.Metric(
                namespace="AWS/DynamoDB", metric_name=each, dimensions_map={"TableName": table_name}, statistic="Sum", period=PERIOD
            )
            self.add(f"{name.capitalize()}{each}", metric, f"{name}: the table throttled requests", "table-throttled")

    def add(self, name: str, metric: cloudwatch.IMetric, description: str, runbook: str, limit: Limit = _NEVER) -> cloudwatch.Alarm:
        """One alarm of the kind that its runbook has in the budget.

        Args:
            name: ``OpenPhaseErrors``; the alarm is then called ``daymark-open-phase-errors``, by which other stacks speak of it.
            metric: What is watched.
            description: What it means to whoever is told.
            runbook: The name of its page, and of its kind.
            limit: When it rings.
        """
        kind = BUDGET[runbook]
        missing = cloudwatch.TreatMissingData.BREACHING if limit.silent_is_ill else cloudwatch.TreatMissingData.NOT_BREACHING
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=alarm_name(name),
            alarm_description=f"{description}. Runbook: docs/runbooks/{runbook}.md",
            metric=metric,
            threshold=limit.threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=limit.periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(self._action)
        for key, value in {"severity": kind.severity, "owner": kind.owner, "system": kind.system}.items():
            Tags.of(alarm).add(key, value)
        self.names.setdefault(kind.system, []).append(alarm_name(name))
        if kind.severity is Severity.PAGE:
            self.causes.setdefault(kind.system, []).append(alarm_name(name))
        return alarm


def alarm_name(name: str) -> str:
    """What an alarm is called in CloudWatch.

    >>> alarm_name("OpenPhaseErrors")
    'daymark-open-phase-errors'
    """
    return f"daymark-{spoken(name)}"


def alarm_arn(stack: Stack, called: str) -> str:
    """The ARN of an alarm of the stack's region by what it is called: ``daymark-open-phase-errors``."""
    arn: str = stack.format_arn(service="cloudwatch", resource="alarm", resource_name=called, arn_format=ArnFormat.COLON_RESOURCE_NAME)
    return arn


def spoken(name: str) -> str:
    """``MissedWakeUps`` as a file is called: ``missed-wake-ups``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
