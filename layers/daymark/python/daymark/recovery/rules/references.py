"""Rule: nothing in one region needs the other to work: no ARN, address or export of the other region, but where data is carried over.

Where one region may name the other is a closed list: replicas and their witnesses, copies, backups' copies, metrics of replication, the
plan of the switch, the users' one directory, and what names of health checks, certificates and pools other rules judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource, leaves

# Type -> first steps of the paths at which the other region may be named.
ALLOWED: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::GlobalTable": ("Replicas", "GlobalTableWitnesses"),
    "AWS::S3::Bucket": ("ReplicationConfiguration",),
    "AWS::Backup::BackupPlan": ("BackupPlan",),
    "AWS::CloudWatch::Alarm": ("Dimensions", "Metrics"),
    "AWS::CloudWatch::Dashboard": ("DashboardBody",),
    "AWS::ARCRegionSwitch::Plan": ("Regions", "PrimaryRegion", "Workflows"),
    "AWS::Cognito::UserPoolReplica": ("RegionName",),
    "AWS::KMS::ReplicaKey": ("PrimaryKeyArn", "KeyPolicy"),
    # Judged where they belong: an API asks its own pool, checks ask their own API, a domain has its own
    # certificate, a key admits its own region's services.
    "AWS::ApiGateway::Authorizer": ("ProviderARNs",),
    "AWS::Route53::HealthCheck": ("HealthCheckConfig",),
    "AWS::ApiGateway::DomainName": ("RegionalCertificateArn",),
    "AWS::KMS::Key": ("KeyPolicy",),
}
ANYWHERE = ("Description", "Tags")
# Whose tokens are taken is told by the issuer and the pool's id, which are the primary's in both regions.
DIRECTORY = r"issuer-cognito-idp\.{region}\.|{region}_[0-9A-Za-z]+"
BRIDGES = ("Custom::CrossRegionExportReader", "Custom::CrossRegionExportWriter")
Found = Iterator[Breach | Unknown]


def _copying_roles(deployment: Deployment, region: str) -> list[Resource]:
    """The roles that S3 takes on: whoever copies across regions has to name the other."""
    roles = deployment.every("AWS::IAM::Role", region=region)
    return [role for role in roles if "s3.amazonaws.com" in dict(leaves(role.at("AssumeRolePolicyDocument"))).values()]


def foreign_names(deployment: Deployment, _: Situation) -> Found:
    """Properties that name the other region where nothing is carried over."""
    for region in deployment.regions:
        other, copying = deployment.other(region), _copying_roles(deployment, region)
        directory = re.compile(DIRECTORY.format(region=re.escape(other)))
        handed_on = {name for name, value in deployment.exported(region).items() if other in directory.sub("", str(value))}
        for resource in deployment.everything(region):
            # Most resources name no region at all, and their properties need no walk.
            written = str(resource.body)
            if not any(name in written for name in (other, *handed_on)):
                continue
            if resource in copying or any(deployment.target(resource, each) in copying for each in resource.at("Roles") or ()):
                continue
            allowed = (*ALLOWED.get(resource.kind, ()), *ANYWHERE)
            # As it is written, and what is handed on as it is written: any other reference means something of this region.
            for path, value in leaves(resource.body.get("Properties", {})):
                named = isinstance(value, str) and (other in directory.sub("", value) or value in handed_on)
                if named and path.split(".")[0] not in allowed:
                    wrong = f"names {other}: {_shown(value, other)}"
                    yield Breach.at(resource, path, wrong, f"name what {region} has: a copy that stands there beforehand")


def _shown(value: str, other: str) -> str:
    place = max(value.find(other), 0)
    return value if len(value) <= 100 else f"…{value[max(0, place - 40) : place + 60]}…"


def foreign_imports(deployment: Deployment, _: Situation) -> Found:
    """Imports of what the region does not export, and custom resources that fetch it from the other."""
    for region in deployment.regions:
        own, others = deployment.exported(region), deployment.exported(deployment.other(region))
        for resource in deployment.everything(region):
            if resource.kind in BRIDGES:
                yield Breach.at(resource, "", f"fetches values across regions: {resource.kind}", "name it by convention in both regions")
            if "Fn::ImportValue" not in str(resource.body):
                continue
            for path, value in leaves(resource.body.get("Properties", {})):
                if path.rpartition(".")[2] == "Fn::ImportValue" and value not in own:
                    where = f"only {deployment.other(region)} does" if value in others else "nobody does"
                    yield Breach.at(resource, path, f"{region} does not export {value}, {where}", "import what the own region exports")


RULES = (
    Rule("reference-name", "Nothing names the other region but what carries data over", Severity.BLOCKS, (), foreign_names),
    Rule("reference-import", "Every import is of an export of the own region", Severity.BLOCKS, (), foreign_imports),
)
