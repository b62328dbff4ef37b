"""Recovery: backups nobody can delete, copies in the other region, and faults that stop at our own alarms."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.constructs.faults import Experiment, Faults
from cdk.recovery_settings import RecoverySettings
from daymark.core.errors import InvalidInput
from tests.infra.conftest import Assembly

REGIONS = ("us-east-1", "us-west-2")


def one(assembly: Assembly, kind: str, region: str) -> dict[str, Any]:
    ((_, resource),) = assembly.resources(kind, region)
    return resource["Properties"]


def other(region: str) -> str:
    return ({*REGIONS} - {region}).pop()


def statements(assembly: Assembly, region: str, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for _, policy in assembly.resources("AWS::IAM::Policy", region)
        if policy["Properties"]["Roles"][0]["Ref"].startswith(role)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize("region", REGIONS)
def test_the_vault_is_locked_and_a_mistake_can_be_undone_for_a_fortnight(cloud: Assembly, region: str) -> None:
    vault = one(cloud, "AWS::Backup::BackupVault", region)

    assert vault["BackupVaultName"] == "daymark"
    # 2557 days: seven years of which two are leap years.
    assert vault["LockConfiguration"] == {"MinRetentionDays": 7, "MaxRetentionDays": 2557, "ChangeableForDays": 14}
    assert "DataKey" in json.dumps(vault["EncryptionKeyArn"])


@pytest.mark.parametrize("region", REGIONS)
def test_each_backup_is_within_the_lock_and_copied_to_the_other_regions_vault(cloud: Assembly, region: str) -> None:
    lock = one(cloud, "AWS::Backup::BackupVault", region)["LockConfiguration"]
    rules = {rule["RuleName"]: rule for rule in one(cloud, "AWS::Backup::BackupPlan", region)["BackupPlan"]["BackupPlanRule"]}

    assert {name: rule["Lifecycle"]["DeleteAfterDays"] for name, rule in rules.items()} == {"daily": 35, "monthly": 2557}
    for rule in rules.values():
        assert lock["MinRetentionDays"] <= rule["Lifecycle"]["DeleteAfterDays"] <= lock["MaxRetentionDays"]
        (copy,) = rule["CopyActions"]
        assert copy["DestinationBackupVaultArn"] == f"arn:aws:backup:{other(region)}:111122223333:backup-vault:daymark"
        assert copy["Lifecycle"] == rule["Lifecycle"]
        assert rule["ScheduleExpressionTimezone"] == "America/New_York"
    # Post-market starts at 18:00 on a full day and has to be over.
    assert rules["daily"]["ScheduleExpression"] == "cron(0 21 ? * MON-FRI *)"


@pytest.mark.parametrize("region", REGIONS)
def test_what_a_restore_needs_is_backed_up_and_the_fence_is_not(cloud: Assembly, region: str) -> None:
    selected = json.dumps(one(cloud, "AWS::Backup::BackupSelection", region)["BackupSelection"]["Resources"])

    for wanted in ("Audit", "Book", "Operations", "Documents", "Prices"):
        # Imported from the data stack where the table is created, named where it is a replica.
        assert wanted in selected or f"table/daymark-{wanted.lower()}" in selected, wanted
    assert "fence" not in selected.lower() and "connections" not in selected.lower()


@pytest.mark.parametrize("name", ["Prices", "Documents", "Seals"])
def test_what_the_day_left_for_good_is_copied_within_fifteen_minutes(cloud: Assembly, name: str) -> None:
    (bucket,) = [body["Properties"] for (_, _, found), body in cloud.resources("AWS::S3::Bucket", "us-east-1") if found.startswith(name)]
    (rule,) = bucket["ReplicationConfiguration"]["Rules"]

    assert bucket["BucketName"] == f"daymark-{name.lower()}-111122223333-us-east-1"
    assert rule["Status"] == "Enabled" and rule["Filter"] == {"Prefix": ""}
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    there = rule["Destination"]
    assert there["Bucket"] == f"arn:aws:s3:::daymark-{name.lower()}-111122223333-us-west-2"
    assert there["EncryptionConfiguration"] == {"ReplicaKmsKeyID": "arn:aws:kms:us-west-2:111122223333:alias/daymark-data"}
    assert there["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
    assert there["Metrics"]["Status"] == "Enabled"


def test_each_destination_exists_versioned_and_locked_as_its_source(cloud: Assembly) -> None:
    west = {body["Properties"].get("BucketName"): body["Properties"] for _, body in cloud.resources("AWS::S3::Bucket", "us-west-2")}
    sources = [
        body["Properties"]
        for _, body in cloud.resources("AWS::S3::Bucket", "us-east-1")
        if "ReplicationConfiguration" in body["Properties"]
    ]

    assert len(sources) == 3
    for source in sources:
        destination = west[source["ReplicationConfiguration"]["Rules"][0]["Destination"]["Bucket"].removeprefix("arn:aws:s3:::")]
        assert destination["VersioningConfiguration"] == {"Status": "Enabled"}
        assert destination.get("ObjectLockConfiguration") == source.get("ObjectLockConfiguration")
        # The first deployment of the secondary comes before the primary's buckets exist.
        assert "ReplicationConfiguration" not in destination


def test_the_copying_role_reads_here_writes_there_and_deletes_nowhere(cloud: Assembly) -> None:
    held = statements(cloud, "us-east-1", "CopiesRole")
    actions = {action for each in held for action in (each["Action"] if isinstance(each["Action"], list) else [each["Action"]])}

    assert not [action for action in actions if "Delete" in action or "*" in action or "PutObject" in action]
    assert {"s3:GetObjectRetention", "s3:GetObjectLegalHold", "s3:ReplicateObject"} <= actions
    for each in held:
        if "s3:ReplicateObject" in each["Action"]:
            resources = each["Resource"] if isinstance(each["Resource"], list) else [each["Resource"]]
            assert all(resource.endswith("-us-west-2/*") for resource in resources)
        if "kms:Encrypt" in each["Action"]:
            assert each["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": "alias/daymark-data"}
            assert each["Condition"]["StringEquals"] == {"kms:ViaService": "s3.us-west-2.amazonaws.com"}


@pytest.mark.parametrize("region", REGIONS)
def test_every_experiment_is_stopped_by_alarms_that_exist(cloud: Assembly, region: str) -> None:
    existing = {body["Properties"]["AlarmName"] for _, body in cloud.resources("AWS::CloudWatch::Alarm", region)}
    found = [body["Properties"] for _, body in cloud.resources("AWS::FIS::ExperimentTemplate", region)]

    assert len(found) == 5
    for template in found:
        stops = template["StopConditions"]
        assert 1 <= len(stops) <= 5
        for stop in stops:
            assert stop["Source"] == "aws:cloudwatch:alarm"
            arn, _, name = stop["Value"].rpartition(":")
            assert arn == f"arn:aws:cloudwatch:{region}:111122223333:alarm"
            assert name in existing
        assert template["LogConfiguration"]["CloudWatchLogsConfiguration"]
        assert template["ExperimentOptions"]["EmptyTargetResolutionMode"] == "fail"
        (action,) = template["Actions"].values()
        assert action["Parameters"]["duration"] in ("PT10M", "PT15M")
        assert set(action["Targets"].values()) == set(template["Targets"])


@pytest.mark.parametrize("region", REGIONS)
def test_each_experiments_role_can_inject_its_own_fault_alone(cloud: Assembly, region: str) -> None:
    templates = {name: body["Properties"] for (_, _, name), body in cloud.resources("AWS::FIS::ExperimentTemplate", region)}
    roles = [template["RoleArn"]["Fn::GetAtt"][0] for template in templates.values()]

    assert len(set(roles)) == len(templates)
    for template in templates.values():
        (action,) = template["Actions"].values()
        held = statements(cloud, region, template["RoleArn"]["Fn::GetAtt"][0])
        actions = {name for each in held for name in (each["Action"] if isinstance(each["Action"], list) else [each["Action"]])}
        service = action["ActionId"].split(":")[1]
        assert {name.split(":")[0] for name in actions} <= {service, "logs", "tag"}
        for each in held:
            if each["Resource"] == "*":
                assert {name.split(":")[0] for name in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])} <= {
                    "logs",
                    "tag",
                }


def test_an_experiment_that_nothing_stops_is_refused() -> None:
    loose = Experiment("Loose", "all is well", "aws:fis:wait", "Nothing", "none", (), {}, ())
    with pytest.raises(ValueError, match="alarms must stop it"):
        Faults.plan(object.__new__(Faults), loose)


def test_retention_that_the_locked_vault_would_refuse_is_refused_before() -> None:
    for context, field in (
        ({"backup_days": "3"}, "backup_days"),
        ({"backup_archive_days": "5000"}, "backup_archive_days"),
        ({"vault_least_days": "40"}, "backup_days"),
        # AWS takes no lock that is final in under three days.
        ({"vault_changeable_days": "2"}, "vault_changeable_days"),
        ({"vault_changeable_days": "many"}, "vault_changeable_days"),
        ({"copy_back": "perhaps"}, "copy_back"),
    ):
        with pytest.raises(InvalidInput) as refused:
            RecoverySettings.read(context.get)
        assert refused.value.field == field


def test_what_is_said_is_taken() -> None:
    said = {"backup_days": "60", "vault_least_days": "30", "vault_changeable_days": "3", "copy_back": "true"}
    settings = RecoverySettings.read(said.get)

    assert (settings.backup_days, settings.vault_least_days, settings.vault_changeable_days) == (60, 30, 3)
    assert settings.copy_back is True


def test_one_machine_has_nothing_of_this(local: Assembly) -> None:
    for kind in ("AWS::Backup::BackupVault", "AWS::FIS::ExperimentTemplate"):
        assert not list(local.resources(kind))
    assert not [where for where, body in local.resources("AWS::S3::Bucket") if "ReplicationConfiguration" in body["Properties"]]
