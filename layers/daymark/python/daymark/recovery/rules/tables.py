"""Rule: every table that both regions share has a replica in each, protected, under a key of its own region; the fence is never behind.

A replicated table is declared once, in the primary. One that each region has for itself is declared in both, with no replica elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource

TABLE = "AWS::DynamoDB::GlobalTable"
# The table of epochs and claims, by the end of its name in any deployment.
FENCE = "fence"
Found = Iterator[Breach | Unknown]


def replicas(table: Resource) -> dict[str, tuple[int, Mapping[str, Any]]]:
    """Place and settings of each replica, by region."""
    return {str(each.get("Region")): (place, each) for place, each in enumerate(table.rows("Replicas"))}


def is_fence(table: Resource) -> bool:
    """Whether it is the table by which a region proves that it leads."""
    return str(table.at("TableName")).lower().endswith(FENCE)


def _elsewhere(deployment: Deployment, table: Resource) -> list[Resource]:
    """The tables of the same name that the other region declares."""
    others = deployment.every(TABLE, region=deployment.other(table.region))
    return [each for each in others if each.at("TableName") == table.at("TableName")]


def missing_replicas(deployment: Deployment, _: Situation) -> Found:
    """Tables that the other region would not have, or would have twice."""
    for table in deployment.every(TABLE):
        there = deployment.other(table.region)
        declared_there, has = bool(_elsewhere(deployment, table)), set(replicas(table))
        if table.region not in has:
            yield Breach.at(table, "Replicas", f"no replica in its own region {table.region}", f"add {table.region} to the replicas")
        if not declared_there and there not in has:
            yield Breach.at(
                table, "Replicas", f"no replica in {there}: its rows are lost to a switch", f"add {there} to the replicas, with a key of it"
            )
        if declared_there and there in has:
            yield Breach.at(
                table,
                "Replicas",
                f"{there} declares a table of this name too",
                "declare it once, in the primary, or once in each without replicas",
            )


def unprotected_replicas(deployment: Deployment, _: Situation) -> Found:
    """Replicas without recovery to a point in time, or that a mistake can delete."""
    for table in deployment.every(TABLE):
        for region, (place, each) in replicas(table).items():
            recovery = each.get("PointInTimeRecoverySpecification", {})
            if recovery.get("PointInTimeRecoveryEnabled") is not True:
                path = f"Replicas.{place}.PointInTimeRecoverySpecification"
                yield Breach.at(
                    table, path, f"the replica in {region} cannot be restored to a point in time", "enable it for every replica"
                )
            if each.get("DeletionProtectionEnabled") is not True:
                path = f"Replicas.{place}.DeletionProtectionEnabled"
                yield Breach.at(table, path, f"the replica in {region} can be deleted", "enable deletion protection for every replica")


def foreign_keys(deployment: Deployment, _: Situation) -> Found:
    """Replicas under a key that their region does not have."""
    for table in deployment.every(TABLE):
        for region, (place, each) in replicas(table).items():
            named = each.get("SSESpecification", {}).get("KMSMasterKeyId")
            path = f"Replicas.{place}.SSESpecification.KMSMasterKeyId"
            if named is None:
                if table.at("SSESpecification", "SSEType") == "KMS":
                    yield Breach.at(table, path, f"the replica in {region} names no key", f"name the data key of {region}")
                continue
            if region not in deployment.regions:
                continue
            own, text = deployment.target(table, named), deployment.text(table, named)
            alias = text.rpartition(":")[2]
            if own is not None:
                if own.region != region:
                    yield Breach.at(
                        table, path, f"the replica in {region} is under a key of {own.region}", f"name the data key of {region}"
                    )
            elif text.startswith("arn:") and f":{region}:" not in text:
                yield Breach.at(
                    table, path, f"the replica in {region} is under a key of elsewhere: {text}", f"name the data key of {region}"
                )
            elif alias.startswith("alias/") and not _has_alias(deployment, region, alias):
                yield Breach.at(table, path, f"{region} has no key called {alias}", f"create the key and its alias in {region}")


def _has_alias(deployment: Deployment, region: str, alias: str) -> bool:
    return any(each.at("AliasName") == alias for each in deployment.every("AWS::KMS::Alias", region=region))


def weak_fence(deployment: Deployment, _: Situation) -> Found:
    """A fence that could be behind in one region: two regions would then both lead."""
    fences = [table for table in deployment.every(TABLE) if is_fence(table)]
    if not fences:
        mend = f"declare a table whose name ends in {FENCE}, strongly consistent over both regions, with a witness in a third"
        yield Breach(deployment.primary, "", "", "TableName", "there is no fence table: nothing says which region leads", mend)
    for fence in fences:
        if fence.at("MultiRegionConsistency") != "STRONG":
            wrong = "replicas of the fence follow: an old epoch is accepted while they lag"
            yield Breach.at(fence, "MultiRegionConsistency", wrong, "set STRONG; the mode is fixed when the table is created")
        witnesses = {str(each.get("Region")) for each in fence.rows("GlobalTableWitnesses")}
        if len(witnesses | set(replicas(fence))) < 3:
            wrong = "two replicas and no third: neither can tell whether it is cut off or the other is gone"
            yield Breach.at(fence, "GlobalTableWitnesses", wrong, "add a witness in a third region")
        if fence.at("TimeToLiveSpecification", "Enabled"):
            yield Breach.at(fence, "TimeToLiveSpecification", "claims would end by themselves", "take it off: a claim stands for good")


RULES = (
    Rule("table-replica", "Every shared table has a replica in both regions", Severity.BLOCKS, (TABLE,), missing_replicas, needed=True),
    Rule("table-replica-protected", "Every replica can be restored and cannot be deleted", Severity.WARNS, (TABLE,), unprotected_replicas),
    Rule("table-replica-key", "Every replica is under a key of its own region", Severity.BLOCKS, (TABLE,), foreign_keys),
    Rule("fence-consistency", "The fence table is strongly consistent, with a witness", Severity.BLOCKS, (TABLE,), weak_fence),
)
