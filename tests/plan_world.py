"""A small deployment of two regions that every rule of a plan is content with, and how to plant a defect in any deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any

from daymark.recovery.evaluation import evaluate
from daymark.recovery.models import Evaluation, Facts, Finding, Situation
from daymark.recovery.templates import Deployment

EAST, WEST, ACCOUNT = "us-east-1", "us-west-2", "111122223333"
OTHER = {EAST: WEST, WEST: EAST}
TODAY = date(2026, 11, 23)
DOMAIN, ZONE = "api.example.com", "Z0123456789ABCDEFGHIJ"
VENDED = {EAST: "11111111-2222-3333-4444-555555555555", WEST: "66666666-7777-8888-9999-000000000000"}
WATCHED = "77777777-8888-9999-0000-111111111111"
FACTS = Facts(
    {(EAST, DOMAIN): date(2027, 6, 1), (WEST, DOMAIN): date(2027, 6, 1)},
    {(EAST, "lambda_concurrent_executions"): 1000, (WEST, "lambda_concurrent_executions"): 1000},
)
SITUATION = Situation(TODAY, FACTS)
Templates = dict[tuple[str, str], dict[str, Any]]
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def a(kind: str, *, kept: bool = False, **properties: Any) -> dict[str, Any]:
    """A resource; retained if it is kept."""
    return {"Type": f"AWS::{kind}", "Properties": properties} | (KEPT if kept else {})


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def attribute(name: str, of: str = "Arn") -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, of]}


def allowed(actions: list[str], resources: Any, **conditions: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
    return statement | ({"Condition": conditions} if conditions else {})


def trusting(service: str) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}]}


def policy(role: str, *statements: dict[str, Any]) -> dict[str, Any]:
    return a("IAM::Policy", PolicyDocument={"Statement": list(statements)}, Roles=[ref(role)])


ADMITS = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}


def key(region: str, **properties: Any) -> dict[str, Any]:
    logs = {"Sid": "Logs", "Effect": "Allow", "Principal": {"Service": f"logs.{region}.amazonaws.com"}, "Action": "kms:Encrypt"}
    statements = {"Statement": [ADMITS, logs | {"Resource": "*"}]}
    return a("KMS::Key", kept=True, EnableKeyRotation=True, KeyPolicy=statements, **properties)


def replica(region: str, own: str) -> dict[str, Any]:
    named = attribute("Key") if region == own else f"arn:aws:kms:{region}:{ACCOUNT}:alias/data"
    guarded = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}, "DeletionProtectionEnabled": True}
    return {"Region": region, "SSESpecification": {"KMSMasterKeyId": named}} | guarded


def table(name: str, own: str, *regions: str, **properties: Any) -> dict[str, Any]:
    return a(
        "DynamoDB::GlobalTable",
        kept=True,
        TableName=f"book-{name}",
        Replicas=[replica(region, own) for region in regions],
        SSESpecification={"SSEType": "KMS"},
        **properties,
    )


def bucket(region: str) -> dict[str, Any]:
    there = OTHER[region]
    destination = {
        "Bucket": f"arn:aws:s3:::files-{there}",
        "EncryptionConfiguration": {"ReplicaKmsKeyID": f"arn:aws:kms:{there}:{ACCOUNT}:alias/data"},
        "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
        "Metrics": {"Status": "Enabled"},
    }
    encrypted = {"SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}}}
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Destination": destination} | encrypted
    return a(
        "S3::Bucket",
        kept=True,
        BucketName=f"files-{region}",
        BucketEncryption={"ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]},
        VersioningConfiguration={"Status": "Enabled"},
        ReplicationConfiguration={"Role": attribute("Copies"), "Rules": [rule]},
    )


def data(region: str) -> dict[str, Any]:
    """Keys, tables, a bucket that is copied both ways, a stream."""
    there = OTHER[region]
    resources = {
        "Key": key(region),
        "Alias": a("KMS::Alias", AliasName="alias/data", TargetKeyId=attribute("Key")),
        "Tickets": table("tickets", region, region),
        "Files": bucket(region),
        "Copies": a("IAM::Role", AssumeRolePolicyDocument=trusting("s3")),
        "CopiesPolicy": policy(
            "Copies",
            allowed(["s3:GetObjectVersionForReplication"], f"arn:aws:s3:::files-{region}/*"),
            allowed(["s3:ReplicateObject"], f"arn:aws:s3:::files-{there}/*"),
            allowed(["kms:Decrypt"], attribute("Key")),
            allowed(["kms:Encrypt"], f"arn:aws:kms:{there}:{ACCOUNT}:key/*"),
        ),
        "Stream": a("Kinesis::Stream", kept=True, RetentionPeriodHours=48, StreamModeDetails={"StreamMode": "ON_DEMAND"}),
        "Directory": a(
            "KMS::ReplicaKey", kept=True, PrimaryKeyArn=f"arn:aws:kms:{EAST}:{ACCOUNT}:key/mrk-1", KeyPolicy={"Statement": [ADMITS]}
        ),
    }
    if region == EAST:
        resources["Book"] = table("ledger", region, EAST, WEST)
        resources["Fence"] = table(
            "fence", region, EAST, WEST, MultiRegionConsistency="STRONG", GlobalTableWitnesses=[{"Region": "us-east-2"}]
        )
        resources["Directory"] = a("KMS::Key", kept=True, MultiRegion=True, EnableKeyRotation=True, KeyPolicy={"Statement": [ADMITS]})
    return resources


def exports(region: str) -> dict[str, Any]:
    """What the data stack hands on: the primary its tables too, which the secondary's stacks name."""
    handed = {"KeyArn": attribute("Key"), "FilesArn": attribute("Files"), "StreamArn": attribute("Stream")}
    if region == EAST:
        handed |= {"LedgerArn": attribute("Book"), "Ledger": ref("Book"), "FenceArn": attribute("Fence")}
    return {name: {"Value": value, "Export": {"Name": f"data:{name}"}} for name, value in handed.items()}


def imported(region: str, name: str) -> Any:
    """A value of the data stack as the region's other stacks say it."""
    literal = {
        "LedgerArn": f"arn:aws:dynamodb:{WEST}:{ACCOUNT}:table/book-ledger",
        "Ledger": "book-ledger",
        "FenceArn": f"arn:aws:dynamodb:{WEST}:{ACCOUNT}:table/book-fence",
    }
    return literal[name] if region == WEST and name in literal else {"Fn::ImportValue": f"data:{name}"}


def work(region: str) -> dict[str, Any]:
    """A function with its role, layer and stream, a machine and its schedule, a queue, a log group, a compute environment."""
    code = {"S3Bucket": f"assets-{region}", "S3Key": "c0de.zip"}
    return {
        "Open": a(
            "Lambda::Function",
            Code=code,
            Handler="open.handler",
            Layers=[ref("Layer")],
            MemorySize=512,
            Timeout=20,
            Role=attribute("OpenRole"),
            Environment={"Variables": {"REGION": region, "TABLE": imported(region, "Ledger")}},
        ),
        "Layer": a("Lambda::LayerVersion", Content={"S3Bucket": f"assets-{region}", "S3Key": "1a4e4.zip"}),
        "OpenRole": a("IAM::Role", AssumeRolePolicyDocument=trusting("lambda")),
        "OpenPolicy": policy(
            "OpenRole",
            allowed(["dynamodb:Query"], imported(region, "LedgerArn")),
            allowed(["dynamodb:UpdateItem"], [imported(region, "FenceArn")]),
            allowed(["kms:Decrypt"], imported(region, "KeyArn")),
        ),
        "Mapping": a(
            "Lambda::EventSourceMapping",
            FunctionName=ref("Open"),
            EventSourceArn=imported(region, "StreamArn"),
            BatchSize=4,
            MaximumRecordAgeInSeconds=86_400,
            DestinationConfig={"OnFailure": {"Destination": attribute("Lost")}},
        ),
        "Lost": a("SQS::Queue"),
        "Machine": a("StepFunctions::StateMachine", RoleArn=attribute("OpenRole"), DefinitionSubstitutions={"open": attribute("Open")}),
        "Schedule": a(
            "Scheduler::Schedule",
            ScheduleExpression="cron(0 4 ? * MON-FRI *)",
            State="ENABLED",
            Target={"Arn": ref("Machine"), "RoleArn": attribute("OpenRole"), "DeadLetterConfig": {"Arn": attribute("Lost")}},
        ),
        "Logs": a("Logs::LogGroup", RetentionInDays=365),
        "Machines": a("Batch::ComputeEnvironment", State="ENABLED", ComputeResources={"MinvCpus": 0, "MaxvCpus": 64}),
        "Admits": a("Lambda::Permission", FunctionName=attribute("Open"), Principal="events.amazonaws.com", Action="lambda:InvokeFunction"),
        "Told": a("Events::Rule", Targets=[{"Id": "open", "Arn": attribute("Open")}]),
    }


def entry(region: str) -> dict[str, Any]:
    """The API with its firewall, users and name, and in the primary the plan of the switch."""
    pool = attribute("Users") if region == EAST else f"arn:aws:cognito-idp:{WEST}:{ACCOUNT}:userpool/{EAST}_AbCdEf123"
    alias = {"DNSName": f"{region}.{DOMAIN}", "HostedZoneId": ZONE, "EvaluateTargetHealth": True}
    checked = {"Type": "HTTPS", "FullyQualifiedDomainName": {"Fn::Join": ["", [ref("Rest"), f".execute-api.{region}.amazonaws.com"]]}}
    together = {"Type": "CALCULATED", "ChildHealthChecks": [attribute("Endpoint", "HealthCheckId"), VENDED[region]], "HealthThreshold": 2}
    stage_arn = {"Fn::Sub": "arn:aws:apigateway:${AWS::Region}::/restapis/${Rest}/stages/${Stage}"}
    resources = {
        "Rest": a("ApiGateway::RestApi"),
        "Stage": a("ApiGateway::Stage", RestApiId=ref("Rest"), MethodSettings=[{"HttpMethod": "*", "ThrottlingRateLimit": 50}]),
        "Get": a("ApiGateway::Method", HttpMethod="GET", AuthorizationType="COGNITO_USER_POOLS", RestApiId=ref("Rest")),
        "Authoriser": a("ApiGateway::Authorizer", ProviderARNs=[pool]),
        "Firewall": a("WAFv2::WebACL", Rules=[{"Name": "Rate", "Priority": 0}]),
        "Guard": a("WAFv2::WebACLAssociation", ResourceArn=stage_arn, WebACLArn=attribute("Firewall")),
        "Certificate": a("CertificateManager::Certificate", DomainName=DOMAIN, ValidationMethod="DNS"),
        "Domain": a("ApiGateway::DomainName", DomainName=DOMAIN, RegionalCertificateArn=ref("Certificate")),
        "Endpoint": a("Route53::HealthCheck", HealthCheckConfig=checked | {"RequestInterval": 10, "FailureThreshold": 3}),
        "Health": a("Route53::HealthCheck", HealthCheckConfig=together),
        "Shared": a(
            "Route53::RecordSet",
            Name=f"{DOMAIN}.",
            HostedZoneId=ZONE,
            SetIdentifier=region,
            Failover="PRIMARY" if region == EAST else "SECONDARY",
            AliasTarget=alias,
            HealthCheckId=attribute("Health", "HealthCheckId"),
        ),
        "Plain": a("Route53::RecordSet", Name=f"www.{DOMAIN}.", HostedZoneId=ZONE, Type="CNAME", TTL="60"),
    }
    return resources | (leading() if region == EAST else {})


def leading() -> dict[str, Any]:
    """What the primary alone has: the users, and the plan."""
    moved = [{"RecordSetIdentifier": region, "Region": region} for region in (EAST, WEST)]
    checks = {"HostedZoneId": ZONE, "RecordName": DOMAIN, "RecordSets": moved}
    steps = [
        {"Name": "approve", "ExecutionBlockType": "ManualApproval", "ExecutionBlockConfiguration": {"ExecutionApprovalConfig": {}}},
        {"Name": "move", "ExecutionBlockType": "Route53HealthCheck", "ExecutionBlockConfiguration": {"Route53HealthCheckConfig": checks}},
    ]
    return {
        "Users": a("Cognito::UserPool", kept=True),
        "Replica": a("Cognito::UserPoolReplica", RegionName=WEST, UserPoolId=ref("Users")),
        "Runs": a("IAM::Role", AssumeRolePolicyDocument=trusting("arc-region-switch")),
        "RunsPolicy": policy("Runs", allowed(["route53:ListResourceRecordSets"], f"arn:aws:route53:::hostedzone/{ZONE}")),
        "Plan": a(
            "ARCRegionSwitch::Plan",
            RecoveryApproach="activePassive",
            PrimaryRegion=EAST,
            Regions=[EAST, WEST],
            RecoveryTimeObjectiveMinutes=15,
            ExecutionRole=attribute("Runs"),
            Workflows=[
                {"WorkflowTargetAction": "activate", "WorkflowTargetRegion": region, "Steps": deepcopy(steps)} for region in (EAST, WEST)
            ],
        ),
    }


def backups(region: str) -> dict[str, Any]:
    """A locked vault, a plan that copies to the other region's, and what it takes."""
    there = f"arn:aws:backup:{OTHER[region]}:{ACCOUNT}:backup-vault:vault"
    rule = {"RuleName": "daily", "TargetBackupVault": ref("Vault"), "Lifecycle": {"DeleteAfterDays": 35}}
    selected = {"IamRoleArn": attribute("Saves"), "Resources": [imported(region, "LedgerArn"), imported(region, "FilesArn")]}
    return {
        "Vault": a(
            "Backup::BackupVault", kept=True, BackupVaultName="vault", LockConfiguration={"MinRetentionDays": 7, "MaxRetentionDays": 40}
        ),
        "Saving": a("Backup::BackupPlan", BackupPlan={"BackupPlanRule": [rule | {"CopyActions": [{"DestinationBackupVaultArn": there}]}]}),
        "Selection": a("Backup::BackupSelection", BackupPlanId=ref("Saving"), BackupSelection=selected),
        "Saves": a("IAM::Role", AssumeRolePolicyDocument=trusting("backup"), ManagedPolicyArns=["arn:aws:iam::aws:policy/Backup"]),
    }


def alarm(name: str, namespace: str, metric: str, **dimensions: Any) -> dict[str, Any]:
    of = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    said = {"AlarmName": name, "AlarmActions": [ref("Topic")], "Threshold": 0}
    return a("CloudWatch::Alarm", Namespace=namespace, MetricName=metric, Dimensions=of, **said)


def watch(region: str) -> dict[str, Any]:
    """An alarm of each kind. In the stack of what they watch, so that references stay short."""
    ledger, there = imported(region, "Ledger"), OTHER[region]
    return {
        "Topic": a("SNS::Topic"),
        "Errors": alarm("errors", "AWS/Lambda", "Errors", FunctionName=ref("Open")),
        "Late": alarm("late", "AWS/Lambda", "IteratorAge", FunctionName=ref("Open")),
        "Lag": alarm("lag", "AWS/DynamoDB", "ReplicationLatency", TableName=ledger, ReceivingRegion=there),
        "Depth": alarm("depth", "AWS/SQS", "ApproximateNumberOfMessagesVisible", QueueName=attribute("Lost", "QueueName")),
        "Slow": alarm("slow", "AWS/S3", "ReplicationLatency", SourceBucket=f"files-{region}", DestinationBucket=f"files-{there}"),
        "Failed": alarm("failed", "AWS/S3", "OperationsFailedReplication", SourceBucket=f"files-{region}"),
        "Saved": alarm("saved", "AWS/Backup", "NumberOfBackupJobsFailed", BackupVaultName="vault"),
        "Sent": alarm("sent", "AWS/Backup", "NumberOfCopyJobsFailed", BackupVaultName="vault"),
        "Page": a("CloudWatch::CompositeAlarm", AlarmName="page", AlarmRule='ALARM("errors")', AlarmActions=[ref("Topic")]),
    }


def good() -> Templates:
    """Two regions that can take over from each other."""
    templates: Templates = {}
    for region in (EAST, WEST):
        templates[region, "Data"] = {"Resources": data(region), "Outputs": exports(region)}
        templates[region, "Work"] = {"Resources": work(region) | watch(region)}
        templates[region, "Entry"] = {"Resources": entry(region)}
        templates[region, "Backups"] = {"Resources": backups(region)}
    reached = alarm("reached", "AWS/Route53", "HealthCheckPercentageHealthy", HealthCheckId=attribute("Endpoint", "HealthCheckId"))
    standby = alarm("standby-reached", "AWS/Route53", "HealthCheckPercentageHealthy", HealthCheckId=WATCHED)
    topic = {"Topic": a("SNS::Topic")}
    templates[EAST, "Entry"]["Resources"] |= {"Reached": reached, "StandbyReached": standby} | topic
    templates[WEST, "Entry"]["Resources"] |= topic
    return deepcopy(templates)


PROTECTED = frozenset((region, stack) for region in (EAST, WEST) for stack in ("Data", "Entry", "Backups"))


class _Gone:
    """What a planted defect takes away."""


GONE = _Gone()


@dataclass(frozen=True)
class Planted:
    """One defect: a property of one resource has another value, or is gone; without a path the resource itself is.

    Attributes:
        name: How the logical id begins.
        path: Steps with ``/`` between them, from the resource's body on.
        also: Other resources, as (region, kind, name), that are gone with it.
        at: Where the finding is, if not at the resource: region and how the logical id begins.
    """

    rule: str
    region: str
    kind: str
    name: str
    path: str = ""
    value: Any = GONE
    also: tuple[tuple[str, str, str], ...] = ()
    at: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.rule}-{self.region}-{self.name}-{self.path.rpartition('/')[2]}"

    def into(self, templates: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], Any]:
        """The templates with the defect in them; what it does not touch is shared."""
        changed = dict(templates)
        for region, kind, begins in ((self.region, self.kind, self.name), *self.also):
            stack, name = _found(changed, region, kind, begins)
            changed[region, stack] = template = deepcopy(changed[region, stack])
            if self.path and (region, kind) == (self.region, self.kind):
                _change(template["Resources"][name], self.path.split("/"), self.value)
            else:
                del template["Resources"][name]
        return changed


def _change(body: Any, path: list[str], value: Any) -> None:
    """Put a value at the end of a path, or take away what is there."""
    inner = body
    for step in path[:-1]:
        inner = inner[int(step) if isinstance(inner, list) else step]
    last: Any = int(path[-1]) if isinstance(inner, list) else path[-1]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = deepcopy(value)


def _found(templates: Mapping[tuple[str, str], Any], region: str, kind: str, begins: str) -> tuple[str, str]:
    """Stack and logical id of the one resource that is meant."""
    found = [
        (stack, name)
        for (where, stack), template in templates.items()
        for name, body in template["Resources"].items()
        if where == region and body["Type"] == f"AWS::{kind}" and name.startswith(begins)
    ]
    assert len(found) == 1, (region, kind, begins, found)
    return found[0]


def judged(templates: Mapping[tuple[str, str], Mapping[str, Any]], situation: Situation = SITUATION, **options: Any) -> Evaluation:
    return evaluate(Deployment(templates, EAST, ACCOUNT, options.pop("protected", PROTECTED)), situation, **options)


def places(findings: tuple[Finding, ...]) -> Iterator[tuple[str, str, str]]:
    return ((each.rule, each.region, each.resource) for each in findings)
