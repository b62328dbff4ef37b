"""The application: a stage per region, and one for the pipeline if there is one. What goes to the cloud, cdk-nag checks at synthesis."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks

from cdk.settings import DeploymentSettings
from cdk.stages.delivery import DeliveryStage
from cdk.stages.region import RegionStage


def build(environment: Mapping[str, str], **app_options: Any) -> App:
    """The application as its context and the environment describe it."""
    app = App(analytics_reporting=False, tree_metadata=False, **app_options)
    settings = DeploymentSettings.read(app.node.try_get_context, environment)
    if not settings.is_local:
        packs = (AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks)
        Validations.of(app).add_plugins(*(pack(app, verbose=True) for pack in packs))
    for region in settings.regions:
        RegionStage(app, settings, region)
    if settings.delivery.source_connection and not settings.is_local:
        DeliveryStage(app, settings)
    return app


if __name__ == "__main__":
    build(os.environ).synth()
