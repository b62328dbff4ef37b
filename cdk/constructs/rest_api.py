"""The REST API: Cognito authoriser, request validation, throttling, tracing, access logs without personal data."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.function import LOG_RETENTION

STAGE = "live"
REQUESTS_PER_SECOND = 50
BURST = 100

# Who called is the token's subject, an opaque id; addresses and names stay out.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "path": "$context.resourcePath",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "subject": "$context.authorizer.claims.sub",
    "error": "$context.error.messageString",
    "trace_id": "$context.xrayTraceId",
}


class DaymarkRestApi(apigateway.RestApi):
    """Routes are added by :meth:`serve` (signed-in users) and :meth:`publish` (everybody)."""

    def __init__(self, scope: Construct, construct_id: str, pool: cognito.IUserPool, log_key: kms.IKey) -> None:
        access_logs = logs.LogGroup(
            scope, "AccessLogs", encryption_key=log_key, retention=LOG_RETENTION, removal_policy=RemovalPolicy.RETAIN
        )
        super().__init__(
            scope,
            construct_id,
            rest_api_name="daymark",
            description="Daymark: portfolios and the trading day",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            # The account's role for this is made with the WebSocket API, which is deployed before.
            cloud_watch_role=False,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE,
                throttling_rate_limit=REQUESTS_PER_SECOND,
                throttling_burst_limit=BURST,
                tracing_enabled=True,
                metrics_enabled=True,
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                access_log_destination=apigateway.LogGroupLogDestination(access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            ),
        )
        self._validator = self.add_request_validator("Validator", validate_request_body=True, validate_request_parameters=True)
        self._authorizer = apigateway.CognitoUserPoolsAuthorizer(
            self, "SignedIn", cognito_user_pools=[pool], results_cache_ttl=Duration.seconds(0)
        )
        self._systems = self.root.add_resource("v1")

    def serve(self, system: str, function: lambda_.IFunction) -> None:
        """Send ``/v1/<system>/...`` to a function, for signed-in users."""
        integration = apigateway.LambdaIntegration(function, allow_test_invoke=False)
        proxy = self._systems.add_resource(system).add_resource("{proxy+}")
        proxy.add_method(
            "ANY",
            integration,
            authorizer=self._authorizer,
            authorization_type=apigateway.AuthorizationType.COGNITO,
            request_validator=self._validator,
            request_parameters={"method.request.path.proxy": True},
        )

    def publish(self, paths: Sequence[str], function: lambda_.IFunction) -> None:
        """Send ``GET /<path>`` to a function, for everybody."""
        for path in paths:
            integration = apigateway.LambdaIntegration(function, allow_test_invoke=False)
            self.root.add_resource(path).add_method("GET", integration, request_validator=self._validator)
