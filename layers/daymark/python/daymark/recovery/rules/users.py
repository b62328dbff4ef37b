"""Rule: whoever signs in to the primary can sign in to the secondary: its pool is a replica, and each API asks the pool of its own region.

Two pools are two sets of users, with two sets of passwords: a switch would lock everybody out.
"""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, listed

POOL, REPLICA, AUTHORISER = "AWS::Cognito::UserPool", "AWS::Cognito::UserPoolReplica", "AWS::ApiGateway::Authorizer"
Found = Iterator[Breach | Unknown]


def separate_pools(deployment: Deployment, _: Situation) -> Found:
    """Pools of the primary without a replica in the secondary."""
    pools = list(deployment.every(POOL, region=deployment.primary))
    if not pools:
        yield Breach(deployment.primary, "", "", "", "the primary has no user pool", "declare it in the primary and replicate it")
    for pool in pools:
        replicas = [
            each
            for each in deployment.every(REPLICA, region=deployment.primary)
            if each.at("RegionName") == deployment.secondary and deployment.target(each, each.at("UserPoolId")) == pool
        ]
        if not replicas:
            own = any(deployment.every(POOL, region=deployment.secondary))
            there = "whose users are its own" if own else "which has no users"
            wrong = f"the pool has no replica in {deployment.secondary}, {there}: nobody can sign in after a switch"
            yield Breach.at(pool, "", wrong, "set user_directory and deploy again: docs/identity.md")
        for replica in replicas:
            needs = "aws cognito-idp describe-user-pool: an INACTIVE replica signs nobody in, and no template activates one"
            yield Unknown(f"{replica.stack}/{replica.name}: whether the replica is ACTIVE", needs)


def foreign_pools(deployment: Deployment, _: Situation) -> Found:
    """Authorisers that ask a pool of elsewhere, which may be gone."""
    for each in deployment.every(AUTHORISER):
        for place, provider in enumerate(listed(each.at("ProviderARNs"))):
            pool, text = deployment.target(each, provider), deployment.text(each, provider)
            if pool is None and f":{each.region}:" not in text:
                path = f"ProviderARNs.{place}"
                yield Breach.at(each, path, f"asks a pool that is not in this region: {text}", f"name the pool by its ARN in {each.region}")


RULES = (
    Rule("users", "The secondary's users are the primary's", Severity.BLOCKS, (POOL,), separate_pools, needed=True),
    Rule("users-authoriser", "Each API asks the pool of its own region", Severity.BLOCKS, (AUTHORISER,), foreign_pools),
)
