"""Rule: what one region encrypts, the other reads: each key has its like there, admits the same users, and rotates.

A multi-Region key is one key in several regions: it needs its replica. Any other key has a counterpart of its own, which is enough where
AWS re-encrypts what it carries over (tables, buckets, backups).
"""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource, leaves, listed

KEY, REPLICA, ALIAS = "AWS::KMS::Key", "AWS::KMS::ReplicaKey", "AWS::KMS::Alias"
Found = Iterator[Breach | Unknown]


def _replica(deployment: Deployment, key: Resource) -> Resource | None:
    """The other region's replica of a multi-Region key: by stack and region, because the rest of its ARN is an id that AWS gives."""
    if key.at("MultiRegion") is not True:
        return None
    for each in deployment.every(REPLICA, region=deployment.other(key.region)):
        if each.stack == key.stack and f":{key.region}:" in deployment.text(each, each.at("PrimaryKeyArn")):
            return each
    return None


def missing_keys(deployment: Deployment, _: Situation) -> Found:
    """Keys and aliases that the secondary does not have."""
    for key in deployment.every(KEY, region=deployment.primary):
        if key.at("MultiRegion") is not True and deployment.counterpart(key) is None:
            yield Breach(deployment.secondary, key.stack, key.name, "", "the key is missing in this region", "declare it in both regions")
    for alias in deployment.every(ALIAS, region=deployment.primary):
        names = {each.at("AliasName") for each in deployment.every(ALIAS, region=deployment.secondary)}
        if alias.at("AliasName") not in names:
            wrong = f"no key is called {alias.at('AliasName')} in this region"
            yield Breach(deployment.secondary, alias.stack, alias.name, "AliasName", wrong, "declare the alias in both regions")


def missing_replicas(deployment: Deployment, _: Situation) -> Found:
    """Multi-Region keys of the primary without their replica."""
    for key in deployment.every(KEY, region=deployment.primary):
        if key.at("MultiRegion") is True and _replica(deployment, key) is None:
            wrong = f"a multi-Region key without a replica: what it encrypts cannot be read in {deployment.secondary}"
            yield Breach.at(key, "MultiRegion", wrong, "set user_directory, so that the secondary declares the replica, and deploy again")


def unequal_policies(deployment: Deployment, _: Situation) -> Found:
    """Keys that admit fewer in the secondary, or not even the account's own policies."""
    for key in deployment.every(KEY, region=deployment.primary):
        there = deployment.counterpart(key) or _replica(deployment, key)
        if there is None:
            continue
        mine, theirs = (_statements(deployment, each) for each in (key, there))
        for sid, statement in sorted(mine.items()):
            if statement not in theirs.values():
                wrong = f"does not admit what it admits in {key.region}: {sid}"
                yield Breach.at(there, "KeyPolicy", wrong, "give both keys the same policy; service names carry the region")
    for key in deployment.every(KEY, REPLICA):
        for path, value in leaves(deployment.plain(key, key.at("KeyPolicy"))):
            if "{there}" in str(value):
                yield Breach.at(
                    key, f"KeyPolicy.{path}", f"admits a service of {deployment.other(key.region)}", f"name that of {key.region}"
                )
        if not any(_admits_account(each) for each in _statements(deployment, key).values()):
            wrong = "no statement admits the account: no role's own policy counts, those of the replicas neither"
            yield Breach.at(key, "KeyPolicy", wrong, "allow kms:* to the account's root")


def _statements(deployment: Deployment, key: Resource) -> dict[str, dict[str, object]]:
    plain = deployment.plain(key, key.at("KeyPolicy"))
    found = listed(plain.get("Statement") if isinstance(plain, dict) else None)
    statements = {str(each.get("Sid", f"statement {place + 1}")): each for place, each in enumerate(found)}
    return {sid: {name: each for name, each in statement.items() if name != "Sid"} for sid, statement in statements.items()}


def _admits_account(statement: dict[str, object]) -> bool:
    principals = [str(value) for _, value in leaves(statement.get("Principal"))]
    return (
        statement.get("Effect") == "Allow"
        and "Condition" not in statement
        and "kms:*" in listed(statement.get("Action"))
        and any(each.endswith(":root") for each in principals)
    )


def unrotated(deployment: Deployment, _: Situation) -> Found:
    """Keys that stay the same for ever. A replica rotates with its primary."""
    for key in deployment.every(KEY):
        if key.at("EnableKeyRotation") is not True:
            yield Breach.at(key, "EnableKeyRotation", "the key is never rotated", "enable rotation in both regions")


RULES = (
    Rule("key-missing", "Every key and alias of the primary exists in the secondary", Severity.BLOCKS, (KEY,), missing_keys, needed=True),
    Rule("key-replica", "Every multi-Region key has its replica in the other region", Severity.BLOCKS, (KEY,), missing_replicas),
    Rule("key-policy", "A key admits the same in both regions, and the account's own policies", Severity.BLOCKS, (KEY,), unequal_policies),
    Rule("key-rotation", "Keys are rotated", Severity.WARNS, (KEY,), unrotated),
)
