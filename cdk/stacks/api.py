"""API: one REST API, one function per system behind it, nobody in without a token of the region's pool."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.constructs.function import DaymarkFunction
from cdk.constructs.layers import Layers
from cdk.constructs.rest_api import DaymarkRestApi
from cdk.functions import BOOK_API, MONITORING_API, OPERATIONS_API
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack
from cdk.stacks.identity import IdentityStack
from cdk.stacks.monitoring import MonitoringStack
from cdk.stacks.operations import OperationsStack


class ApiStack(Stack):
    """``/v1/<system>/...`` for signed-in users; ``/docs`` and ``/openapi.json`` for everybody."""

    def __init__(
        self,
        scope: Construct,
        settings: DeploymentSettings,
        data: DataStack,
        identity: IdentityStack,
        operations: OperationsStack,
        monitoring: MonitoringStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, "Api", stack_name="daymark-api", **options)
        layers = Layers(self, "Layers", settings)
        cursor_key = secretsmanager.Secret(
            self,
            "CursorKey",
            description="Signs the cursors of paged lists",
            encryption_key=data.stores.key,
            generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
            removal_policy=RemovalPolicy.DESTROY,
        )
        values = data.stores.names() | settings.edge.values()
        values |= {
            "region": self.region,
            "cursor_secret": cursor_key.secret_arn,
            "identity_clients": json.dumps(identity.clients),
            "phase_machines": json.dumps(operations.machine_arns()),
            "websocket_endpoint": monitoring.socket.address,
        }
        definitions = (BOOK_API, OPERATIONS_API, MONITORING_API)
        book, day, push = (DaymarkFunction.create(self, each, values, layers, data.log_key) for each in definitions)
        self.functions = [book, day, push]
        for function in self.functions:
            data.stores.grant(function)
        for function in (book, day):
            function.role.add_to_policy(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[cursor_key.secret_arn]))
        for machine in operations.machines:
            machine.machine.grant_start_execution(day.role)
            # Whether the execution that drives a run still lives; only a dead one is replaced.
            day.role.add_to_policy(iam.PolicyStatement(actions=["states:DescribeExecution"], resources=[machine.executions_arn]))
        self.api = DaymarkRestApi(self, "Rest", [identity.pool], data.log_key, settings.edge)
        self.api.serve("book", book.function)
        self.api.serve("operations", day.function)
        self.api.serve("monitoring", push.function)
        self.api.publish(("docs", "openapi.json"), day.function)
        CfnOutput(self, "ApiId", value=self.api.rest_api_id)
        CfnOutput(self, "ApiStage", value=self.api.deployment_stage.stage_name)
        CfnOutput(self, "ApiUrl", value=self.api.url)
