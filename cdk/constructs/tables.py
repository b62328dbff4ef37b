"""Tables: created once, in the primary region, with their replicas; referred to by name everywhere else."""

from __future__ import annotations

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.constructs.keys import DataKey
from cdk.settings import DeploymentSettings
from daymark.adapters.dynamodb.idempotency import EXPIRES_AT
from daymark.adapters.dynamodb.tables import TABLES, TableDefinition

_RECOVERY = dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True, recovery_period_in_days=35)

# Tables whose replicas follow: what a region lost now has not told yet.
EVENTUAL = tuple(name for name, table in TABLES.items() if table.replicated and not table.strongly_consistent_regions)


def table_name(definition: TableDefinition) -> str:
    """The physical name: fixed, because the other region's stacks refer to the replica by it."""
    return f"daymark-{definition.name}"


class DaymarkTable(dynamodb.TableV2):
    """One table: paid per request, own key, recovery to any second of 35 days, protected and retained.

    In the cloud it is replicated to the secondary region, unless each region has a table of its own: eventually, or, where the
    definition asks for it, with strong consistency and a witness. The embedded cloud has one region and therefore no replica.
    """

    def __init__(self, scope: Construct, definition: TableDefinition, key: kms.IKey, settings: DeploymentSettings) -> None:
        strong = definition.strongly_consistent_regions and not settings.is_local
        alone = settings.is_local or not definition.replicated
        replicated = {} if alone else {settings.secondary: DataKey.alias_arn(scope, settings.secondary)}
        super().__init__(
            scope,
            definition.name.capitalize(),
            table_name=table_name(definition),
            partition_key=_text(definition.partition_key),
            sort_key=_text(definition.sort_key) if definition.sort_key else None,
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.customer_managed_key(key, replicated),
            point_in_time_recovery_specification=_RECOVERY,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
            replicas=[
                dynamodb.ReplicaTableProps(region=region, deletion_protection=True, point_in_time_recovery_specification=_RECOVERY)
                for region in replicated
            ],
            time_to_live_attribute=EXPIRES_AT if definition.expires else None,
            multi_region_consistency=dynamodb.MultiRegionConsistency.STRONG if strong else None,
            witness_region=settings.witness if strong else None,
        )


def existing_table(scope: Construct, definition: TableDefinition, key: kms.IKey) -> dynamodb.ITableV2:
    """The replica in the scope's own region of a table that the primary region's stack creates."""
    arn = Stack.of(scope).format_arn(
        service="dynamodb", resource="table", resource_name=table_name(definition), arn_format=ArnFormat.SLASH_RESOURCE_NAME
    )
    return dynamodb.TableV2.from_table_attributes(scope, definition.name.capitalize(), table_arn=arn, encryption_key=key)


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
