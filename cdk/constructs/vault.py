"""Backups: one locked vault per region, a plan that fills it every trading day and copies to the other region's vault.

The copy's vault is named by its ARN, so nothing refers to another region's stack. Both regions have the plan: whichever leads is backed
up, and no switch of regions has to make one. AWS Backup's advanced features for DynamoDB, which copies and keys of our own need, are a
setting of the account in the region that no template can make: docs/deploy.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_backup as backup
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.recovery_settings import RecoverySettings

VAULT = "daymark"
TIME_ZONE = "America/New_York"
# After post-market, which ends by 20:00 on a full day: what is backed up is a finished day.
DAILY = "cron(0 21 ? * MON-FRI *)"
MONTHLY = "cron(0 22 1 * ? *)"
_START_MINUTES, _COMPLETE_MINUTES = 60, 480
# AWS's own: what a backup needs of DynamoDB and S3 is theirs to know, and changes with the service.
BACKING_UP = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForS3Backup")
RESTORING = ("AWSBackupServiceRolePolicyForRestores", "AWSBackupServiceRolePolicyForS3Restore")
_OWN_FOLDER = {BACKING_UP[0]: "service-role/", RESTORING[0]: "service-role/"}


def managed_name(policy: str) -> str:
    """The name of one of AWS's policies with its folder; those for S3 are in none."""
    return f"{_OWN_FOLDER.get(policy, '')}{policy}"


class LockedVault(Construct):
    """The vault, locked in compliance mode: when the days to change the lock are over, nobody can delete a backup before its time."""

    def __init__(self, scope: Construct, construct_id: str, key: kms.IKey, recovery: RecoverySettings) -> None:
        super().__init__(scope, construct_id)
        self._recovery = recovery
        self.vault = backup.CfnBackupVault(
            self,
            "Vault",
            backup_vault_name=VAULT,
            encryption_key_arn=key.key_arn,
            lock_configuration=backup.CfnBackupVault.LockConfigurationTypeProperty(
                min_retention_days=recovery.vault_least_days,
                max_retention_days=recovery.vault_most_days,
                changeable_for_days=recovery.vault_changeable_days,
            ),
        )
        self.vault.apply_removal_policy(RemovalPolicy.RETAIN)
        self._backs_up = self._role("BacksUp", BACKING_UP)
        # Made beforehand, so that a restore under pressure waits for no rights.
        self.restores = self._role("Restores", RESTORING)

    def fill(self, resource_arns: Sequence[str], other: str) -> None:
        """Back up resources every trading day and every month, and copy each backup to the other region's vault."""
        there = Stack.of(self).format_arn(
            service="backup", region=other, resource="backup-vault", resource_name=VAULT, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
        plan = backup.CfnBackupPlan(
            self,
            "Plan",
            backup_plan=backup.CfnBackupPlan.BackupPlanResourceTypeProperty(
                backup_plan_name="daymark",
                backup_plan_rule=[
                    self._rule("daily", DAILY, self._recovery.backup_days, there),
                    self._rule("monthly", MONTHLY, self._recovery.backup_archive_days, there),
                ],
            ),
        )
        backup.CfnBackupSelection(
            self,
            "Selection",
            backup_plan_id=plan.ref,
            backup_selection=backup.CfnBackupSelection.BackupSelectionResourceTypeProperty(
                selection_name="daymark", iam_role_arn=self._backs_up.role_arn, resources=list(resource_arns)
            ),
        )

    def _rule(self, name: str, cron: str, days: int, there: str) -> backup.CfnBackupPlan.BackupRuleResourceTypeProperty:
        kept = backup.CfnBackupPlan.LifecycleResourceTypeProperty(delete_after_days=days)
        return backup.CfnBackupPlan.BackupRuleResourceTypeProperty(
            rule_name=name,
            target_backup_vault=self.vault.ref,
            schedule_expression=cron,
            schedule_expression_timezone=TIME_ZONE,
            start_window_minutes=_START_MINUTES,
            completion_window_minutes=_COMPLETE_MINUTES,
            lifecycle=kept,
            copy_actions=[backup.CfnBackupPlan.CopyActionResourceTypeProperty(destination_backup_vault_arn=there, lifecycle=kept)],
        )

    def _role(self, construct_id: str, policies: Sequence[str]) -> iam.Role:
        account = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        return iam.Role(
            self,
            construct_id,
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com", conditions=account),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(managed_name(policy)) for policy in policies],
        )
