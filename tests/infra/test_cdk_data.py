"""Data at rest: encrypted under our keys, recoverable, protected, never deleted with a stack."""

from __future__ import annotations

from typing import Any

import pytest

REGIONS = ("us-east-1", "us-west-2")


def properties(assembly: Any, kind: str, region: str | None = None) -> list[dict[str, Any]]:
    return [resource["Properties"] for _, resource in assembly.resources(kind, region)]


def test_tables_stand_once_and_replicate_to_the_other_region(cloud):
    tables = {table["TableName"]: table for table in properties(cloud, "AWS::DynamoDB::GlobalTable")}

    assert set(tables) == {"daymark-book", "daymark-operations", "daymark-fence", "daymark-audit"}
    assert not properties(cloud, "AWS::DynamoDB::GlobalTable", "us-west-2")
    for table in tables.values():
        assert sorted(replica["Region"] for replica in table["Replicas"]) == sorted(REGIONS)


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


def test_only_the_table_with_idempotency_keys_lets_rows_expire(cloud):
    expiring = {
        table["TableName"]: table["TimeToLiveSpecification"]
        for table in properties(cloud, "AWS::DynamoDB::GlobalTable")
        if "TimeToLiveSpecification" in table
    }

    assert expiring == {"daymark-operations": {"AttributeName": "expires_at", "Enabled": True}}


def test_every_region_has_the_alias_that_the_replicas_name(cloud):
    for region in REGIONS:
        aliases = [alias["AliasName"] for alias in properties(cloud, "AWS::KMS::Alias", region)]
        assert aliases == ["alias/daymark-data"]


def test_keys_rotate_and_nobody_but_the_account_administers_them(cloud):
    keys = properties(cloud, "AWS::KMS::Key")

    assert len(keys) == 2 * len(REGIONS)
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
                refused.setdefault((region, policy["Properties"]["Bucket"]["Ref"]), []).append(statement["Condition"])

    assert len(buckets) == 3 * len(REGIONS)
    for (region, _, name), bucket in buckets.items():
        body = bucket["Properties"]
        assert set(body["PublicAccessBlockConfiguration"].values()) == {True}
        assert body["VersioningConfiguration"] == {"Status": "Enabled"}
        assert body["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refused[region, name]
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in refused[region, name]


def test_prices_and_documents_are_under_our_key_and_logged(cloud):
    for (_, _, name), bucket in cloud.resources("AWS::S3::Bucket"):
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        algorithm = rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"]
        if name.startswith("Logs"):
            assert algorithm == "AES256"
        else:
            assert algorithm == "aws:kms"
            assert bucket["Properties"]["LoggingConfiguration"]["LogFilePrefix"] in ("prices/", "documents/")


def test_nothing_stateful_goes_with_its_stack(cloud):
    kinds = ("AWS::DynamoDB::GlobalTable", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Logs::LogGroup", "AWS::Cognito::UserPool")
    for kind in kinds:
        found = list(cloud.resources(kind))
        assert found
        for where, resource in found:
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain", where


def test_stateful_stacks_cannot_be_terminated(cloud):
    protected = {stack for (_, stack), found in cloud.stacks.items() if found.get("terminationProtection")}

    assert protected == {"Data", "Identity"}
