"""Rule: either region rings for the same: reads and replicas that are late, copies and backups that failed, dead letters, and the rest.

What can be watched in one region alone is not missed in the other: Route 53's metrics, and the lateness of copies that a region makes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from daymark.recovery.models import Breach, Rule, Severity, Situation, Unknown
from daymark.recovery.rules.buckets import copying, name_of
from daymark.recovery.rules.tables import TABLE, replicas
from daymark.recovery.templates import Deployment, Resource, listed

ALARM, COMPOSITE = "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"
MAPPING, QUEUE, VAULT, BUCKET = "AWS::Lambda::EventSourceMapping", "AWS::SQS::Queue", "AWS::Backup::BackupVault", "AWS::S3::Bucket"
AGE, LAG, DEPTH = "IteratorAge", "ReplicationLatency", "ApproximateNumberOfMessagesVisible"
COPIES, BACKUPS = ("OperationsFailedReplication", "ReplicationLatency"), ("NumberOfBackupJobsFailed", "NumberOfCopyJobsFailed")
# Metrics that rules of their own ask for, each by what it watches.
_ASKED_FOR = {
    *(("AWS/Lambda", AGE), ("AWS/DynamoDB", LAG), ("AWS/SQS", DEPTH)),
    *(("AWS/S3", name) for name in COPIES),
    *(("AWS/Backup", name) for name in BACKUPS),
}
_SETTINGS = ("ComparisonOperator", "DatapointsToAlarm", "EvaluationPeriods", "Period", "Statistic", "Threshold", "TreatMissingData")
Metric = tuple[str, str, Mapping[str, Any]]
Found = Iterator[Breach | Unknown]


def metrics(deployment: Deployment, alarm: Resource, name: str = "") -> Iterator[Metric]:
    """Namespace, name and dimensions of each metric that an alarm is about, or of those of one name; references resolved."""
    parts = [each.get("MetricStat", {}).get("Metric", {}) for each in alarm.rows("Metrics")]
    for each in (alarm.body.get("Properties", {}), *parts):
        called = each.get("MetricName")
        if called and name in ("", called):
            dimensions = listed(deployment.resolved(alarm, each.get("Dimensions")))
            yield str(each.get("Namespace")), str(called), {str(one.get("Name")): one.get("Value") for one in dimensions}


def _watches(deployment: Deployment, region: str, name: str, of: Mapping[str, str], namespace: str) -> bool:
    """Whether an alarm of the region is about this metric, with these dimensions at least."""
    return any(
        space == namespace and of.items() <= dimensions.items()
        for alarm in deployment.every(ALARM, region=region)
        for space, _, dimensions in metrics(deployment, alarm, name)
    )


def _called(alarm: Resource) -> str:
    return str(alarm.at("AlarmName") or alarm.name)


def missing_alarms(deployment: Deployment, _: Situation) -> Found:
    """Alarms that ring in the primary and not in the secondary."""
    there = {_called(alarm) for alarm in deployment.every(ALARM, COMPOSITE, region=deployment.secondary)}
    meant_for_both: set[str] = set()
    for alarm in deployment.every(ALARM, region=deployment.primary):
        watched = {(namespace, name) for namespace, name, _dimensions in metrics(deployment, alarm)}
        if watched & _ASKED_FOR or any(namespace == "AWS/Route53" for namespace, _ in watched):
            continue
        meant_for_both.add(_called(alarm))
        if _called(alarm) not in there:
            yield _absent(deployment, alarm)
    for alarm in deployment.every(COMPOSITE, region=deployment.primary):
        causes = set(re.findall(r'ALARM\("?([^")]+)"?\)', str(alarm.at("AlarmRule"))))
        if _called(alarm) not in there and causes & meant_for_both:
            yield _absent(deployment, alarm)


def _absent(deployment: Deployment, alarm: Resource) -> Breach:
    wrong = f"{_called(alarm)} does not ring in this region"
    return Breach(deployment.secondary, alarm.stack, alarm.name, "", wrong, "declare it in both regions")


def unequal_alarms(deployment: Deployment, _: Situation) -> Found:
    """Alarms that ring later, or earlier, in the secondary."""
    for alarm in deployment.every(ALARM, region=deployment.primary):
        there = deployment.counterpart(alarm)
        for name in _SETTINGS if there else ():
            mine, theirs = alarm.at(name), there.at(name) if there else None
            if there and mine != theirs:
                yield Breach.at(there, name, f"{name} is {theirs}, in {alarm.region} {mine}", "let both regions ring alike")


def unheard_alarms(deployment: Deployment, _: Situation) -> Found:
    """Alarms that nobody hears."""
    for alarm in deployment.every(ALARM, COMPOSITE):
        if alarm.at("ActionsEnabled") is False:
            yield Breach.at(alarm, "ActionsEnabled", f"{_called(alarm)} tells nobody: its actions are off", "switch them on")
        elif not listed(alarm.at("AlarmActions")):
            yield Breach.at(alarm, "AlarmActions", f"{_called(alarm)} tells nobody", "tell a topic of its own region")


def late_reads(deployment: Deployment, _: Situation) -> Found:
    """Readers of streams whose lateness no alarm tells."""
    for mapping in deployment.every(MAPPING):
        function = deployment.text(mapping, mapping.at("FunctionName"))
        if not _watches(deployment, mapping.region, AGE, {"FunctionName": function}, "AWS/Lambda"):
            yield Breach.at(mapping, "", f"no alarm tells when {function} reads late", f"declare an alarm on {AGE}")


def late_replicas(deployment: Deployment, _: Situation) -> Found:
    """Replicas that follow, whose lag no alarm tells. A strongly consistent one has none."""
    for table in deployment.every(TABLE):
        there = deployment.other(table.region)
        if table.at("MultiRegionConsistency") == "STRONG" or there not in replicas(table):
            continue
        for region in deployment.regions:
            dimensions = {"TableName": str(table.at("TableName")), "ReceivingRegion": deployment.other(region)}
            if not _watches(deployment, region, LAG, dimensions, "AWS/DynamoDB"):
                wrong = f"no alarm tells when the replica of {table.at('TableName')} in {deployment.other(region)} is behind"
                yield Breach(region, table.stack, table.name, "", wrong, f"declare an alarm on {LAG} in {region}")


def dead_letters(deployment: Deployment, _: Situation) -> Found:
    """Queues of what could not be delivered that fill up unseen."""
    for queue in deployment.every(QUEUE):
        # CloudWatch knows a queue by its name, which a template tells by this attribute.
        name = deployment.text(queue, {"Fn::GetAtt": [queue.name, "QueueName"]})
        if not _watches(deployment, queue.region, DEPTH, {"QueueName": name}, "AWS/SQS"):
            yield Breach.at(queue, "", "no alarm tells what waits in this queue", f"declare an alarm on {DEPTH}")


def late_copies(deployment: Deployment, _: Situation) -> Found:
    """Copied buckets whose lateness or failures no alarm tells."""
    for bucket, _place, _rule in copying(deployment):
        for name in COPIES:
            if not _watches(deployment, bucket.region, name, {"SourceBucket": name_of(bucket)}, "AWS/S3"):
                yield Breach.at(bucket, "", f"no alarm on {name} of its copies", f"declare it in {bucket.region}")


def failed_backups(deployment: Deployment, _: Situation) -> Found:
    """Vaults whose failures no alarm tells."""
    for vault in deployment.every(VAULT):
        for name in BACKUPS:
            if not _watches(deployment, vault.region, name, {"BackupVaultName": str(vault.at("BackupVaultName"))}, "AWS/Backup"):
                yield Breach.at(vault, "", f"no alarm on {name}", f"declare it in {vault.region}")


_B, _W = Severity.BLOCKS, Severity.WARNS
RULES = (
    Rule("alarm-missing", "Every alarm of the primary rings in the secondary", _B, (ALARM, COMPOSITE), missing_alarms, needed=True),
    Rule("alarm-limits", "Alarms have the same limits in both regions", _W, (ALARM,), unequal_alarms),
    Rule("alarm-heard", "Every alarm tells somebody", _B, (ALARM, COMPOSITE), unheard_alarms),
    Rule("alarm-late-reads", "An alarm tells of streams that are read late", _B, (MAPPING,), late_reads),
    Rule("alarm-late-replicas", "An alarm in each region tells of replicas that are behind", _B, (TABLE,), late_replicas),
    Rule("alarm-dead-letters", "An alarm tells of what could not be delivered", _B, (QUEUE,), dead_letters),
    Rule("alarm-late-copies", "An alarm tells of copies that are late or failed", _B, (BUCKET,), late_copies),
    Rule("alarm-backups", "An alarm tells of backups that failed", _W, (VAULT,), failed_backups),
)
