"""How a function reads a stream: lanes in order, poison set apart, nothing given up before somebody was called.

A batch is retried for a day, whole and then in halves, while the ``ticks`` stream keeps records for two: what is given up at last
leaves a pointer in the dead-letter queue that still finds its records.
"""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.constructs.function import DaymarkFunction
from cdk.constructs.phase_machine import DeadLetters
from cdk.functions import Reading

MOST_ATTEMPTS = 1000
MOST_SECONDS = 24 * 3600

_POLLING = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
_PUSHED = ("kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard")


class StreamReader(Construct):
    """The mapping from a stream to a function, and the queue of what it gave up.

    With fan-out the function is a consumer of its own; without it the stream is polled. It starts at the oldest record: what was
    put before the first deployment is read too.
    """

    def __init__(
        self, scope: Construct, function: DaymarkFunction, reading: Reading, stream: kinesis.IStream, log_key: kms.IKey, fan_out: bool
    ) -> None:
        super().__init__(scope, f"{function.definition.construct_id}Reader")
        self.function, self.reading = function, reading
        self.given_up = DeadLetters(self, "GivenUp", log_key)
        source = stream.stream_arn
        function.role.add_to_policy(iam.PolicyStatement(actions=list(_POLLING), resources=[source]))
        if fan_out:
            source = kinesis.CfnStreamConsumer(
                self, "Consumer", consumer_name=function.definition.name, stream_arn=source
            ).attr_consumer_arn
            function.role.add_to_policy(iam.PolicyStatement(actions=list(_PUSHED), resources=[source]))
        self.given_up.take_from(function.role, log_key)
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function.function_name,
            event_source_arn=source,
            starting_position="TRIM_HORIZON",
            batch_size=reading.batch_records,
            parallelization_factor=reading.batches_at_once,
            bisect_batch_on_function_error=True,
            function_response_types=["ReportBatchItemFailures"],
            maximum_retry_attempts=MOST_ATTEMPTS,
            maximum_record_age_in_seconds=MOST_SECONDS,
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.given_up.queue_arn)
            ),
        )
        # Creating a mapping checks the role.
        mapping.node.add_dependency(function.role)
