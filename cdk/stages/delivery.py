"""The pipeline's stage: one stack in the primary region, deployed by hand and by nothing that goes through it."""

from __future__ import annotations

from aws_cdk import Stage, Tags
from constructs import Construct

from cdk.constructs.acknowledgements import acknowledge, delivery
from cdk.settings import DeploymentSettings
from cdk.stacks.delivery import DeliveryStack


class DeliveryStage(Stage):
    """The stack of the pipeline."""

    def __init__(self, scope: Construct, settings: DeploymentSettings) -> None:
        super().__init__(scope, "delivery", env=settings.environment(settings.primary))
        stack = DeliveryStack(self, settings)
        Tags.of(self).add("project", "daymark")
        found = delivery(settings.environment(settings.primary), settings.secondary, stack.artifact_keys())
        acknowledge([stack], found, settings.today)
