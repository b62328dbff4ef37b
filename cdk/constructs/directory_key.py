"""The key of the users: a multi-Region key, because a replica of a user pool takes no other, and Cognito may use it for pools alone."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

_DESCRIPTION = "Daymark: users"
# Both act for Cognito ("AWS documentation, Data protection in Amazon Cognito", read 2026-11-23).
_SERVICES = ("cognito-idp.amazonaws.com", "identitystore.amazonaws.com")
_USE = ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKeyWithoutPlaintext")


class DirectoryKey(kms.Key):
    """The primary of a multi-Region key. What it encrypts is read in the other region under the replica, which has its material."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description=_DESCRIPTION,
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN,
        )
        template: kms.CfnKey = self.node.default_child
        template.multi_region = True
        for statement in _for_cognito(Stack.of(self)):
            self.add_to_resource_policy(statement)


class ReplicaKey(kms.CfnReplicaKey):
    """The same key in another region. It rotates with its primary."""

    def __init__(self, scope: Construct, construct_id: str, primary_arn: str) -> None:
        stack = Stack.of(scope)
        administrators = iam.PolicyStatement(actions=["kms:*"], resources=["*"], principals=[iam.AccountRootPrincipal()])
        policy = iam.PolicyDocument(statements=[administrators, *_for_cognito(stack)])
        super().__init__(
            scope, construct_id, description=_DESCRIPTION, primary_key_arn=primary_arn, key_policy=policy, pending_window_in_days=30
        )
        self.apply_removal_policy(RemovalPolicy.RETAIN)


def _for_cognito(stack: Stack) -> list[iam.PolicyStatement]:
    """Cognito for this account's pools, and whoever works with such a pool through Cognito.

    The encryption context names the pool by its ARN in either region: what was encrypted in one is read in the other.
    """
    pools = f"arn:aws:cognito-idp:*:{stack.account}:userpool/*"
    of_pools = {"StringLike": {"kms:EncryptionContext:aws:cognito-idp:userpool-arn": pools}}
    by_service = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": pools}}
    through = {"kms:ViaService": f"cognito-idp.{stack.region}.amazonaws.com", "kms:CallerAccount": stack.account}
    services = [iam.ServicePrincipal(name) for name in _SERVICES]

    def allow(
        sid: str, principals: list[iam.IPrincipal], actions: tuple[str, ...], conditions: Mapping[str, object]
    ) -> iam.PolicyStatement:
        return iam.PolicyStatement(sid=sid, principals=principals, actions=list(actions), resources=["*"], conditions=conditions)

    anybody: list[iam.IPrincipal] = [iam.AnyPrincipal()]
    return [
        allow("CognitoForThisAccountsPools", services, _USE, by_service | of_pools),
        allow("CognitoLooksAtTheKey", services, ("kms:DescribeKey",), by_service),
        allow("ThisAccountThroughCognito", anybody, _USE, {"StringEquals": through} | of_pools),
        allow("ThisAccountLooksThroughCognito", anybody, ("kms:DescribeKey",), {"StringEquals": through}),
    ]
