"""What the embedded cloud gets wrong, asserted: an upgrade that mends or breaks one of these is noticed here.

Beside each deviation stands what carries the weight instead.
"""

from __future__ import annotations

import io
import json
import os
import signal
import time
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from daymark.local.emulator import Emulator, free_port
from daymark.local.workspace import ACCOUNT, REGION, Workspace

pytestmark = pytest.mark.emulator

PROJECT = Path(__file__).resolve().parents[2]
EMULATOR_PYTHON = PROJECT / ".daymark" / "emulator" / "bin" / "python"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/fidelity"
RAISES = """
class PriceFeedDown(Exception):
    pass

def handler(event, context):
    raise PriceFeedDown("vendor did not answer")
"""

# Notes what it was brought, and answers that the first record of every batch must come again.
ANSWERS_PARTLY = """
import base64, os

def handler(event, context):
    with open(os.environ["TOLD"], "a") as told:
        for record in event["Records"]:
            told.write(base64.b64decode(record["kinesis"]["data"]).decode() + "\\n")
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["kinesis"]["sequenceNumber"]}]}
"""


def client(service: str, endpoint: str, region: str = REGION):
    return boto3.client(service, endpoint_url=endpoint, region_name=region)


def zipped(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("entry.py", source)
    return buffer.getvalue()


def run_machine(endpoint: str, name: str, definition: dict, payload: str = "{}") -> dict:
    machines = client("stepfunctions", endpoint)
    arn = machines.create_state_machine(name=name, definition=json.dumps(definition), roleArn=ROLE)["stateMachineArn"]
    execution = machines.start_execution(stateMachineArn=arn, input=payload)["executionArn"]
    for _ in range(200):
        answer = machines.describe_execution(executionArn=execution)
        if answer["status"] != "RUNNING":
            return answer
        time.sleep(0.05)
    raise AssertionError("the execution never ended")


def test_a_lambda_error_never_reaches_catch_under_its_class_name(emulator: str) -> None:
    """AWS names the exception class in Catch. Here a class name never matches: business failures are typed outcomes instead."""
    client("lambda", emulator).create_function(
        FunctionName="fidelity-raises",
        Runtime="python3.13",
        Role=ROLE,
        Handler="entry.handler",
        Code={"ZipFile": zipped(RAISES)},
    )
    answer = run_machine(
        emulator,
        "fidelity-catch",
        {
            "QueryLanguage": "JSONata",
            "StartAt": "Call",
            "States": {
                "Call": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::lambda:invoke",
                    "Arguments": {"FunctionName": "fidelity-raises", "Payload": {}},
                    "Catch": [
                        {"ErrorEquals": ["PriceFeedDown"], "Next": "ByClass"},
                        {"ErrorEquals": ["States.ALL"], "Next": "ByAll"},
                    ],
                    "Next": "ByAll",
                },
                "ByClass": {"Type": "Pass", "Output": "class", "End": True},
                "ByAll": {"Type": "Pass", "Output": "all", "End": True},
            },
        },
    )
    assert json.loads(answer["output"]) == "all"


def test_a_payload_over_256_kib_passes(emulator: str) -> None:
    """AWS fails a state whose payload passes 256 KiB. Here it goes through: outcomes are kept small by our own bound."""
    definition = {"QueryLanguage": "JSONata", "StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}
    answer = run_machine(emulator, "fidelity-payload", definition, json.dumps({"text": "x" * 300_000}))
    assert answer["status"] == "SUCCEEDED"


def test_a_schedule_in_new_york_fires_as_if_it_were_utc(emulator: str) -> None:
    """AWS honours the zone. Here 'now' by UTC fires at once although it is hours away in New York: cron text is checked by enumeration."""
    queues, schedules = client("sqs", emulator), client("scheduler", emulator)
    url = queues.create_queue(QueueName="fidelity-schedule")["QueueUrl"]
    queue_arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    schedules.create_schedule(
        Name="fidelity-zone",
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=2):%Y-%m-%dT%H:%M:%S})",
        ScheduleExpressionTimezone="America/New_York",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue_arn, "RoleArn": ROLE, "Input": "{}"},
    )
    received = 0
    for _ in range(12):
        received += len(queues.receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", []))
        if received:
            break
    assert received == 1


def test_replicas_declared_in_a_template_do_not_exist_in_the_other_region(emulator: str) -> None:
    """AWS creates them. Here they stay away: replication is checked on the templates, and by our own replicator later."""
    template = {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::GlobalTable",
                "Properties": {
                    "TableName": "fidelity-replica",
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                    "Replicas": [{"Region": REGION}, {"Region": "us-west-2"}],
                },
            }
        }
    }
    stacks = client("cloudformation", emulator)
    stacks.create_stack(StackName="fidelity-replica", TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName="fidelity-replica", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    assert client("dynamodb", emulator).describe_table(TableName="fidelity-replica")["Table"]["TableStatus"] == "ACTIVE"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client("dynamodb", emulator, "us-west-2").describe_table(TableName="fidelity-replica")


@pytest.mark.parametrize(
    "resource",
    [
        {"Type": "AWS::Batch::JobQueue", "Properties": {"Priority": 1}},
        {"Type": "AWS::Route53::HealthCheck", "Properties": {"HealthCheckConfig": {"Type": "HTTPS"}}},
        {"Type": "AWS::CloudWatch::CompositeAlarm", "Properties": {"AlarmRule": "TRUE"}},
    ],
    ids=lambda resource: resource["Type"],
)
def test_resource_types_that_stop_a_whole_deployment(emulator: str, resource: dict) -> None:
    """AWS knows these. Here they stop the change set, so they live in stacks that are not deployed locally."""
    name = "fidelity-" + resource["Type"].replace("::", "-").lower()
    stacks = client("cloudformation", emulator)
    try:
        stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Refused": resource}}))
    except ClientError:
        return
    for _ in range(60):
        status = stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if not status.endswith("IN_PROGRESS"):
            break
        time.sleep(0.1)
    assert status in ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


def test_a_record_that_an_answer_names_never_comes_again(emulator: str, tmp_path: Path) -> None:
    """AWS brings it and all after it again. Here the stream goes on past it, and what was to come again is lost.

    tests/simulation brings records as AWS does (event_source_mapping.py); the local day tells when its stream did not drain.
    """
    told = tmp_path / "told"
    functions, streams = client("lambda", emulator), client("kinesis", emulator)
    function = functions.create_function(
        FunctionName="fidelity-partial",
        Runtime="python3.13",
        Role=ROLE,
        Handler="entry.handler",
        Code={"ZipFile": zipped(ANSWERS_PARTLY)},
        Environment={"Variables": {"TOLD": str(told)}},
    )["FunctionArn"]
    streams.create_stream(StreamName="fidelity-partial", ShardCount=1)
    streams.get_waiter("stream_exists").wait(StreamName="fidelity-partial", WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    stream = streams.describe_stream_summary(StreamName="fidelity-partial")["StreamDescriptionSummary"]["StreamARN"]
    mapping = functions.create_event_source_mapping(
        EventSourceArn=stream,
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]

    def deliver(text: str) -> list[str]:
        """Put a record and wait until it was brought; all that were brought so far, in order."""
        streams.put_record(StreamName="fidelity-partial", Data=text.encode(), PartitionKey="one")
        for _ in range(600):
            brought = told.read_text().split() if told.is_file() else []
            if text in brought:
                return brought
            time.sleep(0.1)
        raise AssertionError(f"{text} never came")

    try:
        deliver("failed")
        assert deliver("next") == ["failed", "next"]
    finally:
        functions.delete_event_source_mapping(UUID=mapping)


def test_a_lock_declared_in_a_template_locks_nothing(emulator: str) -> None:
    """AWS lets nobody delete a version there. Here anybody may: record, chains and journals hold the seal, tests/infra the lock."""
    stacks, buckets = client("cloudformation", emulator), client("s3", emulator)
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 2557}}}
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {
            "BucketName": "fidelity-locked",
            "VersioningConfiguration": {"Status": "Enabled"},
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": lock,
        },
    }
    stacks.create_stack(StackName="fidelity-locked", TemplateBody=json.dumps({"Resources": {"Locked": bucket}}))
    stacks.get_waiter("stack_create_complete").wait(StackName="fidelity-locked", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    with pytest.raises(ClientError) as missing:
        buckets.get_object_lock_configuration(Bucket="fidelity-locked")
    assert missing.value.response["Error"]["Code"] == "ObjectLockConfigurationNotFoundError"
    version = buckets.put_object(Bucket="fidelity-locked", Key="seal", Body=b"{}")["VersionId"]
    buckets.delete_object(Bucket="fidelity-locked", Key="seal", VersionId=version)
    assert "Versions" not in buckets.list_object_versions(Bucket="fidelity-locked")


def test_an_object_is_given_to_whoever_asks_signed_or_not(emulator: str) -> None:
    """AWS refuses, for the buckets block public access; here any address opens any object.

    What protects reports is asserted of the templates (tests/infra) and of the API, which gives links to the entitled alone.
    """
    buckets = client("s3", emulator)
    buckets.create_bucket(Bucket="fidelity-unsigned")
    buckets.put_public_access_block(
        Bucket="fidelity-unsigned",
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    buckets.put_object(Bucket="fidelity-unsigned", Key="report", Body=b"private")
    assert httpx.get(f"{emulator}/fidelity-unsigned/report", timeout=30).content == b"private"


def test_a_genuine_signature_opens_in_any_spelling(emulator: str) -> None:
    """RFC 7515 has one spelling. Here padding and letters that base64 lacks are passed over; whoever spells so has a good token anyway."""
    users = client("cognito-idp", emulator)
    pool = users.create_user_pool(PoolName="fidelity")["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH"]
    app = users.create_user_pool_client(UserPoolId=pool, ClientName="fidelity", ExplicitAuthFlows=flows)["UserPoolClient"]["ClientId"]
    users.admin_create_user(UserPoolId=pool, Username="ada", MessageAction="SUPPRESS")
    users.admin_set_user_password(UserPoolId=pool, Username="ada", Password="Fidelity-1-pool!", Permanent=True)
    given = {"USERNAME": "ada", "PASSWORD": "Fidelity-1-pool!"}
    token = users.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=app, AuthParameters=given)["AuthenticationResult"]["IdToken"]
    url = protected_url(emulator, pool)
    first, second, signature = token.split(".")
    spelled = (token, f"{token}==", f"{first}.{second}.{signature[:9]}~~~~{signature[9:]}", f"bEaReR  {token}")
    answers = {text: httpx.get(url, headers={"Authorization": text}, timeout=30).status_code for text in spelled}
    assert set(answers.values()) == {200}
    assert httpx.get(url, headers={"Authorization": f"{first}.{second}."}, timeout=30).status_code == 401


def protected_url(emulator: str, pool: str) -> str:
    """A method of an API of its own, which answers to whoever shows a token of the pool."""
    apis = client("apigateway", emulator)
    api = apis.create_rest_api(name="fidelity")["id"]
    root = apis.get_resources(restApiId=api)["items"][0]["id"]
    arn = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{pool}"
    authorizer = apis.create_authorizer(
        restApiId=api, name="pool", type="COGNITO_USER_POOLS", providerARNs=[arn], identitySource="method.request.header.Authorization"
    )["id"]
    method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    apis.put_method(**method, authorizationType="COGNITO_USER_POOLS", authorizerId=authorizer)
    apis.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    apis.put_method_response(**method, statusCode="200")
    apis.put_integration_response(**method, statusCode="200")
    apis.create_deployment(restApiId=api, stageName="live")
    return f"{emulator}/restapis/{api}/live/_user_request_/"


def test_state_survives_a_clean_stop_and_nothing_survives_a_kill(tmp_path: Path) -> None:
    """AWS is durable. Here only a graceful stop keeps anything: the README says so and durability is never claimed from it."""
    workspace = Workspace(PROJECT, tmp_path, free_port())
    emulator = Emulator(workspace, EMULATOR_PYTHON)

    def tables() -> list[str]:
        return client("dynamodb", workspace.endpoint).list_tables()["TableNames"]

    def create(name: str) -> None:
        client("dynamodb", workspace.endpoint).create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        )

    emulator.start()
    try:
        create("kept")
        assert emulator.stop()
        emulator.start()
        assert tables() == ["kept"]
        create("lost")
        pid = emulator.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while emulator.pid() is not None:
            time.sleep(0.01)
        emulator.start()
        assert tables() == ["kept"]
    finally:
        emulator.stop()
