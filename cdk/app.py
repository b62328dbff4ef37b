"""The application: one stage per region. What goes to the cloud is checked by cdk-nag while it is synthesised."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from cdk.settings import DeploymentSettings
from cdk.stages.region import RegionStage


def build(environment: Mapping[str, str], **app_options: Any) -> App:
    """The application as its context and the environment describe it."""
    app = App(analytics_reporting=False, tree_metadata=False, **app_options)
    settings = DeploymentSettings.read(app.node.try_get_context, environment)
    if not settings.is_local:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
    for region in settings.regions:
        RegionStage(app, settings, region)
    return app


if __name__ == "__main__":
    build(os.environ).synth()
