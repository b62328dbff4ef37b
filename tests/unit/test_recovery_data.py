"""Data that a switch needs: each rule is content with the small deployment and finds its defect, and no other rule takes it for its own."""

from __future__ import annotations

import pytest

from daymark.recovery.models import Severity, Verdict
from daymark.recovery.rules import backups, buckets, keys, retention, tables
from tests.plan_world import ACCOUNT, EAST, WEST, Planted, attribute, good, judged, replica

TABLE, BUCKET, KEY = "DynamoDB::GlobalTable", "S3::Bucket", "KMS::Key"
COPY = "Properties/ReplicationConfiguration/Rules/0"
RULE = "Properties/BackupPlan/BackupPlanRule/0"
FENCE_ARN = f"arn:aws:dynamodb:{WEST}:{ACCOUNT}:table/book-fence"

CASES = [
    Planted("table-replica", EAST, TABLE, "Book", "Properties/Replicas", [replica(EAST, EAST)]),
    Planted("table-replica-protected", EAST, TABLE, "Book", "Properties/Replicas/1/PointInTimeRecoverySpecification"),
    Planted("table-replica-protected", EAST, TABLE, "Book", "Properties/Replicas/1/DeletionProtectionEnabled", False),
    Planted("table-replica-key", EAST, TABLE, "Book", "Properties/Replicas/1/SSESpecification/KMSMasterKeyId", attribute("Key")),
    Planted("table-replica-key", EAST, TABLE, "Book", "Properties/Replicas/1/SSESpecification"),
    Planted(
        "table-replica-key",
        EAST,
        TABLE,
        "Book",
        "Properties/Replicas/1/SSESpecification/KMSMasterKeyId",
        f"arn:aws:kms:{WEST}:{ACCOUNT}:alias/no",
    ),
    Planted(
        "table-replica-key",
        EAST,
        TABLE,
        "Book",
        "Properties/Replicas/1/SSESpecification/KMSMasterKeyId",
        f"arn:aws:kms:{EAST}:{ACCOUNT}:key/1",
    ),
    Planted("fence-consistency", EAST, TABLE, "Fence", "Properties/GlobalTableWitnesses"),
    Planted("fence-consistency", EAST, TABLE, "Fence", "Properties/GlobalTableWitnesses", [{"Region": WEST}]),
    Planted("fence-consistency", EAST, TABLE, "Fence", "Properties/TimeToLiveSpecification", {"Enabled": True}),
    Planted("bucket-copy", EAST, BUCKET, "Files", "Properties/ReplicationConfiguration"),
    Planted("bucket-copy-back", WEST, BUCKET, "Files", "Properties/ReplicationConfiguration"),
    Planted("bucket-copy-target", EAST, BUCKET, "Files", f"{COPY}/Status", "Disabled"),
    Planted("bucket-copy-target", EAST, BUCKET, "Files", f"{COPY}/Filter/Prefix", "reports/"),
    Planted("bucket-copy-target", EAST, BUCKET, "Files", f"{COPY}/SourceSelectionCriteria"),
    Planted("bucket-versions", WEST, BUCKET, "Files", "Properties/VersioningConfiguration/Status", "Suspended"),
    Planted("bucket-copy-time", EAST, BUCKET, "Files", f"{COPY}/Destination/ReplicationTime/Time/Minutes", 16),
    Planted("bucket-copy-time", EAST, BUCKET, "Files", f"{COPY}/Destination/Metrics"),
    Planted("key-replica", WEST, "KMS::ReplicaKey", "Directory"),
    Planted("key-policy", WEST, KEY, "Key", "Properties/KeyPolicy/Statement/1/Principal/Service", f"logs.{EAST}.amazonaws.com"),
    Planted("key-policy", WEST, "KMS::ReplicaKey", "Directory", "Properties/KeyPolicy/Statement", []),
    Planted("key-rotation", EAST, KEY, "Key", "Properties/EnableKeyRotation", False),
    Planted("data-retained", WEST, BUCKET, "Files", "DeletionPolicy", "Delete"),
    Planted("data-retained", EAST, "Kinesis::Stream", "Stream", "UpdateReplacePolicy"),
    Planted("backup-copy", EAST, "Backup::BackupPlan", "Saving", f"{RULE}/CopyActions"),
    Planted(
        "backup-copy",
        EAST,
        "Backup::BackupPlan",
        "Saving",
        f"{RULE}/CopyActions/0/DestinationBackupVaultArn",
        f"arn:aws:backup:{WEST}:{ACCOUNT}:backup-vault:elsewhere",
    ),
    Planted("backup-lock", WEST, "Backup::BackupVault", "Vault", "Properties/LockConfiguration"),
    Planted("backup-lock", EAST, "Backup::BackupPlan", "Saving", f"{RULE}/Lifecycle/DeleteAfterDays", 41),
    Planted("backup-lock", EAST, "Backup::BackupPlan", "Saving", f"{RULE}/Lifecycle/DeleteAfterDays", 6),
    Planted("backup-selection", WEST, "Backup::BackupSelection", "Selection", "Properties/BackupSelection/Resources/1"),
]


def test_the_small_deployment_breaks_nothing() -> None:
    evaluation = judged(good())
    assert evaluation.findings == ()
    # What is left is in no template: whether the users' replica was activated, and which check an id belongs to.
    assert {result.rule.id for result in evaluation.results if result.verdict is not Verdict.KEPT} == {"users", "health-check-alarm"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_planted_defect_is_found_by_its_rule_alone(case: Planted) -> None:
    findings = judged(case.into(good())).findings
    assert {each.rule for each in findings} == {case.rule}
    assert all(each.wrong and each.mend for each in findings)


def test_every_rule_has_a_defect() -> None:
    rules = {rule.id for module in (tables, buckets, keys, retention, backups) for rule in module.RULES}
    # The others are planted below: their defects break more than one rule, or are no property.
    assert rules - {case.rule for case in CASES} == {"bucket-copy-role", "backup-fence", "stack-protected", "key-missing"}


def rules_of(templates: dict) -> set[str]:
    return {each.rule for each in judged(templates).findings}


def test_a_fence_that_follows_is_found_and_then_its_lag_is_watched_by_nobody() -> None:
    weak = Planted("fence-consistency", EAST, TABLE, "Fence", "Properties/MultiRegionConsistency", "EVENTUAL")
    assert rules_of(weak.into(good())) == {"fence-consistency", "alarm-late-replicas"}


def test_a_deployment_without_a_fence_is_found() -> None:
    without = Planted("fence-consistency", EAST, TABLE, "Fence", "Properties/TableName", "book-claims").into(good())
    assert "fence-consistency" in rules_of(without)


def test_each_right_of_the_role_that_copies_is_needed() -> None:
    # Of its four statements each is taken away once.
    for place in range(4):
        path = f"Properties/PolicyDocument/Statement/{place}"
        case = Planted("bucket-copy-role", EAST, "IAM::Policy", "CopiesPolicy", path)
        assert {"bucket-copy-role"} <= rules_of(case.into(good())) <= {"bucket-copy-role", "role-rights"}, place


def test_a_copy_to_a_bucket_that_is_not_there_is_found() -> None:
    path = f"{COPY}/Destination/Bucket"
    found = judged(Planted("", EAST, BUCKET, "Files", path, f"arn:aws:s3:::files-{EAST}").into(good())).findings
    assert {"bucket-copy-target", "bucket-copy-role"} == {each.rule for each in found}
    key = f"{COPY}/Destination/EncryptionConfiguration/ReplicaKmsKeyID"
    assert rules_of(Planted("", EAST, BUCKET, "Files", key, f"arn:aws:kms:{EAST}:{ACCOUNT}:alias/data").into(good())) == {
        "bucket-copy-target"
    }


def test_a_locked_bucket_is_copied_though_nobody_backs_it_up() -> None:
    lonely = Planted("", EAST, BUCKET, "Files", "Properties/ReplicationConfiguration").into(good())
    for region in (EAST, WEST):
        del lonely[region, "Backups"]["Resources"]["Selection"]["Properties"]["BackupSelection"]["Resources"][1]
    assert "bucket-copy" not in rules_of(lonely)
    lonely[EAST, "Data"]["Resources"]["Files"]["Properties"]["ObjectLockEnabled"] = True
    assert "bucket-copy" in rules_of(lonely)


def test_a_fence_in_a_backup_is_found_in_the_region_that_has_it() -> None:
    for region, arn in ((EAST, {"Fn::ImportValue": "data:FenceArn"}), (WEST, FENCE_ARN)):
        templates = good()
        templates[region, "Backups"]["Resources"]["Selection"]["Properties"]["BackupSelection"]["Resources"].append(arn)
        found = judged(templates).findings
        assert {(each.rule, each.region) for each in found if each.rule == "backup-fence"} == {("backup-fence", region)}


def test_a_table_that_both_regions_declare_with_a_replica_in_the_other_is_found() -> None:
    twice = Planted("", EAST, TABLE, "Tickets", "Properties/Replicas", [replica(EAST, EAST), replica(WEST, EAST)])
    assert rules_of(twice.into(good())) == {"table-replica", "alarm-late-replicas"}


def test_an_alias_that_only_the_primary_has_is_found_by_what_names_it_too() -> None:
    other = Planted("", WEST, "KMS::Alias", "Alias", "Properties/AliasName", "alias/other")
    assert rules_of(other.into(good())) == {"key-missing", "table-replica-key"}


def test_a_region_without_a_key_or_a_backup_plan_is_found() -> None:
    assert ("key-missing", WEST) in {(each.rule, each.region) for each in judged(Planted("", WEST, KEY, "Key").into(good())).findings}
    # The directory's replica is not taken for the key that is missing.
    assert "key-policy" not in rules_of(Planted("", WEST, KEY, "Key").into(good()))
    found = judged(Planted("", WEST, "Backup::BackupPlan", "Saving").into(good())).findings
    assert ("backup-copy", WEST) in {(each.rule, each.region) for each in found}


def test_a_key_that_admits_the_account_under_a_condition_does_not_admit_it() -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Data"]["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"][0]["Condition"] = {"Bool": {"x": "true"}}
    assert {(each.rule, each.region) for each in judged(templates).findings} == {("key-policy", EAST), ("key-policy", WEST)}


def test_termination_protection_is_unknown_without_a_manifest() -> None:
    by_rule = {result.rule.id: result for result in judged(good(), protected=None).results}
    assert by_rule["stack-protected"].verdict is Verdict.NOT_EVALUATED
    (finding,) = judged(good(), protected=frozenset(PROTECTED_BUT_ONE)).findings
    assert (finding.rule, finding.region, finding.stack, finding.severity) == ("stack-protected", WEST, "Data", Severity.WARNS)


PROTECTED_BUT_ONE = [(EAST, "Data"), *((region, stack) for region in (EAST, WEST) for stack in ("Entry", "Backups"))]


def test_the_limits_themselves_are_kept() -> None:
    for path, value in ((f"{RULE}/Lifecycle/DeleteAfterDays", 40), (f"{RULE}/Lifecycle/DeleteAfterDays", 7)):
        assert rules_of(Planted("", EAST, "Backup::BackupPlan", "Saving", path, value).into(good())) == set()
    minutes = f"{COPY}/Destination/ReplicationTime/Time/Minutes"
    assert rules_of(Planted("", EAST, BUCKET, "Files", minutes, 15).into(good())) == set()


def without(region: str, kind: str, name: str) -> dict:
    return Planted("", region, kind, name).into(good())


@pytest.mark.parametrize("scope", [{"TagFilter": {"Key": "a", "Value": "b"}}, {"And": {"Prefix": "", "TagFilters": []}}])
def test_a_copy_of_part_of_a_bucket_is_found_however_the_part_is_said(scope: dict) -> None:
    assert rules_of(Planted("", EAST, BUCKET, "Files", f"{COPY}/Filter", scope).into(good())) == {"bucket-copy-target"}
    assert rules_of(Planted("", EAST, BUCKET, "Files", f"{COPY}/Prefix", "reports/").into(good())) == {"bucket-copy-target"}


def test_a_bucket_that_is_not_encrypted_needs_no_key_on_the_way() -> None:
    templates = good()
    for region in (EAST, WEST):
        resources = templates[region, "Data"]["Resources"]
        del resources["Files"]["Properties"]["BucketEncryption"]
        rule = resources["Files"]["Properties"]["ReplicationConfiguration"]["Rules"][0]
        del rule["SourceSelectionCriteria"], rule["Destination"]["EncryptionConfiguration"]
        statements = resources["CopiesPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        statements[:] = [each for each in statements if not each["Action"][0].startswith("kms:")]
    assert rules_of(templates) == set()
    # Its own region's key, or none, is of no use there once it is.
    for key in (attribute("Key"), None):
        path = f"{COPY}/Destination/EncryptionConfiguration/ReplicaKmsKeyID"
        assert rules_of(Planted("", EAST, BUCKET, "Files", path, key).into(good())) == {"bucket-copy-target"}


def test_both_ends_of_one_copy_keep_versions_and_other_buckets_need_none() -> None:
    templates = Planted("", WEST, BUCKET, "Files", "Properties/ReplicationConfiguration").into(good())
    for region in (EAST, WEST):
        end = Planted("", region, BUCKET, "Files", "Properties/VersioningConfiguration/Status", "Suspended").into(templates)
        found = {(each.rule, each.region) for each in judged(end).findings}
        assert found == {("bucket-copy-back", WEST), ("bucket-versions", region)}
    for region in (EAST, WEST):
        kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
        templates[region, "Data"]["Resources"]["Other"] = {"Type": "AWS::S3::Bucket", "Properties": {}} | kept
    assert rules_of(templates) == {"bucket-copy-back"}


def test_a_copying_role_that_does_not_exist_is_found() -> None:
    assert "bucket-copy-role" in rules_of(without(EAST, "IAM::Role", "Copies"))


def test_a_copy_in_the_own_vault_is_none_and_what_is_kept_for_ever_is_refused_by_a_lock_with_an_end() -> None:
    own = f"arn:aws:backup:{EAST}:{ACCOUNT}:backup-vault:vault"
    path = f"{RULE}/CopyActions/0/DestinationBackupVaultArn"
    assert rules_of(Planted("", EAST, "Backup::BackupPlan", "Saving", path, own).into(good())) == {"backup-copy"}
    endless = Planted("", EAST, "Backup::BackupPlan", "Saving", f"{RULE}/Lifecycle").into(good())
    assert rules_of(endless) == {"backup-lock"}
    for region in (EAST, WEST):
        del endless[region, "Backups"]["Resources"]["Vault"]["Properties"]["LockConfiguration"]["MaxRetentionDays"]
    assert rules_of(endless) == set()


def test_a_selection_of_one_region_alone_is_missed_in_the_secondary() -> None:
    found = judged(without(WEST, "Backup::BackupSelection", "Selection")).findings
    assert {(each.rule, each.region) for each in found} == {("backup-selection", WEST)}
    assert "backup-selection" not in rules_of(without(EAST, "Backup::BackupSelection", "Selection"))


@pytest.mark.parametrize("change", [{"Effect": "Deny"}, {"Action": "kms:Describe*"}, {"Principal": {"Service": "logs.amazonaws.com"}}])
def test_a_key_that_does_not_admit_the_account_is_found_though_both_are_alike(change: dict) -> None:
    templates = good()
    for region in (EAST, WEST):
        templates[region, "Data"]["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"][0] |= change
    assert {(each.rule, each.region) for each in judged(templates).findings} == {("key-policy", EAST), ("key-policy", WEST)}


def test_a_statement_that_the_standby_lacks_is_found_and_its_name_does_not_matter() -> None:
    statement = "Properties/KeyPolicy/Statement/1"
    assert rules_of(Planted("", WEST, KEY, "Key", statement).into(good())) == {"key-policy"}
    assert rules_of(Planted("", WEST, KEY, "Key", f"{statement}/Sid", "Other").into(good())) == set()
    # A replica has to admit what its primary does, too.
    more = {"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "kms:Decrypt", "Resource": "*"}
    templates = good()
    templates[EAST, "Data"]["Resources"]["Directory"]["Properties"]["KeyPolicy"]["Statement"].append(more)
    assert {(each.rule, each.resource) for each in judged(templates).findings} == {("key-policy", "Directory")}


def test_keys_that_name_each_others_services_are_found() -> None:
    templates = good()
    for region, other in ((EAST, WEST), (WEST, EAST)):
        service = {"Service": f"logs.{other}.amazonaws.com"}
        templates[region, "Data"]["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"][1]["Principal"] = service
    assert {(each.rule, each.region) for each in judged(templates).findings} == {("key-policy", EAST), ("key-policy", WEST)}


def test_a_replica_is_one_of_the_same_stacks_key_in_the_primary_region() -> None:
    elsewhere = good()
    resources = elsewhere[WEST, "Data"]["Resources"]
    elsewhere[WEST, "Work"]["Resources"]["Directory"] = resources.pop("Directory")
    assert rules_of(elsewhere) == {"key-replica", "stack-protected"}
    arn = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/mrk-1"
    assert rules_of(Planted("", WEST, "KMS::ReplicaKey", "Directory", "Properties/PrimaryKeyArn", arn).into(good())) == {"key-replica"}


@pytest.mark.parametrize(
    ("named", "found"), [("alias/data", False), ("alias/no", True), ("mrk-1", False), (f"arn:aws:kms:{WEST}:{ACCOUNT}:key/1", False)]
)
def test_a_key_may_be_named_by_alias_id_or_arn(named: str, found: bool) -> None:
    path = "Properties/Replicas/1/SSESpecification/KMSMasterKeyId"
    assert rules_of(Planted("", EAST, TABLE, "Book", path, named).into(good())) == ({"table-replica-key"} if found else set())


def test_a_replica_in_a_third_region_is_not_judged_and_aws_own_key_is_in_every_region() -> None:
    templates = good()
    book = templates[EAST, "Data"]["Resources"]["Book"]["Properties"]
    book["Replicas"].append(replica("eu-west-1", EAST))
    assert rules_of(templates) == set()
    book["SSESpecification"] = {"SSEEnabled": True}
    del book["Replicas"][1]["SSESpecification"]
    assert rules_of(templates) == set()


def test_a_table_without_a_replica_in_its_own_region_is_found() -> None:
    assert "table-replica" in rules_of(Planted("", EAST, TABLE, "Book", "Properties/Replicas/0").into(good()))


def test_what_neither_region_copies_is_not_asked_to_be_copied_back() -> None:
    templates = good()
    for region in (EAST, WEST):
        del templates[region, "Data"]["Resources"]["Files"]["Properties"]["ReplicationConfiguration"]
    assert rules_of(templates) == {"bucket-copy"}
