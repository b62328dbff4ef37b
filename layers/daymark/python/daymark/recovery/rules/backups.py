"""Rule: each region's backups are copied to a vault that is there in the other region, whose lock takes them, and hold no fence.

Both regions back up the same: whichever leads is covered, and no switch has to make a plan. An older fence would let old epochs claim
again, so it is never among what a restore brings back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.rules.tables import FENCE
from daymark.recovery.templates import Deployment, Resource, listed

PLAN, VAULT, SELECTION = "AWS::Backup::BackupPlan", "AWS::Backup::BackupVault", "AWS::Backup::BackupSelection"
Found = Iterator[Breach | Unknown]


def _rules(plan: Resource) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for place, rule in enumerate(plan.rows("BackupPlan", "BackupPlanRule")):
        yield f"BackupPlan.BackupPlanRule.{place}", rule


def _vault(deployment: Deployment, region: str, name: str) -> Resource | None:
    return next((each for each in deployment.every(VAULT, region=region) if each.at("BackupVaultName") == name), None)


def _copies(deployment: Deployment, plan: Resource, rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Region and name of each vault that a rule copies to."""
    for copy in listed(rule.get("CopyActions")):
        arn = deployment.text(plan, copy.get("DestinationBackupVaultArn"))
        yield (arn.split(":") + [""] * 4)[3], arn.rpartition(":")[2]


def uncopied(deployment: Deployment, _: Situation) -> Found:
    """Backups that the other region does not have."""
    for plan in deployment.every(PLAN):
        there = deployment.other(plan.region)
        for path, rule in _rules(plan):
            names = [name for region, name in _copies(deployment, plan, rule) if region == there]
            if not names:
                wrong = f"backups of {rule.get('RuleName')} are not copied to {there}"
                yield Breach.at(plan, f"{path}.CopyActions", wrong, f"copy them to the vault of {there}")
            for name in names:
                if _vault(deployment, there, name) is None:
                    wrong = f"{there} has no vault called {name}: every copy fails"
                    yield Breach.at(plan, f"{path}.CopyActions", wrong, f"create the vault in {there}, or name one that is there")
    for region in deployment.regions:
        if not any(deployment.every(PLAN, region=region)):
            yield Breach(region, "", "", "", "nothing is backed up in this region", "declare the backup plan in both regions")


def unlocked(deployment: Deployment, _: Situation) -> Found:
    """Vaults that somebody can empty, and rules whose retention a lock refuses."""
    for vault in deployment.every(VAULT):
        if not vault.at("LockConfiguration", "MinRetentionDays"):
            yield Breach.at(vault, "LockConfiguration", "whoever breaks in can delete the backups too", "lock the vault in both regions")
    for plan in deployment.every(PLAN):
        for path, rule in _rules(plan):
            # Without an end it is kept for ever, which a lock with a longest retention refuses too.
            days = rule.get("Lifecycle", {}).get("DeleteAfterDays", inf)
            target = deployment.target(plan, rule.get("TargetBackupVault"))
            vaults = [target, *(_vault(deployment, region, name) for region, name in _copies(deployment, plan, rule))]
            for vault in filter(None, vaults):
                least, most = (vault.at("LockConfiguration", f"{end}RetentionDays") for end in ("Min", "Max"))
                if not (least or 0) <= days <= (most or inf):
                    wrong = f"{days} days are outside the lock of the vault in {vault.region}, which refuses the backup"
                    yield Breach.at(plan, f"{path}.Lifecycle", wrong, f"keep it {least} to {most} days")


def unequal_selections(deployment: Deployment, _: Situation) -> Found:
    """What one region backs up and the other does not."""
    for selection in deployment.every(SELECTION):
        there = deployment.counterpart(selection)
        if there is None:
            if selection.region == deployment.primary:
                missing = deployment.secondary
                yield Breach(missing, selection.stack, selection.name, "", "the selection is missing in this region", "declare it in both")
            continue
        mine, theirs = (set(_selected(deployment, each)) for each in (selection, there))
        for each in sorted(mine - theirs):
            yield Breach.at(
                there, "BackupSelection.Resources", f"does not back up {each}, which the other region does", "select the same in both"
            )


def _selected(deployment: Deployment, selection: Resource) -> Iterator[str]:
    for each in listed(deployment.plain(selection, selection.at("BackupSelection", "Resources"))):
        yield str(each)


def restorable_fences(deployment: Deployment, _: Situation) -> Found:
    """Backups of the fence."""
    for selection in deployment.every(SELECTION):
        for each in _selected(deployment, selection):
            if each.lower().endswith(FENCE):
                wrong = f"{each} is backed up: restoring it lets old epochs claim again"
                yield Breach.at(selection, "BackupSelection.Resources", wrong, "leave the fence out: its replicas and witness keep it")


RULES = (
    Rule("backup-copy", "Backups of each region are copied to the other's vault", Severity.BLOCKS, (PLAN,), uncopied, needed=True),
    Rule("backup-lock", "Vaults are locked, and take what the plans give them", Severity.BLOCKS, (VAULT,), unlocked),
    Rule("backup-selection", "Both regions back up the same", Severity.BLOCKS, (SELECTION,), unequal_selections),
    Rule("backup-fence", "The fence is in no backup", Severity.BLOCKS, (SELECTION,), restorable_fences),
)
