"""Identity: the users. Stateful. The primary region's pool is the directory; the secondary has its replica, once it is told of it."""

from __future__ import annotations

from typing import Any

from aws_cdk import Annotations, CfnOutput, Stack
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from cdk.constructs.directory_key import DirectoryKey, ReplicaKey
from cdk.constructs.user_pool import DaymarkUserPool
from cdk.identity_settings import UserDirectory
from cdk.settings import DeploymentSettings

_ALONE = (
    "The users of this region are its own: nobody of the primary region can sign in here. Deploy the primary region's identity stack, "
    "put its outputs into the context user_directory and deploy again: docs/identity.md."
)


class IdentityStack(Stack):
    """The user pool and the one app client whose ID tokens the API accepts.

    Attributes:
        pool: What the authoriser asks, always by its ARN in this region.
        clients: App client by issuer. A replica's tokens have the issuer of its primary, so both regions take both regions' tokens.
    """

    def __init__(self, scope: Construct, settings: DeploymentSettings, **options: Any) -> None:
        super().__init__(scope, "Identity", stack_name="daymark-identity", termination_protection=not settings.is_local, **options)
        directory = settings.identity.directory
        self.pool: cognito.IUserPool
        if directory is not None and self.region == settings.secondary:
            client, key = self._replicated(directory)
            issuer = _issuer(settings.primary, directory.pool)
        else:
            client, key = self._own(settings)
            issuer = f"https://cognito-idp.{self.region}.{self.url_suffix}/{self.pool.user_pool_id}"
            if not settings.is_local:
                issuer = _issuer(self.region, self.pool.user_pool_id)
            if directory is not None:
                cognito.CfnUserPoolReplica(self, "Replica", region_name=settings.secondary, user_pool_id=self.pool.user_pool_id)
            elif self.region == settings.secondary:
                Annotations.of(self).add_warning_v2("daymark:UsersOfOneRegion", _ALONE)
        self.clients = {issuer: client}
        CfnOutput(self, "UserPoolId", value=self.pool.user_pool_id)
        CfnOutput(self, "UserPoolClientId", value=client)
        CfnOutput(self, "UserPoolIssuer", value=issuer)
        if key:
            CfnOutput(self, "UserPoolKeyArn", value=key)

    def _own(self, settings: DeploymentSettings) -> tuple[str, str]:
        """A pool of this region's own: its client and its key, if it has one."""
        key = None if settings.is_local else DirectoryKey(self, "DirectoryKey")
        pool = DaymarkUserPool(self, "Users", settings, key)
        self.pool = pool
        return pool.app.user_pool_client_id, key.key_arn if key else ""

    def _replicated(self, directory: UserDirectory) -> tuple[str, str]:
        """The other region's pool as it is here. Only its key has to stand before; the pool comes by the primary's own stack."""
        key = ReplicaKey(self, "DirectoryKey", directory.key)
        arn = f"arn:aws:cognito-idp:{self.region}:{self.account}:userpool/{directory.pool}"
        self.pool = cognito.UserPool.from_user_pool_arn(self, "Users", arn)
        return directory.client, key.attr_arn


def _issuer(region: str, pool: str) -> str:
    """The updated form: its keys are served in several regions ("AWS documentation, IssuerConfigurationType", read 2026-11-23)."""
    return f"https://issuer-cognito-idp.{region}.amazonaws.com/{pool}"
