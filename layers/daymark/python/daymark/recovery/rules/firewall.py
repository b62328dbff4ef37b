"""Rule: the API of either region stands behind a firewall with the same rules: a switch must not open what the primary keeps out."""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment

ACL, ASSOCIATION, STAGE = "AWS::WAFv2::WebACL", "AWS::WAFv2::WebACLAssociation", "AWS::ApiGateway::Stage"
Found = Iterator[Breach | Unknown]


def unguarded(deployment: Deployment, _: Situation) -> Found:
    """Stages of REST APIs that no firewall of their region guards."""
    for stage in deployment.every(STAGE):
        api = deployment.text(stage, stage.at("RestApiId"))
        guards = [
            each
            for each in deployment.every(ASSOCIATION, region=stage.region)
            if f"/restapis/{api}/" in deployment.text(each, each.at("ResourceArn")) and deployment.target(each, each.at("WebACLArn"))
        ]
        if not guards:
            yield Breach.at(stage, "", "no firewall stands before this stage", "associate a web ACL of this region with it")


def unequal_rules(deployment: Deployment, _: Situation) -> Found:
    """Firewalls that let more through, or less, in the secondary."""
    for acl in deployment.every(ACL, region=deployment.primary):
        there = deployment.counterpart(acl)
        if there is None:
            continue
        for path in deployment.differences(acl, there, ("Tags", "Description")):
            yield Breach.at(there, path, f"{path} is other than in {acl.region}", "give both firewalls the same rules")


RULES = (
    Rule("firewall", "A firewall stands before the API in both regions", Severity.BLOCKS, (ACL,), unguarded),
    Rule("firewall-rules", "Firewalls have the same rules in both regions", Severity.BLOCKS, (ACL,), unequal_rules),
)
