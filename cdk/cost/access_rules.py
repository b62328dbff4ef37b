"""What the APIs, the users, the network and the edge use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cdk.cost.deployment import Resource
from cdk.cost.live_path import KB, MB, ZERO
from cdk.cost.load import GB, Load
from cdk.cost.usage import Usage


def rest_api(resource: Resource, load: Load) -> Sequence[Usage]:
    """Requests, and answers to the internet."""
    del resource
    said = load.said
    why = f"{said['requests_a_portfolio_session']} requests a portfolio and session"
    return [
        Usage("requests", "apigateway.rest_request", load.requests, why),
        Usage("answers", "transfer.to_internet", load.requests * said["response_kb"] * KB / GB, f"{said['response_kb']} KB each"),
    ]


def websocket_api(resource: Resource, load: Load) -> Sequence[Usage]:
    """Messages both ways, and the minutes that connections are open. Another protocol has no rule."""
    if resource.properties.get("ProtocolType") != "WEBSOCKET":
        return [Usage("requests", "apigateway.rest_request", load.requests, "an HTTP API, priced as REST")]
    live, said = load.live, load.said
    messages = live.messages * load.seconds + load.connections * 4
    minutes = live.watchers * load.seconds / 60
    sent = live.messages * load.seconds * said["message_bytes"] / GB
    return [
        Usage(
            "messages",
            "apigateway.websocket_message",
            messages,
            f"{live.messages:.0f} posted a second in sessions, four others a WebSocket",
        ),
        Usage("minutes", "apigateway.connection_minute", minutes, f"{live.watchers:.0f} WebSockets open in sessions"),
        Usage("sent", "transfer.to_internet", sent, f"{said['message_bytes']} bytes a message"),
    ]


def route(resource: Resource, load: Load) -> Sequence[Usage]:
    """A gateway's route with detailed metrics, once it has traffic."""
    del resource
    metrics = load.said["metrics_a_route"] if load.requests or load.connections else ZERO
    return [Usage("metrics", "cloudwatch.metric", metrics, "detailed metrics, when there is traffic")]


def user_pool(resource: Resource, load: Load) -> Sequence[Usage]:
    """Users that sign in at least once a month."""
    del resource
    users = load.scale.portfolios * load.said["users_a_portfolio"]
    return [Usage("users", "cognito.active_user", users, f"{load.said['users_a_portfolio']} users a portfolio, all active")]


def endpoint(resource: Resource, load: Load) -> Sequence[Usage]:
    """An interface endpoint in each of its subnets; a gateway endpoint costs nothing."""
    properties = resource.properties
    if properties.get("VpcEndpointType", "Gateway") != "Interface":
        return []
    zones = Decimal(len(properties.get("SubnetIds", [])))
    carried = load.live.quotes.mb * load.seconds * MB / GB if str(properties["ServiceName"]).endswith("kinesis-streams") else ZERO
    return [
        Usage("hours", "vpc.endpoint_hour", zones * load.said["hours_a_month"], f"{zones} zones, all hours of the month"),
        Usage("data", "vpc.endpoint_data", carried, f"{load.live.quotes.mb:.2f} MB/s of quote blocks in sessions"),
    ]


def web_acl(resource: Resource, load: Load) -> Sequence[Usage]:
    """A web ACL with its rules."""
    rules = Decimal(len(resource.properties.get("Rules", [])))
    return [
        Usage("ACL", "waf.acl_month", Decimal(1), "all month"),
        Usage("rules", "waf.rule_month", rules, f"{rules} rules and managed groups"),
        Usage("requests", "waf.request", load.requests, "every REST request"),
    ]


def health_check(resource: Resource, load: Load) -> Sequence[Usage]:
    """A health check with its features; calculated ones and those of an alarm count as plain ones."""
    del load
    said = resource.properties.get("HealthCheckConfig", {})
    features = Decimal(
        sum(
            (
                str(said.get("Type", "")).startswith("HTTPS"),
                "SearchString" in said,
                said.get("RequestInterval") == 10,
                bool(said.get("MeasureLatency")),
            )
        )
    )
    return [
        Usage("check", "route53.health_check", Decimal(1), "of an AWS endpoint"),
        Usage("features", "route53.health_check_feature", features, "HTTPS, matching, fast interval, latency"),
    ]


def switch_plan(resource: Resource, load: Load) -> Sequence[Usage]:
    """A plan of the region switch, kept ready."""
    del resource, load
    return [Usage("plan", "arc.plan_month", Decimal(1), "all month, run or not")]


def zone(resource: Resource, load: Load) -> Sequence[Usage]:
    """A hosted zone; queries of failover records are below a cent for each 10,000."""
    del resource, load
    return [Usage("zone", "route53.zone_month", Decimal(1), "queries are left out")]
