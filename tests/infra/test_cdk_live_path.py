"""The live path: streams, who reads and writes them, buckets' lives, the network without a way out and the cache in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.constructs.network import place
from cdk.functions import EVERY_FUNCTION, QUOTES, TICKS
from cdk.live_settings import LiveSettings
from cdk.settings import DeploymentSettings
from daymark.core.errors import InvalidInput

REGIONS = ("us-east-1", "us-west-2")
LOCAL = {"redis_url": "redis://127.0.0.1:6379/0"}


def one(assembly: Any, kind: str, region: str) -> dict[str, Any]:
    ((_, resource),) = assembly.resources(kind, region)
    return resource["Properties"]


def by_id(assembly: Any, kind: str, region: str) -> dict[str, dict[str, Any]]:
    return {name: resource["Properties"] for (_, _, name), resource in assembly.resources(kind, region)}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def role_statements(assembly: Any, region: str, role: str) -> list[dict[str, Any]]:
    return [
        statement
        for _, policy in assembly.resources("AWS::IAM::Policy", region)
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if policy["Properties"]["Roles"][0]["Ref"].startswith(f"{role}Role")
    ]


def granted(assembly: Any, role: str, service: str) -> dict[str, set[str]]:
    """Actions of a service by the resource that a role may do them to, in us-east-1."""
    found: dict[str, set[str]] = {}
    for statement in role_statements(assembly, "us-east-1", role):
        for resource in as_list(statement["Resource"]):
            actions = {action for action in as_list(statement["Action"]) if action.startswith(f"{service}:")}
            if actions and statement["Effect"] == "Allow":
                found.setdefault(json.dumps(resource), set()).update(actions)
    return found


def prefixes(assembly: Any, role: str) -> dict[tuple[str, str], set[str]]:
    """What a role may do to objects, by bucket and key prefix."""
    found = {}
    for resource, actions in granted(assembly, role, "s3").items():
        if "s3:ListBucket" not in actions:
            parts = json.loads(resource)["Fn::Join"][1]
            export = next(part["Fn::ImportValue"] for part in parts if isinstance(part, dict))
            bucket = next(name for name in ("Ticks", "Live", "Prices", "Documents", "Seals") if f"GetAtt{name}" in export)
            found[bucket, parts[-1]] = actions
    return found


def mappings(assembly: Any, region: str) -> dict[str, dict[str, Any]]:
    """Event source mappings by the function they call."""
    found = {}
    for body in by_id(assembly, "AWS::Lambda::EventSourceMapping", region).values():
        found[body["FunctionName"]["Ref"].partition("Function")[0]] = body
    return found


@pytest.mark.parametrize("region", REGIONS)
def test_streams_are_under_the_data_key_and_grow_by_themselves(cloud, region):
    streams = by_id(cloud, "AWS::Kinesis::Stream", region)

    assert len(streams) == 2
    hours = {}
    for (_, stack, name), resource in cloud.resources("AWS::Kinesis::Stream", region):
        body = resource["Properties"]
        assert stack == "Data"
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
        assert body["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"} and "ShardCount" not in body
        assert body["StreamEncryption"]["EncryptionType"] == "KMS"
        assert body["StreamEncryption"]["KeyId"]["Fn::GetAtt"][0].startswith("DataKey")
        hours[name.partition("Records")[0]] = body["RetentionPeriodHours"]
    assert hours == {"Tick": 48, "Quote": 48}


def test_the_embedded_cloud_has_few_shards_and_no_consumer_of_its_own(local):
    shards = {name.partition("Records")[0]: body["ShardCount"] for name, body in by_id(local, "AWS::Kinesis::Stream", "us-east-1").items()}

    assert shards == {"Tick": 2, "Quote": 1}
    assert not list(local.resources("AWS::Kinesis::StreamConsumer"))
    for body in mappings(local, "us-east-1").values():
        assert "KinesisStream" not in json.dumps(body) and "Records" in json.dumps(body["EventSourceArn"])


def test_the_local_tools_are_told_of_streams_and_buckets(local):
    assert {"TicksStream", "QuotesStream", "TicksBucket", "LiveBucket"} <= set(local.templates["us-east-1", "Data"]["Outputs"])


def test_a_full_batch_of_the_largest_records_fits_one_call():
    payload, record = 6 * 1024 * 1024, 1024 * 1024
    # Base64 writes three bytes as four characters; a record's envelope has under 1 KiB.
    encoded = -(-record // 3) * 4 + 1024

    assert TICKS.batch_records == payload // encoded == 4
    assert 1 <= TICKS.batches_at_once <= 10 and 1 <= QUOTES.batches_at_once <= 10


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(("function", "batch"), [("IngestTicks", 4), ("MarkPortfolios", 100)])
def test_a_mapping_bisects_answers_in_part_and_gives_up_into_a_queue_at_last(cloud, region, function, batch):
    body = mappings(cloud, region)[function]

    assert set(mappings(cloud, region)) == {"IngestTicks", "MarkPortfolios"}
    assert body["StartingPosition"] == "TRIM_HORIZON"
    assert body["BatchSize"] == batch
    assert body["BisectBatchOnFunctionError"] is True
    assert body["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert body["MaximumRetryAttempts"] == 1000
    # A day, while ticks are kept for two: a pointer in the queue still finds its records.
    assert body["MaximumRecordAgeInSeconds"] == 86_400
    queue = body["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"][0]
    assert by_id(cloud, "AWS::SQS::Queue", region)[queue]["KmsMasterKeyId"]
    consumer = body["EventSourceArn"]["Fn::GetAtt"]
    assert consumer[1] == "ConsumerARN"
    read = {"IngestTicks": "TickRecords", "MarkPortfolios": "QuoteRecords"}[function]
    assert read in json.dumps(by_id(cloud, "AWS::Kinesis::StreamConsumer", region)[consumer[0]]["StreamARN"])


@pytest.mark.parametrize(("role", "reads", "puts"), [("IngestTicks", "Tick", "Quote"), ("MarkPortfolios", "Quote", None)])
def test_who_reads_a_stream_may_only_read_it_and_only_ingest_puts(cloud, role, reads, puts):
    polling = {f"kinesis:{name}" for name in ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")}
    pushed = {"kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"}
    held = {}
    for resource, actions in granted(cloud, role, "kinesis").items():
        held[next(word for word in ("Consumer", "TickRecords", "QuoteRecords") if word in resource)] = actions

    assert held == {f"{reads}Records": polling, "Consumer": pushed} | ({f"{puts}Records": {"kinesis:PutRecords"}} if puts else {})


def test_without_fan_out_nobody_is_a_consumer(local):
    assert not [each for each in granted(local, "IngestTicks", "kinesis").values() if "kinesis:SubscribeToShard" in each]


def test_no_other_function_touches_a_stream(cloud):
    roles = {
        policy["Properties"]["Roles"][0]["Ref"].partition("Role")[0]
        for (_, stack, _), policy in cloud.resources("AWS::IAM::Policy")
        # Experiments inject failures into streams and read none (test_cdk_recovery.py).
        if stack != "Recovery" and "kinesis:" in json.dumps(policy["Properties"]["PolicyDocument"])
    }

    assert roles == {"IngestTicks", "MarkPortfolios"}


READ, WRITE = {"s3:GetObject"}, {"s3:GetObject", "s3:PutObject"}


@pytest.mark.parametrize(
    ("role", "objects"),
    [
        ("IngestTicks", {"Ticks/ticks": WRITE, "Ticks/quarantine": WRITE, "Live/lanes": WRITE, "Live/sessions": READ}),
        ("MarkPortfolios", {"Ticks/quarantine/quotes": WRITE, "Live/boards": WRITE, "Live/sessions": READ, "Live/books": READ}),
        ("PushMarks", {"Live/boards": READ}),
        ("ReceiveMessage", {"Live/boards": READ}),
    ],
)
def test_each_function_has_its_own_prefixes(cloud, role, objects):
    assert {f"{bucket}{prefix.removesuffix('/*')}": actions for (bucket, prefix), actions in prefixes(cloud, role).items()} == objects


def test_ingest_and_marks_touch_no_table(cloud):
    for role in ("IngestTicks", "MarkPortfolios"):
        assert granted(cloud, role, "dynamodb") == {}


@pytest.mark.parametrize("region", REGIONS)
def test_ticks_move_to_cheaper_storage_and_end_after_seven_years(cloud, region):
    (rules,) = [
        body["LifecycleConfiguration"]["Rules"]
        for name, body in by_id(cloud, "AWS::S3::Bucket", region).items()
        if name.startswith("Ticks")
    ]
    ((rule,),) = ([each for each in rules if "Transitions" in each],)

    assert rule["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    assert (rule["ExpirationInDays"], rule["NoncurrentVersionExpiration"]) == (2557, {"NoncurrentDays": 2557})


@pytest.mark.parametrize("region", REGIONS)
def test_earlier_versions_of_live_state_end_after_a_day_and_lanes_after_thirty(cloud, region):
    (rules,) = [
        body["LifecycleConfiguration"]["Rules"] for name, body in by_id(cloud, "AWS::S3::Bucket", region).items() if name.startswith("Live")
    ]

    assert [each["NoncurrentVersionExpiration"] for each in rules if "NoncurrentVersionExpiration" in each] == [{"NoncurrentDays": 1}]
    assert [(each["Prefix"], each["ExpirationInDays"]) for each in rules if "ExpirationInDays" in each] == [("lanes/", 30)]


@pytest.mark.parametrize("region", REGIONS)
def test_late_readers_given_up_records_and_full_streams_raise_alarms(cloud, region):
    alarms = list(by_id(cloud, "AWS::CloudWatch::Alarm", region).values())
    late = [body for body in alarms if body.get("MetricName") == "IteratorAge"]

    assert [(body["Threshold"], body["Period"], body["Statistic"]) for body in late] == [(30_000, 60, "Maximum")] * 2
    assert len([body for body in alarms if body.get("MetricName", "").endswith("ProvisionedThroughputExceeded")]) == 4
    assert {body["AlarmDescription"] for body in alarms if "given up" in body["AlarmDescription"]} == {
        "ticks: records were given up; read them again while the stream keeps them. Runbook: docs/runbooks/records-given-up.md",
        "quotes: records were given up; read them again while the stream keeps them. Runbook: docs/runbooks/records-given-up.md",
    }


@pytest.mark.parametrize("region", REGIONS)
def test_only_ingest_runs_in_the_network(cloud, region):
    placed = {name: body["VpcConfig"] for name, body in by_id(cloud, "AWS::Lambda::Function", region).items() if "VpcConfig" in body}

    ((name, where),) = placed.items()
    assert name.startswith("IngestTicks")
    assert len(where["SubnetIds"]) == 3 and len(where["SecurityGroupIds"]) == 1
    denied = [each for each in role_statements(cloud, region, "IngestTicks") if each["Effect"] == "Deny"]
    allowed = [
        each for each in role_statements(cloud, region, "IngestTicks") if each["Effect"] == "Allow" and "ec2:" in str(each["Action"])
    ]
    assert [each["Condition"] for each in denied] == [{"Null": {"lambda:SourceFunctionArn": "false"}}]
    # Rights that take no resource stand together; those to interfaces are denied to code, all of them.
    assert {action for each in denied for action in each["Action"]} == {
        action for each in allowed for action in each["Action"] if action.startswith("ec2:")
    }


@pytest.mark.parametrize("region", REGIONS)
def test_the_network_has_no_way_to_the_internet(cloud, region):
    kinds = {resource["Type"] for resource in cloud.templates[region, "Network"]["Resources"].values()}

    assert not kinds & {f"AWS::EC2::{kind}" for kind in ("InternetGateway", "NatGateway", "Route", "EIP", "VPCGatewayAttachment")}
    for body in by_id(cloud, "AWS::EC2::Subnet", region).values():
        assert body["MapPublicIpOnLaunch"] is False
    zones = {body["AvailabilityZoneId"] for body in by_id(cloud, "AWS::EC2::Subnet", region).values()}
    assert len(zones) == 3
    assert one(cloud, "AWS::EC2::FlowLog", region)["TrafficType"] == "ALL"


@pytest.mark.parametrize("region", REGIONS)
def test_groups_admit_ingest_alone_and_let_out_only_to_named_places(cloud, region):
    groups = {
        body["GroupDescription"].partition(":")[0]: (name, body) for name, body in by_id(cloud, "AWS::EC2::SecurityGroup", region).items()
    }
    ingest, cache, endpoints = (groups[name] for name in ("The function that reads ticks", "The cache", "Interface endpoints"))
    admitted = {
        (body["GroupId"]["Fn::GetAtt"][0], body["SourceSecurityGroupId"]["Fn::GetAtt"][0], body["FromPort"], body["ToPort"])
        for body in by_id(cloud, "AWS::EC2::SecurityGroupIngress", region).values()
    }

    machines = groups["GPU machines"]
    assert admitted == {(cache[0], ingest[0], 6379, 6380), (endpoints[0], ingest[0], 443, 443), (endpoints[0], machines[0], 443, 443)}
    for _, body in groups.values():
        assert "SecurityGroupIngress" not in body
    # ICMP to the broadcast address: a rule that matches nothing.
    for _, body in (cache, endpoints):
        assert [(rule["IpProtocol"], rule["CidrIp"]) for rule in body["SecurityGroupEgress"]] == [("icmp", "255.255.255.255/32")]
    assert not [rule for rule in ingest[1]["SecurityGroupEgress"] if "CidrIp" in rule]
    assert {rule["ToPort"] for rule in ingest[1]["SecurityGroupEgress"]} == {443, 6380}


@pytest.mark.parametrize("region", REGIONS)
def test_endpoints_reach_named_buckets_and_one_stream_for_this_account(cloud, region):
    endpoints = {body["ServiceName"].rpartition(".")[2]: body for body in by_id(cloud, "AWS::EC2::VPCEndpoint", region).values()}

    # Those of GPU machines are Batch's own (test_cdk_compute.py).
    endpoints = {name: body for name, body in endpoints.items() if name in ("s3", "kinesis-streams")}
    assert {name: body["VpcEndpointType"] for name, body in endpoints.items()} == {"s3": "Gateway", "kinesis-streams": "Interface"}
    actions = {}
    for name, body in endpoints.items():
        for statement in body["PolicyDocument"]["Statement"]:
            if statement["Resource"] == f"arn:aws:s3:::prod-{region}-starport-layer-bucket/*":
                # The layers of images, read for this account by ECR itself.
                assert statement["Action"] == "s3:GetObject"
                continue
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}
            for action in as_list(statement["Action"]):
                actions[action] = json.dumps(statement["Resource"])
        assert name
    assert set(actions) == {"kinesis:PutRecords", "s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert "QuoteRecords" in actions["kinesis:PutRecords"] and "TickRecords" not in actions["kinesis:PutRecords"]
    for action in ("s3:GetObject", "s3:PutObject", "s3:ListBucket"):
        assert "GetAttTicks" in actions[action] and "GetAttLive" in actions[action]
        assert not [name for name in ("GetAttPrices", "GetAttSeals") if name in actions[action]]


@pytest.mark.parametrize("region", REGIONS)
def test_the_cache_is_bounded_under_our_key_and_spoken_to_over_tls(cloud, region):
    cache = one(cloud, "AWS::ElastiCache::ServerlessCache", region)
    (ingest,) = [
        body["Environment"]["Variables"]
        for name, body in by_id(cloud, "AWS::Lambda::Function", region).items()
        if name.startswith("IngestTicks")
    ]

    assert (cache["Engine"], cache["SnapshotRetentionLimit"]) == ("valkey", 0)
    assert "DataKey" in json.dumps(cache["KmsKeyId"])
    assert cache["CacheUsageLimits"] == {"DataStorage": {"Maximum": 1, "Unit": "GB"}, "ECPUPerSecond": {"Maximum": 30_000}}
    assert len(cache["SubnetIds"]) == 3 and len(cache["SecurityGroupIds"]) == 1
    parts = ingest["DAYMARK_REDIS_URL"]["Fn::Join"][1]
    assert parts[0] == "rediss+cluster://" and [part["Fn::GetAtt"][1] for part in parts[1::2]] == ["Endpoint.Address", "Endpoint.Port"]


def test_one_machine_has_no_network_and_the_cache_it_was_told_of(local):
    assert ("us-east-1", "Network") not in local.templates
    assert not [kind for kind in ("AWS::EC2::VPC", "AWS::ElastiCache::ServerlessCache") if list(local.resources(kind))]
    told = {
        body["Environment"]["Variables"].get("DAYMARK_REDIS_URL") for body in by_id(local, "AWS::Lambda::Function", "us-east-1").values()
    }
    assert told == {None, LOCAL["redis_url"]}


def test_every_function_but_ingest_stays_without_a_cache():
    assert [each.name for each in EVERY_FUNCTION if "redis_url" in each.settings.model_fields] == ["ingest_ticks"]


def test_ticks_are_synthetic_on_one_machine_and_never_in_the_cloud(cloud, local):
    def said(assembly: Any) -> set[str]:
        bodies = by_id(assembly, "AWS::Lambda::Function", "us-east-1").values()
        return {
            variables["DAYMARK_SYNTHETIC_TICKS"]
            for body in bodies
            if "DAYMARK_SYNTHETIC_TICKS" in (variables := body["Environment"]["Variables"])
        }

    assert (said(cloud), said(local)) == ({"False"}, {"True"})


def test_one_machine_needs_a_cache():
    with pytest.raises(InvalidInput, match="--context redis_url=") as refused:
        LiveSettings.read({}.get, {}, is_local=True)
    assert refused.value.field == "redis_url"


def test_the_caches_address_comes_from_the_environment_unless_the_context_says_it():
    """An address may hold a password, and a command's arguments can be read by anybody on the machine."""
    local, secret = {"target": "local", "layers": "built"}, "redis://:secret@cache.example:6379/0"
    environment = {"DAYMARK_REDIS_URL": secret}
    assert DeploymentSettings.read(local.get, environment).live.redis_url == secret
    assert DeploymentSettings.read((local | LOCAL).get, environment).live.redis_url == LOCAL["redis_url"]
    cloud = {"target": "cloud", "layers": "built"}
    assert DeploymentSettings.read(cloud.get, environment | {"CDK_DEFAULT_ACCOUNT": "111122223333"}).live.redis_url == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tick_groups", "0"),
        ("portfolio_buckets", "10001"),
        ("ticks_hours", "23"),
        ("quotes_hours", "49"),
        ("ticks_shards", "two"),
        ("tick_publishers", "1,1"),
        ("tick_publishers", "65536"),
        ("tick_publishers", ""),
        ("fan_out", "perhaps"),
    ],
)
def test_a_size_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(InvalidInput) as refused:
        LiveSettings.read({name: value}.get, {}, is_local=False)
    assert refused.value.field == name


def test_sizes_come_from_the_context():
    context = {"tick_groups": "8", "tick_publishers": "7,9", "fan_out": "false", "quotes_hours": "30"}
    live = LiveSettings.read(context.get, {}, is_local=False)

    assert (live.tick_groups, live.tick_publishers, live.fan_out, live.quotes_hours) == (8, (7, 9), False, 30)
    assert live.values() == {"tick_groups": "8", "portfolio_buckets": "256", "tick_publishers": "7,9", "synthetic_ticks": "False"}
    assert LiveSettings.read((LOCAL | {"fan_out": "true"}).get, {}, is_local=True).fan_out is False


def test_a_region_without_listed_zones_is_refused():
    with pytest.raises(InvalidInput, match="no zones are listed for eu-west-1"):
        place("eu-west-1")
