"""Data at rest: encrypted under our keys, recoverable, protected, never deleted with a stack."""

from __future__ import annotations

import json
from typing import Any

import pytest

REGIONS = ("us-east-1", "us-west-2")


def properties(assembly: Any, kind: str, region: str | None = None) -> list[dict[str, Any]]:
    return [resource["Properties"] for _, resource in assembly.resources(kind, region)]


def test_tables_stand_once_and_replicate_to_the_other_region(cloud):
    tables = {table["TableName"]: table for table in properties(cloud, "AWS::DynamoDB::GlobalTable", "us-east-1")}

    assert set(tables) == {"daymark-book", "daymark-operations", "daymark-fence", "daymark-audit", "daymark-connections", "daymark-rates"}
    for name in set(tables) - {"daymark-connections", "daymark-rates"}:
        assert sorted(replica["Region"] for replica in tables[name]["Replicas"]) == sorted(REGIONS)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", ["daymark-connections", "daymark-rates"])
def test_connections_and_rates_are_each_regions_own_and_protected_as_the_rest(cloud, region, name):
    (table,) = [each for each in properties(cloud, "AWS::DynamoDB::GlobalTable", region) if each["TableName"] == name]
    (replica,) = table["Replicas"]

    assert replica["Region"] == region
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert replica["SSESpecification"]["KMSMasterKeyId"]
    assert replica["DeletionProtectionEnabled"] is True
    assert len(properties(cloud, "AWS::DynamoDB::GlobalTable", "us-west-2")) == 2


@pytest.mark.parametrize("name", ["daymark-book", "daymark-operations", "daymark-fence", "daymark-audit"])
def test_every_replica_is_encrypted_recoverable_and_protected(cloud, name):
    (table,) = [table for table in properties(cloud, "AWS::DynamoDB::GlobalTable") if table["TableName"] == name]

    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    for replica in table["Replicas"]:
        assert replica["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
        assert replica["DeletionProtectionEnabled"] is True
        assert replica["SSESpecification"]["KMSMasterKeyId"]
    (west,) = [replica for replica in table["Replicas"] if replica["Region"] == "us-west-2"]
    assert west["SSESpecification"]["KMSMasterKeyId"] == "arn:aws:kms:us-west-2:111122223333:alias/daymark-data"


def test_only_the_fence_is_strongly_consistent_with_a_witness(cloud):
    tables = {table["TableName"]: table for table in properties(cloud, "AWS::DynamoDB::GlobalTable")}

    assert tables["daymark-fence"]["MultiRegionConsistency"] == "STRONG"
    assert tables["daymark-fence"]["GlobalTableWitnesses"] == [{"Region": "us-east-2"}]
    assert tables["daymark-fence"]["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    for name in ("daymark-book", "daymark-operations", "daymark-audit"):
        assert "MultiRegionConsistency" not in tables[name]
        assert [key["AttributeName"] for key in tables[name]["KeySchema"]] == ["pk", "sk"]


def test_only_idempotency_keys_connections_and_rates_expire(cloud):
    expiring = {
        table["TableName"]: table["TimeToLiveSpecification"]
        for table in properties(cloud, "AWS::DynamoDB::GlobalTable")
        if "TimeToLiveSpecification" in table
    }

    by_age = {"AttributeName": "expires_at", "Enabled": True}
    assert expiring == {"daymark-operations": by_age, "daymark-connections": by_age, "daymark-rates": by_age}


def test_every_region_has_the_alias_that_the_replicas_name(cloud):
    for region in REGIONS:
        aliases = [alias["AliasName"] for alias in properties(cloud, "AWS::KMS::Alias", region)]
        assert aliases == ["alias/daymark-data"]


def test_keys_rotate_and_nobody_but_the_account_administers_them(cloud):
    keys = properties(cloud, "AWS::KMS::Key")

    # Data, logs and users.
    assert len(keys) == 3 * len(REGIONS)
    for key in keys:
        assert key["EnableKeyRotation"] is True
        administrators = [statement["Principal"] for statement in key["KeyPolicy"]["Statement"] if "kms:*" in statement["Action"]]
        assert administrators == [{"AWS": "arn:aws:iam::111122223333:root"}]


def test_buckets_are_private_versioned_and_take_tls_only(cloud):
    buckets = dict(cloud.resources("AWS::S3::Bucket"))
    refused = {}
    for (region, _, _), policy in cloud.resources("AWS::S3::BucketPolicy"):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Deny":
                refused.setdefault((region, policy["Properties"]["Bucket"]["Ref"]), []).append(statement.get("Condition"))

    assert len(buckets) == 6 * len(REGIONS)
    for (region, _, name), bucket in buckets.items():
        body = bucket["Properties"]
        assert set(body["PublicAccessBlockConfiguration"].values()) == {True}
        assert body["VersioningConfiguration"] == {"Status": "Enabled"}
        assert body["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refused[region, name]
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in refused[region, name]


def test_all_data_is_under_our_key_and_logged(cloud):
    for (_, _, name), bucket in cloud.resources("AWS::S3::Bucket"):
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        if name.startswith("Logs"):
            assert algorithm == "AES256"
        else:
            assert algorithm == "aws:kms"
            assert bucket["Properties"]["LoggingConfiguration"]["LogFilePrefix"] in ("prices/", "documents/", "seals/", "ticks/", "live/")


@pytest.mark.parametrize("region", REGIONS)
def test_seals_are_locked_for_seven_years_from_their_first_moment(cloud, region):
    locked = {
        name: body["Properties"]
        for (_, _, name), body in cloud.resources("AWS::S3::Bucket", region)
        if "ObjectLockEnabled" in body["Properties"]
    }

    ((name, bucket),) = locked.items()
    assert name.startswith("Seals")
    assert bucket["ObjectLockEnabled"] is True
    # 2557 days: seven years of which two are leap years. Compliance: the account's own administrators cannot shorten it either.
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 2557}}}
    assert bucket["ObjectLockConfiguration"] == lock
    ((_, policy),) = [
        found for found in cloud.resources("AWS::S3::BucketPolicy", region) if found[1]["Properties"]["Bucket"]["Ref"] == name
    ]
    (denied,) = [one for one in policy["Properties"]["PolicyDocument"]["Statement"] if one.get("Sid") == "NobodyUnlocks"]
    assert (denied["Effect"], denied["Principal"]) == ("Deny", {"AWS": "*"}) and "Condition" not in denied
    assert {"s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"} <= set(denied["Action"])
    assert denied["Resource"] == {"Fn::Join": ["", [{"Fn::GetAtt": [name, "Arn"]}, "/*"]]}


@pytest.mark.parametrize("region", REGIONS)
def test_only_the_sealing_function_touches_seals_and_nobody_is_allowed_to_unlock_or_delete(cloud, region):
    reaching, actions = {}, set()
    for _, policy in cloud.resources("AWS::IAM::Policy", region):
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            held = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            actions |= set(held)
            if "GetAttSeals" in json.dumps(statement["Resource"]):
                (role,) = policy["Properties"]["Roles"]
                reaching.setdefault(role["Ref"], []).append((sorted(held), json.dumps(statement["Resource"])))

    ((role, statements),) = reaching.items()
    assert role.startswith("SealAudit")
    # Copying a seal takes its lock along, which is read and never written.
    actions -= {"s3:GetObjectRetention", "s3:GetObjectLegalHold"}
    assert [held for held, _ in statements] == [["s3:GetObject", "s3:PutObject"], ["s3:ListBucket"]]
    assert statements[0][1].endswith('"/seals/*"]]}')
    forbidden = {"Retention", "LegalHold", "Bypass", "DeleteObject", "PutBucket", "ObjectLock"}
    assert not [
        action for action in actions if action == "s3:*" or (action.startswith("s3:") and any(word in action for word in forbidden))
    ]


def test_nothing_stateful_goes_with_its_stack(cloud):
    kinds = (
        "AWS::DynamoDB::GlobalTable",
        "AWS::S3::Bucket",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::Cognito::UserPool",
        "AWS::Kinesis::Stream",
    )
    for kind in kinds:
        found = list(cloud.resources(kind))
        assert found
        for where, resource in found:
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain", where
