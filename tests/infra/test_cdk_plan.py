"""The plan of the switch, evaluated on our own templates: nothing blocks it, and whatever is planted is found by the rule it breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from daymark.recovery.assembly import read_assembly
from daymark.recovery.evaluation import evaluate
from daymark.recovery.models import Evaluation, Facts, Severity, Situation, Verdict
from daymark.recovery.rules import RULES
from daymark.recovery.templates import Deployment
from tests.infra.conftest import ACCOUNT, EVERYTHING, PROJECT, Assembly
from tests.plan_world import Planted, places

EAST, WEST = "us-east-1", "us-west-2"
TODAY, DOMAIN = date(2026, 11, 23), EVERYTHING["domain"]
# What the first deployment's outputs say, given back to the second: docs/deploy.md.
SECOND = {
    "copy_back": "true",
    "switch_checks": f"{EAST}=11111111-2222-3333-4444-555555555555,{WEST}=66666666-7777-8888-9999-000000000000",
}
DIRECTORY = {
    "pool": f"{EAST}_AbCdEf123",
    "client": "1h57kf5cpq17m0eml12example",
    "key": f"arn:aws:kms:{EAST}:{ACCOUNT}:key/mrk-{'0123456789abcdef' * 2}",
}
QUOTA = "lambda_concurrent_executions"
KNOWN = Facts({(region, DOMAIN): date(2027, 6, 1) for region in (EAST, WEST)}, {(region, QUOTA): 1000 for region in (EAST, WEST)})
Templates = Mapping[tuple[str, str], Mapping[str, Any]]

TABLE, BUCKET, FUNCTION, ALARM = "DynamoDB::GlobalTable", "S3::Bucket", "Lambda::Function", "CloudWatch::Alarm"
RECORD, CHECK, PLAN = "Route53::RecordSet", "Route53::HealthCheck", "ARCRegionSwitch::Plan"
COPY, DESTINATION = "Properties/ReplicationConfiguration/Rules/0", "Properties/ReplicationConfiguration/Rules/0/Destination"
SAVED = "Properties/BackupPlan/BackupPlanRule/0"
MOVED = "Properties/Workflows/1/Steps/1/ExecutionBlockConfiguration/Route53HealthCheckConfig"
FOREIGN_QUEUE = f"arn:aws:sqs:{EAST}:{ACCOUNT}:queue"

CASES = [
    Planted("table-replica", EAST, TABLE, "Book", "Properties/Replicas/0"),
    Planted("table-replica-protected", EAST, TABLE, "Book", "Properties/Replicas/0/PointInTimeRecoverySpecification"),
    Planted(
        "table-replica-key",
        EAST,
        TABLE,
        "Audit",
        "Properties/Replicas/0/SSESpecification/KMSMasterKeyId",
        f"arn:aws:kms:{EAST}:{ACCOUNT}:alias/daymark-data",
    ),
    Planted("fence-consistency", EAST, TABLE, "Fence", "Properties/GlobalTableWitnesses"),
    Planted("bucket-copy", EAST, BUCKET, "Seals", "Properties/ReplicationConfiguration"),
    Planted("bucket-copy-back", WEST, BUCKET, "Documents", "Properties/ReplicationConfiguration"),
    Planted("bucket-copy-target", EAST, BUCKET, "Prices", f"{COPY}/Filter/Prefix", "closes/"),
    Planted("bucket-versions", WEST, BUCKET, "Prices", "Properties/VersioningConfiguration"),
    Planted("bucket-copy-time", EAST, BUCKET, "Documents", f"{DESTINATION}/ReplicationTime"),
    Planted("key-replica", WEST, "KMS::ReplicaKey", "DirectoryKey"),
    Planted("key-policy", WEST, "KMS::Key", "LogKey", "Properties/KeyPolicy/Statement/1/Principal/Service", f"logs.{EAST}.amazonaws.com"),
    Planted("key-policy", WEST, "KMS::Key", "DataKey", "Properties/KeyPolicy/Statement", []),
    Planted("key-rotation", WEST, "KMS::Key", "DataKey", "Properties/EnableKeyRotation", False),
    Planted("data-retained", WEST, BUCKET, "Documents", "DeletionPolicy", "Delete"),
    Planted("backup-copy", EAST, "Backup::BackupPlan", "Backups", f"{SAVED}/CopyActions"),
    Planted("backup-lock", WEST, "Backup::BackupVault", "Backups", "Properties/LockConfiguration"),
    Planted("backup-selection", WEST, "Backup::BackupSelection", "Backups", "Properties/BackupSelection/Resources/1"),
    Planted("service-missing", WEST, "EC2::VPCEndpoint", "NetworkKinesis"),
    Planted("function-settings", WEST, FUNCTION, "BookApi", "Properties/MemorySize", 128),
    Planted("function-code", WEST, FUNCTION, "OpenPhase", "Properties/Layers/1"),
    Planted("function-environment", WEST, FUNCTION, "BookApi", "Properties/Environment/Variables/DAYMARK_BOOK_TABLE"),
    Planted("function-callers", WEST, "Lambda::Permission", "PushconnectRoute"),
    Planted("role-missing", WEST, "IAM::Role", "SealAuditRole"),
    Planted("role-rights", WEST, "IAM::Policy", "BookApiRole", "Properties/PolicyDocument/Statement/2"),
    Planted(
        "role-trust",
        WEST,
        "IAM::Role",
        "BookApiRole",
        "Properties/AssumeRolePolicyDocument/Statement/0/Principal/Service",
        "ec2.amazonaws.com",
    ),
    Planted("event-source", WEST, "Lambda::EventSourceMapping", "IngestTicks", "Properties/ParallelizationFactor", 1),
    Planted("event-source-on", WEST, "Lambda::EventSourceMapping", "MarkPortfolios", "Properties/Enabled", False),
    Planted("event-source-failures", WEST, "Lambda::EventSourceMapping", "MarkPortfolios", "Properties/DestinationConfig"),
    Planted("schedule", WEST, "Scheduler::Schedule", "PreMarket", "Properties/ScheduleExpressionTimezone", "UTC"),
    Planted("schedule-on", WEST, "Scheduler::Schedule", "PostMarket", "Properties/State", "DISABLED"),
    Planted("capacity-zero", WEST, "Batch::ComputeEnvironment", "Gpu", "Properties/ComputeResources/MaxvCpus", 0),
    Planted("capacity-zero", WEST, FUNCTION, "OpenPhase", "Properties/ReservedConcurrentExecutions", 0),
    Planted("capacity-standby", WEST, "ElastiCache::ServerlessCache", "Quotes", "Properties/CacheUsageLimits/ECPUPerSecond/Maximum", 1000),
    Planted("api-routes", WEST, "ApiGateway::Method", "Restv1bookproxyGET", "Properties/AuthorizationType", "NONE"),
    Planted("api-stage", WEST, "ApiGatewayV2::Stage", "Push", "Properties/DefaultRouteSettings/ThrottlingRateLimit", 1),
    Planted("firewall", WEST, "WAFv2::WebACLAssociation", "RestStage"),
    Planted("firewall-rules", WEST, "WAFv2::WebACL", "Firewall", "Properties/Rules/0"),
    Planted("users", EAST, "Cognito::UserPoolReplica", "Replica"),
    Planted(
        "users-authoriser",
        WEST,
        "ApiGateway::Authorizer",
        "Rest",
        "Properties/ProviderARNs/0",
        f"arn:aws:cognito-idp:{EAST}:{ACCOUNT}:userpool/{DIRECTORY['pool']}",
    ),
    Planted("record-failover", WEST, RECORD, "FrontDoorShared", "Properties/Failover", "PRIMARY"),
    Planted("record-ttl", EAST, RECORD, "FrontDoorRegional", "Properties/TTL", "300"),
    Planted("record-health", EAST, RECORD, "FrontDoorShared", "Properties/AliasTarget/EvaluateTargetHealth", False),
    Planted("health-check-time", WEST, CHECK, "FrontDoorEndpoint", "Properties/HealthCheckConfig/FailureThreshold", 10),
    Planted("health-check", WEST, CHECK, "FrontDoorHealth", "Properties/HealthCheckConfig/HealthThreshold", 1),
    Planted("health-check-alarm", EAST, ALARM, "AlarmsRegionUnreachable"),
    Planted("certificate", WEST, "CertificateManager::Certificate", "FrontDoor"),
    Planted("certificate-renewal", WEST, "CertificateManager::Certificate", "FrontDoor", "Properties/ValidationMethod", "EMAIL"),
    Planted("switch-plan", EAST, PLAN, "Switch", "Properties/Workflows/0"),
    Planted("switch-control-plane", EAST, PLAN, "Switch", "Properties/Workflows/0/Steps/0/ExecutionBlockType", "EC2AutoScaling"),
    Planted(
        "switch-control-plane",
        EAST,
        "IAM::Policy",
        "SwitchRuns",
        "Properties/PolicyDocument/Statement/0/Action",
        "route53:ChangeResourceRecordSets",
    ),
    Planted("switch-records", EAST, PLAN, "Switch", f"{MOVED}/RecordSets/1"),
    Planted(
        "switch-checks", WEST, RECORD, "FrontDoorShared", "Properties/HealthCheckId", {"Fn::GetAtt": ["FrontDoorEndpoint", "HealthCheckId"]}
    ),
    Planted("alarm-missing", WEST, ALARM, "AlarmsBookApiErrors"),
    Planted("alarm-limits", WEST, ALARM, "AlarmsBookApiDuration", "Properties/Threshold", 900_000),
    Planted("alarm-heard", WEST, ALARM, "AlarmsBookApiErrors", "Properties/AlarmActions"),
    Planted("alarm-late-reads", WEST, ALARM, "AlarmsIngestTicksLate"),
    Planted("alarm-late-replicas", WEST, ALARM, "AlarmsBookReplicaLate"),
    Planted("alarm-dead-letters", WEST, ALARM, "AlarmsMissedWakeUpsDepth"),
    Planted("alarm-late-copies", EAST, ALARM, "AlarmsSealsReplicationLatency"),
    Planted("alarm-backups", WEST, ALARM, "AlarmsCopyJobsFailed"),
    Planted("log-retention", WEST, "Logs::LogGroup", "BookApiLogs", "Properties/RetentionInDays"),
    Planted(
        "reference-name", WEST, "StepFunctions::StateMachine", "PreMarket", "Properties/DefinitionSubstitutions/check_prices", FOREIGN_QUEUE
    ),
    Planted("reference-import", WEST, ALARM, "AlarmsPreMarketAbsent", "Properties/AlarmActions/0", {"Fn::ImportValue": "nobody:Exports"}),
]


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Both regions as the second deployment has them, read as the command reads them. The rule packs judge the first; they are left out."""
    from aws_cdk import App  # noqa: PLC0415 - importing it starts Node, which must be known by then

    from cdk.settings import DeploymentSettings  # noqa: PLC0415
    from cdk.stages.region import RegionStage  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("second")
    context: dict[str, Any] = json.loads((PROJECT / "cdk.json").read_text())["context"] | EVERYTHING | SECOND
    context |= {"target": "cloud", "layers": "declared", "today": "2026-11-22", "user_directory": DIRECTORY}
    app = App(analytics_reporting=False, tree_metadata=False, context=context, outdir=str(folder))
    settings = DeploymentSettings.read(app.node.try_get_context, {"CDK_DEFAULT_ACCOUNT": ACCOUNT})
    for region in settings.regions:
        RegionStage(app, settings, region)
    app.synth()
    return read_assembly(folder)


def evaluated(deployment: Deployment, facts: Facts = KNOWN) -> Evaluation:
    return evaluate(deployment, Situation(TODAY, facts))


def changed(deployment: Deployment, templates: Templates) -> Deployment:
    return Deployment(templates, deployment.primary, deployment.account, deployment.protected)


def verdicts(evaluation: Evaluation) -> dict[str, Verdict]:
    return {result.rule.id: result.verdict for result in evaluation.results}


def test_nothing_blocks_a_switch_between_our_own_regions(complete: Deployment) -> None:
    evaluation = evaluated(complete)
    assert [each for each in evaluation.findings if each.severity is Severity.BLOCKS] == []
    # Route 53 tells of the secondary's check in us-east-1 alone, and no stack there can know its id.
    assert {(each.rule, each.region) for each in evaluation.findings} == {("health-check-alarm", WEST)}
    # Whether a replica was activated is a call's business.
    assert {result.rule.id for result in evaluation.of(Verdict.NOT_EVALUATED)} == {"users"}
    assert not evaluation.of(Verdict.NOT_DEPLOYED)


def test_what_only_a_second_deployment_can_mend_blocks_after_the_first(cloud: Assembly) -> None:
    evaluation = evaluated(read_assembly(cloud.folder))
    assert {each.rule for each in evaluation.findings if each.severity is Severity.BLOCKS} == {"key-replica", "users", "switch-checks"}
    assert {each.rule for each in evaluation.findings if each.severity is Severity.WARNS} == {"bucket-copy-back", "health-check-alarm"}


def test_what_no_template_tells_is_not_evaluated(complete: Deployment) -> None:
    found = verdicts(evaluated(complete, Facts()))
    assert {rule for rule, verdict in found.items() if verdict is Verdict.NOT_EVALUATED} == {
        "users",
        "certificate-expiry",
        "capacity-quota",
    }


def test_without_a_domain_or_gpus_what_is_about_them_is_not_part_of_the_deployment(complete: Deployment) -> None:
    without = {place: template for place, template in complete.templates.items() if place[1] not in ("Failover", "Compute", "Watch")}
    evaluation = evaluated(changed(complete, without))
    absent = {result.rule.id for result in evaluation.of(Verdict.NOT_DEPLOYED)}
    assert absent == {rule.id for rule in RULES if rule.id.startswith(("record-", "health-check", "certificate", "switch-"))}


def test_a_fact_can_block_what_templates_allow(complete: Deployment) -> None:
    for facts, rule in (
        (Facts({**KNOWN.certificates, (WEST, DOMAIN): date(2026, 11, 22)}, KNOWN.quotas), "certificate-expiry"),
        (Facts(KNOWN.certificates, {**KNOWN.quotas, (WEST, QUOTA): 10}), "capacity-quota"),
    ):
        blocking = [each for each in evaluated(complete, facts).findings if each.severity is Severity.BLOCKS]
        assert {(each.rule, each.region) for each in blocking} == {(rule, WEST)}


def test_each_planted_defect_is_found_by_its_rule_and_hides_no_other(complete: Deployment, tell: Callable[[Sequence[str]], None]) -> None:
    before = set(places(evaluated(complete).findings))
    lines, wrong = [f"{'planted in our own templates':<76}found by"], []
    for case in CASES:
        after = set(places(evaluated(changed(complete, case.into(complete.templates))).findings))
        found = {rule for rule, _region, _name in after - before}
        where = f"{case.region} {case.kind} {case.name} {case.path.removeprefix('Properties/')}"
        lines.append(f"{where if len(where) < 76 else where[:72] + '...':<76}{', '.join(sorted(found)) or 'nothing'}")
        if found != {case.rule} or before - after:
            wrong.append((str(case), sorted(found), before - after))
    rules = {case.rule for case in CASES}
    lines.append(f"{len(CASES)} defects of {len(rules)} rules, each found by its own; {len(RULES)} rules in all")
    tell(lines)
    assert wrong == []


def test_whatever_type_of_resource_the_secondary_lacks_is_found(complete: Deployment) -> None:
    one_of_each = {resource.kind: resource for resource in complete.everything(WEST)}
    before, unseen = set(places(evaluated(complete).findings)), []
    for kind, resource in one_of_each.items():
        place = (WEST, resource.stack)
        kept = {name: body for name, body in complete.templates[place]["Resources"].items() if name != resource.name}
        less = {**complete.templates, place: {**complete.templates[place], "Resources": kept}}
        if not set(places(evaluated(changed(complete, less)).findings)) - before:
            unseen.append(kind)
    # Its name is a hash that differs between the regions; what it deploys is compared route by route.
    assert unseen == ["AWS::ApiGateway::Deployment"]
    assert len(one_of_each) > 60


def test_nearly_every_rule_has_a_defect_in_our_own_templates() -> None:
    # The rest is planted in a small deployment (tests/unit/test_recovery_*): there it takes more than one change, or is a fact.
    rest = {rule.id for rule in RULES} - {case.rule for case in CASES}
    assert rest == {
        "backup-fence",
        "bucket-copy-role",
        "capacity-quota",
        "certificate-expiry",
        "function-missing",
        "key-missing",
        "schedule-dead-letters",
        "schedule-fence",
        "stack-protected",
    }
    assert len(CASES) >= 24
