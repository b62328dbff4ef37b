"""Rule: the shared name has a record for each region beforehand, each obeys the region's health, and DNS forgets within 60 seconds."""

from __future__ import annotations

from collections.abc import Iterator

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.templates import Deployment, Resource

RECORD = "AWS::Route53::RecordSet"
# Detection takes up to 90 s and answers live 60 s: together well within the ten minutes that a switch may take.
SECONDS = 60
Found = Iterator[Breach | Unknown]


def record_name(record: Resource) -> str:
    """A record's name without the dot at its end."""
    return str(record.at("Name")).rstrip(".")


def failover_records(deployment: Deployment) -> dict[tuple[str, str], list[Resource]]:
    """Records of a failover, by zone and name."""
    found: dict[tuple[str, str], list[Resource]] = {}
    for record in deployment.every(RECORD):
        if record.at("Failover"):
            found.setdefault((deployment.text(record, record.at("HostedZoneId")), record_name(record)), []).append(record)
    return found


def lonely_records(deployment: Deployment, _: Situation) -> Found:
    """Names that only one region answers under, or both with the same role."""
    found = failover_records(deployment)
    if not found:
        yield Breach(deployment.primary, "", "", "", "no record fails over", "give the shared name a PRIMARY and a SECONDARY record")
    for record in deployment.every(RECORD, region=deployment.primary):
        if not record.at("Failover") and deployment.counterpart(record) is None:
            wrong = f"the region has no record like {record_name(record)}"
            yield Breach(deployment.secondary, record.stack, record.name, "", wrong, "declare it beforehand in both regions")
    roles = {deployment.primary: "PRIMARY", deployment.secondary: "SECONDARY"}
    for (_zone, name), records in found.items():
        for region, role in roles.items():
            if not any(record.region == region for record in records):
                yield Breach(
                    region, records[0].stack, "", "", f"{name} has no record of this region", f"declare the {role} record beforehand"
                )
        for record in records:
            if record.at("Failover") != roles[record.region]:
                wrong = f"{name} is {record.at('Failover')} here"
                yield Breach.at(record, "Failover", wrong, f"make it {roles[record.region]}")
        identifiers = [record.at("SetIdentifier") for record in records]
        if len(set(map(str, identifiers))) < len(identifiers):
            yield Breach.at(records[-1], "SetIdentifier", f"records of {name} have the same identifier", "name each by its region")


def long_lives(deployment: Deployment, _: Situation) -> Found:
    """Answers that clients keep too long."""
    for record in deployment.every(RECORD):
        lives = record.at("TTL")
        if lives is not None and (not str(lives).isdigit() or int(lives) > SECONDS):
            wrong = f"{record_name(record)} is remembered {lives} s: clients stay with a region that is gone"
            yield Breach.at(record, "TTL", wrong, f"at most {SECONDS} s, or an alias, which AWS answers for {SECONDS} s")


def blind_records(deployment: Deployment, _: Situation) -> Found:
    """Records that go on being answered while their region is ill."""
    for record in deployment.every(RECORD):
        if record.at("Failover") and not record.at("HealthCheckId"):
            yield Breach.at(record, "HealthCheckId", "obeys no health check: it is answered for ever", "name the region's health check")
        if record.at("AliasTarget") and record.at("AliasTarget", "EvaluateTargetHealth") is not True:
            path = "AliasTarget.EvaluateTargetHealth"
            yield Breach.at(record, path, "does not look at the health of what it points to", "set it to true")


RULES = (
    Rule("record-failover", "The shared name has a record of each region, with its role", Severity.BLOCKS, (RECORD,), lonely_records),
    Rule("record-ttl", f"No record is remembered longer than {SECONDS} s", Severity.BLOCKS, (RECORD,), long_lives),
    Rule("record-health", "Records obey the health of what they point to", Severity.BLOCKS, (RECORD,), blind_records),
)
