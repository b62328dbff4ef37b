"""Customer managed keys: one for data at rest, one for logs, queues and events, rotated yearly."""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

DATA_ALIAS = "alias/daymark-data"

# What a reader or writer of encrypted rows and objects needs; the wildcards of the stock grants are not among it.
KEY_USE = ("kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey")


class DataKey(kms.Key):
    """Encrypts tables and documents. Its alias is the same in every region, so a replica names its own region's key."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            alias=DATA_ALIAS,
            description="Daymark: tables, prices and documents",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

    @staticmethod
    def alias_arn(scope: Construct, region: str) -> str:
        """The ARN of the data key's alias in any region of the account."""
        arn: str = Stack.of(scope).format_arn(service="kms", region=region, resource=DATA_ALIAS, arn_format=ArnFormat.NO_RESOURCE_NAME)
        return arn


class LogKey(kms.Key):
    """Encrypts log groups, queues, alarms and events. AWS's own services may use it, for this account's resources alone."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Daymark: logs, queues, alarms and events",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=RemovalPolicy.RETAIN,
        )
        stack = Stack.of(self)
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": stack.format_arn(
                            service="logs", resource="log-group", resource_name="*", arn_format=ArnFormat.COLON_RESOURCE_NAME
                        )
                    }
                },
            )
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        self.add_to_resource_policy(
            iam.PolicyStatement(
                # The bus keeps events under this key, and rules put what they could not deliver into queues under it.
                sid="EventsOfThisAccount",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
