"""The WebSocket API: a ticket opens it, one function each begins, ends and answers connections; throttled, logged without tickets."""

from __future__ import annotations

import json

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_apigatewayv2 as gateway
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.function import LOG_RETENTION
from cdk.settings import DeploymentSettings

STAGE = "live"

# No query string, which holds the ticket; no address, no name.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "event": "$context.eventType",
    "route": "$context.routeKey",
    "status": "$context.status",
    "connection_id": "$context.connectionId",
    "error": "$context.error.message",
    "integration_error": "$context.integrationErrorMessage",
}


class GatewayLogging(Construct):
    """The one role by which API Gateway writes logs: a setting of the account in the region, for every API in it."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        policy = iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonAPIGatewayPushToCloudWatchLogs")
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"), managed_policies=[policy])
        self.account = apigateway.CfnAccount(self, "Account", cloud_watch_role_arn=role.role_arn)


class DaymarkWebSocketApi(gateway.WebSocketApi):
    """``$connect``, ``$disconnect`` and one route for every message: what a message asks is decided in code, by its contract."""

    def __init__(self, scope: Construct, construct_id: str, settings: DeploymentSettings, logging: GatewayLogging, key: kms.IKey) -> None:
        super().__init__(scope, construct_id, api_name="daymark-push", description="Daymark: progress, pushed")
        access_logs = logs.LogGroup(
            scope, f"{construct_id}AccessLogs", encryption_key=key, retention=LOG_RETENTION, removal_policy=RemovalPolicy.RETAIN
        )
        messages = settings.edge.messages
        stage = gateway.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self,
            stage_name=STAGE,
            auto_deploy=True,
            throttle=gateway.ThrottleSettings(rate_limit=messages.per_second, burst_limit=messages.burst),
            detailed_metrics_enabled=True,
        )
        template: gateway.CfnStage = stage.node.default_child
        template.access_log_settings = gateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=access_logs.log_group_arn, format=json.dumps(ACCESS_LOG)
        )
        stage.node.add_dependency(logging.account)
        stack = Stack.of(self)
        # Locally a path below the emulator's address, whose port no template knows.
        path, host = f"/_aws/execute-api/{self.api_id}/{STAGE}", f"{self.api_id}.execute-api.{stack.region}.{stack.url_suffix}"
        self.address = path if settings.is_local else f"https://{host}/{STAGE}"

    def serve(self, connect: lambda_.IFunction, disconnect: lambda_.IFunction, message: lambda_.IFunction) -> None:
        """Send each kind of event to its function. Nobody is authorised before ``$connect``, which redeems the ticket."""
        routes = {"$connect": ("Connect", connect), "$disconnect": ("Disconnect", disconnect), "$default": ("Message", message)}
        for route, (name, function) in routes.items():
            self.add_route(route, integration=integrations.WebSocketLambdaIntegration(name, function))

    def let_speak(self, role: iam.IRole) -> None:
        """Let a role post to this stage's connections and close them."""
        resources = self.connection_arns(self.api_id)
        role.add_to_principal_policy(iam.PolicyStatement(actions=["execute-api:ManageConnections"], resources=resources))

    def connection_arns(self, api_id: str | None = None) -> list[str]:
        """What posting and closing act on; with the API's id as the rule pack spells it, if none is given."""
        stack = Stack.of(self)
        spelled = api_id or f"<{stack.resolve(self.api_id)['Ref']}>"
        return [
            stack.format_arn(
                service="execute-api",
                resource=spelled,
                resource_name=f"{STAGE}/{method}/@connections/*",
                arn_format=ArnFormat.SLASH_RESOURCE_NAME,
            )
            for method in ("POST", "DELETE")
        ]
