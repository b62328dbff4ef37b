"""The REST API: Cognito authoriser, request validation, a rate for each method, tracing, access logs without personal data.

What the gateway can validate of ``{proxy+}`` is that there is a path behind the system's name, and the verb, because only verbs that a
system serves are deployed. Bodies, queries and headers differ from route to route behind the proxy: the functions validate them, against
the models that the API's own description is made from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.constructs.function import LOG_RETENTION
from cdk.constructs.gateway_responses import answer_as_problems
from cdk.edge_settings import EdgeSettings

STAGE = "live"
# Of what no method has a rate of its own for.
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
# A method's own settings replace the stage's as a whole, so each says these again.
_WATCHED: dict[str, Any] = {"metrics_enabled": True, "logging_level": apigateway.MethodLoggingLevel.ERROR, "data_trace_enabled": False}


class DaymarkRestApi(apigateway.RestApi):
    """Routes are added by :meth:`serve` (signed-in users) and :meth:`publish` (everybody)."""

    def __init__(
        self, scope: Construct, construct_id: str, pools: Sequence[cognito.IUserPool], log_key: kms.IKey, settings: EdgeSettings
    ) -> None:
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
                **_WATCHED,
                method_options={
                    f"{route}/{verb}": apigateway.MethodDeploymentOptions(
                        throttling_rate_limit=rate.per_second, throttling_burst_limit=rate.burst, **_WATCHED
                    )
                    for (verb, route), rate in ((each.split(" "), rate) for each, rate in settings.route_rates.items())
                },
                access_log_destination=apigateway.LogGroupLogDestination(access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(json.dumps(ACCESS_LOG)),
            ),
        )
        self._validator = self.add_request_validator("Validator", validate_request_body=True, validate_request_parameters=True)
        self._authorizer = apigateway.CognitoUserPoolsAuthorizer(
            self, "SignedIn", cognito_user_pools=list(pools), results_cache_ttl=Duration.seconds(0)
        )
        self._systems = self.root.add_resource("v1")
        self._routes = [route.split(" ") for route in settings.route_rates]
        answer_as_problems(self)

    def serve(self, system: str, function: lambda_.IFunction) -> None:
        """Send ``/v1/<system>/...`` to a function, for signed-in users: the verbs for which there is a rate, and no other."""
        integration = apigateway.LambdaIntegration(function, allow_test_invoke=False)
        proxy = self._systems.add_resource(system).add_resource("{proxy+}")
        for verb in (verb for verb, route in self._routes if route == proxy.path):
            proxy.add_method(
                verb,
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
