"""Copies of a bucket's objects in the other region, within fifteen minutes, under that region's own key.

The other region's bucket and key are named by convention: nothing refers to another region's stack. A version keeps its lock on its way;
delete markers stay behind, so what is hidden here is still seen there.
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.constructs.keys import DATA_ALIAS, DataKey

# S3's replication time control: 99.9% of objects within this time, and metrics that tell.
MINUTES = 15
RULE = "all"
# Ticks are an archive of what the market said, which a vendor sells again; live state is rebuilt from the stream. Neither pays for copies.
REPLICATED = ("prices", "documents", "seals")
_READ = (
    "s3:GetObjectLegalHold",
    "s3:GetObjectRetention",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionTagging",
)
_WRITTEN = ("s3:ReplicateObject", "s3:ReplicateTags")


def bucket_name(scope: Construct, name: str, region: str) -> str:
    """What a replicated bucket is called: known before it exists, in either region."""
    return f"daymark-{name}-{Stack.of(scope).account}-{region}"


class Replication(Construct):
    """The role that copies, and the rule of each bucket."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, other: str) -> None:
        super().__init__(scope, construct_id)
        stack = Stack.of(self)
        self._other = other
        self._role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("s3.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": stack.account}}),
            description=f"Copies objects to {other}",
        )
        self._allow(("kms:Decrypt",), [key.key_arn], {"StringEquals": {"kms:ViaService": f"s3.{stack.region}.amazonaws.com"}})
        self._allow(
            ("kms:Encrypt", "kms:GenerateDataKey"),
            # A policy cannot name a key by its alias; the condition does.
            [foreign_keys(self, other)],
            {
                "StringEquals": {"kms:ViaService": f"s3.{other}.amazonaws.com"},
                "ForAnyValue:StringEquals": {"kms:ResourceAliases": DATA_ALIAS},
            },
        )

    def copy(self, name: str, bucket: s3.Bucket) -> None:
        """Copy all objects of a bucket to the bucket of the same name in the other region."""
        here, there = (f"arn:aws:s3:::{bucket_name(self, name, region)}" for region in (Stack.of(self).region, self._other))
        self._allow(("s3:GetReplicationConfiguration", "s3:ListBucket"), [here])
        self._allow(_READ, [f"{here}/*"])
        self._allow(_WRITTEN, [f"{there}/*"])
        within = s3.CfnBucket.ReplicationTimeValueProperty(minutes=MINUTES)
        rules = s3.CfnBucket
        template: s3.CfnBucket = bucket.node.default_child
        template.replication_configuration = rules.ReplicationConfigurationProperty(
            role=self._role.role_arn,
            rules=[
                rules.ReplicationRuleProperty(
                    id=RULE,
                    status="Enabled",
                    priority=1,
                    filter=rules.ReplicationRuleFilterProperty(prefix=""),
                    delete_marker_replication=rules.DeleteMarkerReplicationProperty(status="Disabled"),
                    source_selection_criteria=rules.SourceSelectionCriteriaProperty(
                        sse_kms_encrypted_objects=rules.SseKmsEncryptedObjectsProperty(status="Enabled")
                    ),
                    destination=rules.ReplicationDestinationProperty(
                        bucket=there,
                        encryption_configuration=rules.EncryptionConfigurationProperty(
                            replica_kms_key_id=DataKey.alias_arn(self, self._other)
                        ),
                        metrics=rules.MetricsProperty(status="Enabled", event_threshold=within),
                        replication_time=rules.ReplicationTimeProperty(status="Enabled", time=within),
                    ),
                )
            ],
        )

    def _allow(self, actions: tuple[str, ...], resources: list[str], conditions: dict[str, object] | None = None) -> None:
        self._role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources, conditions=conditions))


def foreign_keys(scope: Construct, region: str) -> str:
    """Every key of the account in another region, of which a condition picks one."""
    return f"arn:aws:kms:{region}:{Stack.of(scope).account}:key/*"
