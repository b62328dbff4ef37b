"""Network: where the one function that reaches the cache runs. In the cloud only; on one machine there is nothing to keep apart."""

from __future__ import annotations

from typing import Any

from aws_cdk import Stack
from constructs import Construct

from cdk.constructs.network import DaymarkNetwork
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack


class NetworkStack(Stack):
    """Isolated subnets with endpoints to what ingest needs: S3 (ticks and live state) and the ``quotes`` stream.

    Nothing else of ours joins. What pushes to WebSockets could not: API Gateway serves ``@connections`` at the API's public address alone,
    an ``execute-api`` endpoint reaches only private REST APIs. Ingest reads no table, so there is no endpoint to DynamoDB.
    GPU machines join where they are asked for, with endpoints of their own.
    """

    def __init__(self, scope: Construct, settings: DeploymentSettings, data: DataStack, **options: Any) -> None:
        super().__init__(scope, "Network", stack_name="daymark-network", **options)
        self.network = DaymarkNetwork(self, "Network", data.log_key)
        self.network.reach_kinesis(data.stores.streams["quotes"].stream_arn)
        reached = ("ticks", "live", "documents") if settings.compute.gpu else ("ticks", "live")
        self.network.reach_s3([data.stores.buckets[name].bucket_arn for name in reached], with_images=settings.compute.gpu)
        if settings.compute.gpu:
            self.network.admit_machines()
