"""Identity: the users of the region. Stateful."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from cdk.constructs.user_pool import DaymarkUserPool
from cdk.settings import DeploymentSettings


class IdentityStack(Stack):
    """The user pool and the one app client whose ID tokens the API accepts."""

    def __init__(self, scope: Construct, settings: DeploymentSettings, **options: Any) -> None:
        super().__init__(scope, "Identity", stack_name="daymark-identity", termination_protection=True, **options)
        self.pool = DaymarkUserPool(self, "Users", settings)
        # Spelled out because the embedded cloud does not know the pool's ProviderURL.
        issuer = f"https://cognito-idp.{self.region}.{self.url_suffix}/{self.pool.user_pool_id}"
        self.clients = {issuer: self.pool.app.user_pool_client_id}
        CfnOutput(self, "UserPoolId", value=self.pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=self.pool.app.user_pool_client_id)
        CfnOutput(self, "UserPoolIssuer", value=issuer)
