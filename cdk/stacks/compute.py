"""Compute: a queue for large simulations on GPUs. In the cloud only, and only where it is asked for (``gpu=true``).

No image exists yet that such a job could run, so without ``gpu_image`` there is a queue, its machines and a repository to push to, and no
job definition. The embedded cloud refuses Batch: there, as everywhere without the queue, simulations run on the processor.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.gpu_machines import GpuMachines
from cdk.constructs.network import DaymarkNetwork
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack


class ComputeStack(Stack):
    """Stateful by its images alone, which are kept."""

    def __init__(self, scope: Construct, settings: DeploymentSettings, data: DataStack, network: DaymarkNetwork, **options: Any) -> None:
        super().__init__(scope, "Compute", stack_name="daymark-compute", termination_protection=True, **options)
        compute, stores = settings.compute, data.stores
        machines = GpuMachines(self, "Gpu", compute, network.machines, data.log_key, stores.key)
        CfnOutput(self, "ImageRepository", value=machines.images.repository_uri)
        CfnOutput(self, "JobQueueArn", value=machines.queue.attr_job_queue_arn)
        if compute.gpu_image:
            CfnOutput(self, "JobDefinitionArn", value=machines.define(stores.buckets["documents"]).ref)
