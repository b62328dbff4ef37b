"""Recovery: locked backups in both regions, alarms on what was not copied, and the faults by which it is rehearsed. In the cloud only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk.constructs.alarms import PERIOD, Alarms, Limit, alarm_name
from cdk.constructs.faults import NETWORK_POLICY, Experiment, Faults
from cdk.constructs.network import DaymarkNetwork
from cdk.constructs.replication import MINUTES, REPLICATED, RULE, bucket_name
from cdk.constructs.tables import EVENTUAL, table_name
from cdk.constructs.vault import VAULT, LockedVault
from cdk.settings import DeploymentSettings
from cdk.stacks.data import DataStack
from cdk.stacks.observability import ObservabilityStack
from daymark.adapters.dynamodb.tables import TABLES
from daymark.operations.models import OperationPhase

# What a restore brings back. The fence is not among it: an older fence would let old epochs claim again, the one thing it must never do.
# Connections live for seconds. Seals are locked where they lie, ticks and live state come from elsewhere.
TABLES_BACKED_UP = ("audit", "book", "operations")
BUCKETS_BACKED_UP = ("documents", "prices")
_TABLE_POLICY = ("dynamodb:DeleteResourcePolicy", "dynamodb:DescribeTable", "dynamodb:GetResourcePolicy", "dynamodb:PutResourcePolicy")
_BY_TAG = ("tag:GetResources",)
_LOST = tuple(alarm_name(name) for name in ("IngestTicksGivenUp", "MarkPortfoliosGivenUp"))
_PAUSE = "aws:dynamodb:global-table-pause-replication"


class RecoveryStack(Stack):
    """Stateful: the vault is retained and, once its lock is final, outlives the account's wish to delete it."""

    def __init__(
        self,
        scope: Construct,
        settings: DeploymentSettings,
        data: DataStack,
        network: DaymarkNetwork,
        observability: ObservabilityStack,
        **options: Any,
    ) -> None:
        super().__init__(scope, "Recovery", stack_name="daymark-recovery", termination_protection=True, **options)
        stores, other = data.stores, settings.other(self.region)
        vault = LockedVault(self, "Backups", stores.key, settings.recovery)
        tables = [stores.tables[name].table_arn for name in TABLES_BACKED_UP]
        vault.fill([*tables, *(stores.buckets[name].bucket_arn for name in BUCKETS_BACKED_UP)], other)
        self.alarms = alarms = Alarms(self, "Alarms", observability.tickets)
        for each in ("BackupJobsFailed", "CopyJobsFailed"):
            metric = cloudwatch.Metric(
                namespace="AWS/Backup",
                metric_name=f"NumberOf{each}",
                dimensions_map={"BackupVaultName": VAULT},
                statistic="Sum",
                period=PERIOD,
            )
            alarms.add(each, metric, "A backup or its copy in the other region failed", "backup-failed")
        if self.region == settings.primary or settings.recovery.copy_back:
            for name in REPLICATED:
                self._watch_copies(alarms, name, other)
        self.faults = Faults(self, "Faults", data.log_key)
        for experiment in self._experiments(data, network):
            self.faults.plan(experiment)
        # A stop condition on an alarm that does not exist is refused.
        self.add_stack_dependency(observability)

    def _watch_copies(self, alarms: Alarms, name: str, other: str) -> None:
        here, there = bucket_name(self, name, self.region), bucket_name(self, name, other)
        rule = {"SourceBucket": here, "DestinationBucket": there, "RuleId": RULE}
        for each, statistic, limit in (
            ("OperationsFailedReplication", "Sum", Limit()),
            ("ReplicationLatency", "Maximum", Limit(MINUTES * 60)),
        ):
            metric = cloudwatch.Metric(namespace="AWS/S3", metric_name=each, dimensions_map=rule, statistic=statistic, period=PERIOD)
            meaning = f"{name}: objects are not in the other region within {MINUTES} minutes"
            alarms.add(f"{name.capitalize()}{each}", metric, meaning, "copies-late", limit)

    def _experiments(self, data: DataStack, network: DaymarkNetwork) -> Sequence[Experiment]:
        subnet = self.format_arn(service="ec2", resource="subnet", resource_name=network.subnets[0].ref)
        zone = Experiment(
            "ZoneCutOff",
            "With one zone's subnet cut off from everything, ingest goes on in the other two within its time limit",
            "aws:network:disrupt-connectivity",
            "Subnets",
            "aws:ec2:subnet",
            [subnet],
            {"duration": "PT10M", "scope": "all"},
            _LOST,
            managed=NETWORK_POLICY,
        )
        return (*self._pauses(data), *self._stream_faults(data), zone)

    def _pauses(self, data: DataStack) -> Sequence[Experiment]:
        tables, kind = data.stores.tables, "aws:dynamodb:global-table"
        eventual, fence = [tables[name].table_arn for name in EVENTUAL], tables["fence"].table_arn
        names = [table_name(TABLES[name]) for name in EVENTUAL]
        changes = [self.format_arn(service="dynamodb", resource="table", resource_name=f"{name}/stream/*") for name in names]
        return (
            Experiment(
                "ReplicasPaused",
                "With the eventual tables' replication paused, the leading region runs its phases, and the validator lists what lags",
                _PAUSE,
                "Tables",
                kind,
                eventual,
                {"duration": "PT15M"},
                [alarm_name(f"{''.join(word.capitalize() for word in phase.split('_'))}Failed") for phase in OperationPhase],
                {_TABLE_POLICY: [*eventual, *changes], _BY_TAG: ["*"]},
            ),
            Experiment(
                "FencePaused",
                "With one replica of the fence cut off, live figures go on, and no phase is run twice or under an old epoch",
                _PAUSE,
                "Tables",
                kind,
                [fence],
                {"duration": "PT10M"},
                _LOST,
                {(*_TABLE_POLICY, "dynamodb:InjectError"): [fence], _BY_TAG: ["*"]},
            ),
        )

    @staticmethod
    def _stream_faults(data: DataStack) -> Sequence[Experiment]:
        streams = [stream.stream_arn for stream in data.stores.streams.values()]
        return [
            Experiment(
                name,
                expected,
                f"aws:kinesis:{fault}",
                "KinesisStreams",
                "aws:kinesis:stream",
                streams,
                {"duration": "PT10M", "percentage": "50"},
                _LOST,
                {("kinesis:InjectApiError", "kinesis:DescribeStreamSummary"): streams, _BY_TAG: ["*"]},
            )
            for name, fault, expected in (
                (
                    "StreamsThrottled",
                    "stream-provisioned-throughput-exception",
                    "With half of all calls to the streams throttled, live figures lag, nothing is given up and all of it arrives",
                ),
                (
                    "IteratorsExpired",
                    "stream-expired-iterator-exception",
                    "With half of all iterators expired, readers take up where they were: nothing is lost, nothing applied twice",
                ),
            )
        ]
