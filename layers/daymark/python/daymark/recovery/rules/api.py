"""Rule: both regions answer the same routes, for the same callers, at the same rates: a caller must not notice which one it is."""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment

ROUTES = ("AWS::ApiGateway::Method", "AWS::ApiGatewayV2::Route")
STAGES = ("AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage")
Found = Iterator[Breach | Unknown]


def unequal_routes(deployment: Deployment, _: Situation) -> Found:
    """Routes that the secondary does not answer, or answers to others, or by something else."""
    for route in deployment.every(*ROUTES, region=deployment.primary):
        there = deployment.counterpart(route)
        if there is None:
            yield Breach(deployment.secondary, route.stack, route.name, "", "the route is missing in this region", "declare it in both")
            continue
        for path in deployment.differences(route, there):
            yield Breach.at(there, path, f"{path} is other than in {route.region}", "let both regions answer alike")


def unequal_stages(deployment: Deployment, _: Situation) -> Found:
    """Stages with other throttles, logs or traces in the secondary."""
    for stage in deployment.every(*STAGES, region=deployment.primary):
        there = deployment.counterpart(stage)
        if there is None:
            continue
        # A deployment's id is made from its content and its stack's name.
        for path in deployment.differences(stage, there, ("DeploymentId", "Tags")):
            yield Breach.at(there, path, f"{path} is other than in {stage.region}", "give both stages the same settings")


RULES = (
    Rule("api-routes", "Both regions answer the same routes for the same callers", Severity.BLOCKS, ROUTES, unequal_routes, needed=True),
    Rule("api-stage", "Stages have the same throttles, logs and traces in both regions", Severity.WARNS, STAGES, unequal_stages),
)
