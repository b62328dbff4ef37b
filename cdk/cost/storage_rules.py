"""What tables, buckets, streams, keys, secrets and the cache use."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from cdk.cost.bucket_use import bucket_use
from cdk.cost.deployment import Resource
from cdk.cost.live_path import KB, NOTHING, ZERO, Stream, ceiling
from cdk.cost.load import GB, Load
from cdk.cost.usage import Usage

PUT_UNIT_KB = Decimal(25)
# The metered minimum of a Valkey cache.
LEAST_CACHE_GB = Decimal("0.1")
HOT_QUOTE_BYTES = Decimal(200)


def table(resource: Resource, load: Load) -> Sequence[Usage]:
    """A global table: every replica writes and keeps everything; the witness writes too. Reads are of the home region alone."""
    replicas = resource.properties.get("Replicas", [])
    witnesses = len(resource.properties.get("GlobalTableWitnesses", []))
    name = str(resource.properties["TableName"]).removeprefix("daymark-")
    use, copies = load.table(name), len(replicas)
    writers = copies + witnesses
    price = "dynamodb.replicated_write_unit" if writers > 1 else "dynamodb.write_unit"
    written = f"{use.why}; {writers} regions write" if writers > 1 else use.why
    recovered = sum(bool(each.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled")) for each in replicas)
    sent = use.writes * (writers - 1) * KB / GB
    return [
        Usage("writes", price, use.writes * writers, written),
        Usage("reads", "dynamodb.read_unit", use.reads, use.why),
        Usage("storage", "dynamodb.storage", use.gigabytes * copies, f"{copies} replicas"),
        Usage("recovery", "dynamodb.recovery", use.gigabytes * recovered, f"{recovered} replicas with point-in-time recovery"),
        *([Usage("replication", "transfer.between_regions", sent, "1 KB for each unit written, to each other region")] if sent else []),
    ]


def bucket(resource: Resource, load: Load) -> Sequence[Usage]:
    """Requests and storage; a replicated bucket is put and kept twice."""
    use = bucket_use(resource.path, load)
    lines = [
        Usage("puts", "s3.put", use.puts, use.why),
        Usage("gets", "s3.get", use.gets, use.why),
        Usage("storage", "s3.standard", use.standard_gb, use.why),
    ]
    if use.archive_gb:
        lines.append(Usage("archive", "s3.glacier_instant", use.archive_gb, use.why))
        lines.append(Usage("moves", "s3.glacier_transition", use.moved, use.why))
    if resource.properties.get("ReplicationConfiguration"):
        lines.append(Usage("replicated puts", "s3.put", use.puts, "every object is replicated"))
        lines.append(Usage("replication", "transfer.between_regions", use.written_gb, "every object is replicated"))
        lines.append(Usage("replica", "s3.standard", use.standard_gb + use.archive_gb, "kept in the other region as long"))
    return lines


def _stream(name: str, load: Load) -> Stream:
    return {"TickRecords": load.live.ticks, "QuoteRecords": load.live.quotes}.get(name, NOTHING)


def stream(resource: Resource, load: Load) -> Sequence[Usage]:
    """A stream by its mode; on demand every record counts in whole KB, provisioned in units of 25 KB."""
    flow, properties, seconds = _stream(resource.path, load), resource.properties, load.seconds
    hours = load.said["hours_a_month"]
    kept_longer = Decimal(int(properties.get("RetentionPeriodHours", 24)) - 24)
    rates = f"{flow.records:.0f} records/s of {flow.record_bytes / KB:.2f} KB in sessions"
    if properties.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND":
        gigabytes = flow.billed_kb * seconds * KB / GB
        lines = [
            Usage("stream", "kinesis.on_demand_stream_hour", hours, "on demand, all hours of the month"),
            Usage("data in", "kinesis.on_demand_in", gigabytes, f"{rates}, whole KB each"),
        ]
        if kept_longer > 0:
            lines.append(
                Usage("retention", "kinesis.on_demand_retention", gigabytes * kept_longer / hours, f"{kept_longer} hours beyond a day")
            )
        if not load.deployed.fan_out:
            lines.append(Usage("data out", "kinesis.on_demand_out", gigabytes, "one reader that polls"))
        return lines
    shards = Decimal(int(properties.get("ShardCount", 1)))
    units = flow.records * ceiling(flow.record_bytes / KB / PUT_UNIT_KB) * seconds
    lines = [
        Usage("shards", "kinesis.shard_hour", shards * hours, f"{shards} shards, all hours of the month"),
        Usage("puts", "kinesis.put_unit", units, rates),
    ]
    if kept_longer > 0:
        lines.append(Usage("retention", "kinesis.retention_shard_hour", shards * hours, f"{kept_longer} hours beyond a day"))
    return lines


def consumer(resource: Resource, load: Load) -> Sequence[Usage]:
    """A reader that is pushed the stream: what it is sent."""
    name = str(resource.properties.get("ConsumerName"))
    flow = _stream({"ingest_ticks": "TickRecords", "mark_portfolios": "QuoteRecords"}.get(name, ""), load)
    gigabytes = flow.billed_kb * load.seconds * KB / GB
    return [Usage("fan-out", "kinesis.on_demand_fan_out", gigabytes, "every record once, of an on-demand stream")]


def key(resource: Resource, load: Load) -> Sequence[Usage]:
    """A customer managed key in its first year; each of the first two yearly rotations adds a dollar a month."""
    requests = load.said["kms_requests_a_key"]
    if resource.path == "DataKey":
        uses = [bucket_use(name, load) for name in ("Ticks", "Live", "Documents")]
        requests += sum((each.puts + each.gets for each in uses), ZERO) * load.said["kms_share_of_s3"]
    return [
        Usage("key", "kms.key_month", Decimal(1), "first year; rotations add a dollar each"),
        Usage("requests", "kms.request", requests, load.said.bases["kms_share_of_s3"]),
    ]


def replica_key(resource: Resource, load: Load) -> Sequence[Usage]:
    """A replica of a multi-region key costs what a key does."""
    del resource
    return [
        Usage("key", "kms.key_month", Decimal(1), "a replica counts as a key"),
        Usage("requests", "kms.request", load.said["kms_requests_a_key"], load.said.bases["kms_requests_a_key"]),
    ]


def secret(resource: Resource, load: Load) -> Sequence[Usage]:
    """A secret, read at cold starts."""
    del resource
    return [
        Usage("secret", "secretsmanager.secret_month", Decimal(1), "all month"),
        Usage("reads", "secretsmanager.request", load.requests / 100, "one of a hundred requests finds a cold function"),
    ]


def cache(resource: Resource, load: Load) -> Sequence[Usage]:
    """A serverless cache: at least 100 MB, and a unit for each KB merged, three times for the script that compares."""
    del resource
    merged = load.live.ticks.calls * load.seconds
    stored = max(LEAST_CACHE_GB, load.scale.symbols * HOT_QUOTE_BYTES / GB)
    symbols = load.live.ticks.records / load.live.ticks.calls * load.scale.symbols / load.deployed.groups if load.live.ticks.calls else ZERO
    units = merged * max(Decimal(1), symbols * HOT_QUOTE_BYTES / KB) * 3
    return [
        Usage("data", "elasticache.data_hour", stored * load.said["hours_a_month"], "metered for at least 100 MB"),
        Usage("work", "elasticache.processing_unit", units, "estimated: 200 bytes a symbol merged, three units a KB"),
    ]


def backup_plan(resource: Resource, load: Load) -> Sequence[Usage]:
    """The recovery points of a plan's rules at the end of a year: each of a table is a full copy, those of objects share what is alike."""
    said, points, copied = load.said, ZERO, ZERO
    for rule in resource.properties["BackupPlan"]["BackupPlanRule"]:
        months = Decimal(int(rule["Lifecycle"]["DeleteAfterDays"])) / said["days_a_month"]
        kept = _runs_a_month(str(rule["ScheduleExpression"]), load) * min(months, said["months_kept"])
        points += kept * (1 + len(rule.get("CopyActions", [])))
        copied += kept * len(rule.get("CopyActions", []))
    tables = sum((load.table(name).gigabytes for name in ("book", "operations", "audit")), ZERO)
    objects = sum((bucket_use(name, load).standard_gb for name in ("Documents", "Prices")), ZERO)
    places = 2 if copied else 1
    return [
        Usage(
            "tables",
            "backup.dynamodb_storage",
            tables * points,
            f"{points:.0f} full copies of the tables, {copied:.0f} in the other region",
        ),
        Usage(
            "objects",
            "backup.s3_storage",
            objects * places,
            f"documents and prices once in {places} regions: later points hold changes only",
        ),
        Usage(
            "copies", "transfer.between_regions", tables * copied / said["months_kept"], "copies made in a month, of tables of that size"
        ),
    ]


def _runs_a_month(schedule: str, load: Load) -> Decimal:
    """Of a cron expression that names weekdays, or a day of the month, or neither: every day."""
    fields = schedule.removeprefix("cron(").removesuffix(")").split()
    if "MON-FRI" in fields:
        return load.said["weekdays_a_month"]
    return Decimal(1) if fields[2].isdigit() else load.said["days_a_month"]
