"""Rule: what is backed up or locked in a bucket is copied to a bucket of the other region, all of it, in time, by a role that may.

Ticks and live state are neither backed up nor locked: the market's archive is bought again, live state is rebuilt from the stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.rules.roles import grants
from daymark.recovery.templates import Deployment, Resource, listed

BUCKET, SELECTION = "AWS::S3::Bucket", "AWS::Backup::BackupSelection"
# The contract's recovery point: 15 minutes.
MINUTES = 15
Found = Iterator[Breach | Unknown]


def copying(deployment: Deployment) -> Iterator[tuple[Resource, int, Mapping[str, Any]]]:
    """Every copying rule: its bucket, its place and itself."""
    for bucket in deployment.every(BUCKET):
        for place, rule in enumerate(bucket.rows("ReplicationConfiguration", "Rules")):
            yield bucket, place, rule


def destination(deployment: Deployment, bucket: Resource, rule: Mapping[str, Any]) -> str:
    """The name of the bucket that a rule copies to."""
    return deployment.text(bucket, rule.get("Destination", {}).get("Bucket")).rpartition(":")[2]


def name_of(bucket: Resource) -> str:
    """What a bucket is called, as far as its template says."""
    return str(bucket.at("BucketName") or f"{{{bucket.stack}/{bucket.name}}}")


def _worth_copying(deployment: Deployment, region: str) -> list[Resource]:
    backed_up = {
        found.name
        for selection in deployment.every(SELECTION, region=region)
        for each in listed(selection.at("BackupSelection", "Resources"))
        if (found := deployment.target(selection, each))
    }
    buckets = deployment.every(BUCKET, region=region)
    return [bucket for bucket in buckets if bucket.name in backed_up or bucket.at("ObjectLockEnabled") is True]


def uncopied(deployment: Deployment, _: Situation) -> Found:
    """Buckets of the primary that no rule copies."""
    for bucket in _worth_copying(deployment, deployment.primary):
        if not bucket.rows("ReplicationConfiguration", "Rules"):
            wrong = f"its objects are in {bucket.region} alone: a switch loses them"
            yield Breach.at(bucket, "ReplicationConfiguration", wrong, f"copy it to a bucket of {deployment.secondary}")


def copied_one_way(deployment: Deployment, _: Situation) -> Found:
    """Buckets whose copies do not come back: what is written while the secondary leads stays there."""
    for bucket in _worth_copying(deployment, deployment.secondary):
        there = deployment.counterpart(bucket)
        if there and there.rows("ReplicationConfiguration", "Rules") and not bucket.rows("ReplicationConfiguration", "Rules"):
            wrong = "what is written while this region leads is not copied back"
            yield Breach.at(bucket, "ReplicationConfiguration", wrong, "set copy_back once the primary's buckets exist, and deploy again")


def lost_copies(deployment: Deployment, _: Situation) -> Found:
    """Rules that copy nothing, less than all, or to where nothing is."""
    for bucket, place, rule in copying(deployment):
        path, there = f"ReplicationConfiguration.Rules.{place}", deployment.other(bucket.region)
        if rule.get("Status") != "Enabled":
            yield Breach.at(bucket, f"{path}.Status", "the rule is off", "enable it")
        if any((*rule.get("Filter", {}).values(), rule.get("Prefix"))):
            yield Breach.at(bucket, f"{path}.Filter", "only part of the bucket is copied", "filter by the empty prefix")
        if _is_encrypted(bucket) and rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {}).get("Status") != "Enabled":
            criteria = f"{path}.SourceSelectionCriteria.SseKmsEncryptedObjects"
            yield Breach.at(bucket, criteria, "encrypted objects, which are all, are left out", "select them: Status Enabled")
        called = destination(deployment, bucket, rule)
        found = [each for each in deployment.every(BUCKET, region=there) if name_of(each) == called]
        if not found:
            wrong = f"{there} has no bucket called {called}"
            yield Breach.at(bucket, f"{path}.Destination.Bucket", wrong, f"create it in {there}, or name one that is there")
        key = deployment.text(bucket, rule.get("Destination", {}).get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID"))
        if _is_encrypted(bucket) and f":{there}:" not in key:
            where = f"{path}.Destination.EncryptionConfiguration.ReplicaKmsKeyID"
            yield Breach.at(
                bucket, where, f"copies are under a key that {there} does not have: {key or 'none'}", f"name the data key of {there}"
            )


def _is_encrypted(bucket: Resource) -> bool:
    rules = bucket.rows("BucketEncryption", "ServerSideEncryptionConfiguration")
    return any(rule.get("ServerSideEncryptionByDefault", {}).get("SSEAlgorithm") == "aws:kms" for rule in rules)


def unversioned(deployment: Deployment, _: Situation) -> Found:
    """Ends of a copy that keep no versions: S3 copies from and to versioned buckets alone."""
    ends = {bucket.name: bucket for bucket, _, _ in copying(deployment)}
    called = {destination(deployment, bucket, rule) for bucket, _, rule in copying(deployment)}
    for bucket in deployment.every(BUCKET):
        if (name_of(bucket) in called or ends.get(bucket.name) is bucket) and bucket.at("VersioningConfiguration", "Status") != "Enabled":
            yield Breach.at(bucket, "VersioningConfiguration.Status", "a bucket that is copied keeps no versions", "enable versions")


def powerless_copying(deployment: Deployment, _: Situation) -> Found:
    """Roles that copy and may not read, decrypt, write or encrypt."""
    for bucket, place, rule in copying(deployment):
        role = deployment.target(bucket, bucket.at("ReplicationConfiguration", "Role"))
        if role is None:
            yield Breach.at(bucket, "ReplicationConfiguration.Role", "the role that copies does not exist", "create it beside the bucket")
            continue
        held = grants(deployment, role)
        there = destination(deployment, bucket, rule).replace(deployment.other(bucket.region), "{there}").replace(bucket.region, "{here}")
        needs = {"s3:GetObjectVersionForReplication": "", "s3:ReplicateObject": there, "kms:Decrypt": "", "kms:Encrypt": "{there}"}
        for action, on in needs.items():
            if action.startswith("kms:") and not _is_encrypted(bucket):
                continue
            if not any(each.allows and each.action == action and on in each.resource for each in held):
                path = f"ReplicationConfiguration.Rules.{place}"
                wrong = f"the role that copies lacks {action}{' in the other region' if on else ''}"
                yield Breach.at(bucket, path, wrong, f"allow it to {role.stack}/{role.name}")


def untimed(deployment: Deployment, _: Situation) -> Found:
    """Copies without a promised time, or whose lateness no metric tells."""
    for bucket, place, rule in copying(deployment):
        path, target = f"ReplicationConfiguration.Rules.{place}.Destination", rule.get("Destination", {})
        timed = target.get("ReplicationTime", {})
        if timed.get("Status") != "Enabled" or int(timed.get("Time", {}).get("Minutes", MINUTES + 1)) > MINUTES:
            yield Breach.at(bucket, f"{path}.ReplicationTime", "copies have no time", f"enable it, with {MINUTES} minutes")
        if target.get("Metrics", {}).get("Status") != "Enabled":
            yield Breach.at(bucket, f"{path}.Metrics", "no metric tells what is late", "enable metrics")


_B, _W = Severity.BLOCKS, Severity.WARNS
RULES = (
    Rule("bucket-copy", "Backed-up and locked buckets of the primary are copied to the secondary", _B, (BUCKET,), uncopied, needed=True),
    Rule("bucket-copy-back", "What the secondary writes while it leads is copied back", _W, (BUCKET,), copied_one_way),
    Rule("bucket-copy-target", "Copies are of everything, and end in a bucket and under a key that exist", _B, (BUCKET,), lost_copies),
    Rule("bucket-versions", "Both ends of a copy keep versions", _B, (BUCKET,), unversioned),
    Rule("bucket-copy-role", "The role that copies may read, decrypt, write and encrypt", _B, (BUCKET,), powerless_copying),
    Rule("bucket-copy-time", f"Copies take at most {MINUTES} minutes, and a metric tells", _W, (BUCKET,), untimed),
)
