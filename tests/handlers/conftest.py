"""The services behind the handlers, in this process: tables and buckets as deployed, the environment as rendered, a synthetic book."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from daymark.adapters.dynamodb.book_store import DynamoBookStore
from daymark.adapters.dynamodb.client import dynamodb_client
from daymark.adapters.dynamodb.fence_ledger import DynamoFenceLedger
from daymark.adapters.dynamodb.tables import TABLES
from daymark.book.models import Household
from daymark.local.sample_people import instruments
from tests.unit.task_world import FRIDAY, HEADER, MONDAY, STATEMENTS, history, synthetic_records

REGION = "us-east-1"
CONTEXT = SimpleNamespace(aws_request_id="5ce2f1a0", function_name="under-test")
PHASES = ("PRE_MARKET", "MARKET_OPEN", "MID_DAY", "MARKET_CLOSE", "POST_MARKET")
BUCKETS = ("prices", "documents", "seals", "live")
ISSUER, APP = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Pool", "app-client"
ROOTS = (
    *("operations.bootstrap", "operations.phase_bootstrap", "operations.price_bootstrap", "operations.document_bootstrap"),
    *("monitoring.bootstrap", "monitoring.live_bootstrap", "monitoring.mark_bootstrap", "market_data.bootstrap"),
)


@dataclass(frozen=True)
class Services:
    """What the handlers talk to, looked at from outside."""

    dynamodb: Any
    s3: Any
    stepfunctions: Any
    events: Any

    def items(self, table: str, pk: str | None = None) -> list[dict[str, Any]]:
        """Stored items as plain values, bodies parsed."""
        found = self.dynamodb.scan(TableName=f"daymark-{table}", ConsistentRead=True)["Items"]
        plain = [{name: next(iter(value.values())) for name, value in item.items()} for item in found]
        plain = [item | {"body": json.loads(item["body"])} if "body" in item else item for item in plain]
        return sorted((item for item in plain if pk in (None, item["pk"])), key=lambda item: (item["pk"], item.get("sk", "")))

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Every stored item of every table, to show that nothing was written."""
        return {name: self.items(name) for name in TABLES}

    def object(self, bucket: str, key: str) -> bytes:
        """A stored object."""
        return bytes(self.s3.get_object(Bucket=f"daymark-{bucket}", Key=key)["Body"].read())

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Keys under a prefix."""
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=f"daymark-{bucket}", Prefix=prefix).get("Contents", [])]


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Empty tables and buckets, and an environment that names them."""
    with mock_aws():
        config = Config(s3={"addressing_style": "path"})
        names = ("dynamodb", "s3", "stepfunctions", "events")
        found = Services(*(boto3.client(name, region_name=REGION, config=config) for name in names))
        found.events.create_event_bus(Name="daymark")
        for name, table in TABLES.items():
            found.dynamodb.create_table(**table.creation(f"daymark-{name}"))
        for bucket in BUCKETS:
            found.s3.create_bucket(Bucket=f"daymark-{bucket}")
        for variable, value in environment(found).items():
            monkeypatch.setenv(variable, value)
        forget()
        yield found
        forget()


def environment(found: Services) -> Mapping[str, str]:
    """The variables of all functions together; each reads its own."""
    role = "arn:aws:iam::123456789012:role/phase"
    pass_through = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    machines = {
        phase: found.stepfunctions.create_state_machine(name=phase, definition=pass_through, roleArn=role)["stateMachineArn"]
        for phase in PHASES
    }
    secret = boto3.client("secretsmanager", region_name=REGION).create_secret(Name="cursors", SecretString="k" * 64)
    return {
        "DAYMARK_REGION": REGION,
        **{f"DAYMARK_{name.upper()}_TABLE": f"daymark-{name}" for name in TABLES},
        **{f"DAYMARK_{name.upper()}_BUCKET": f"daymark-{name}" for name in BUCKETS},
        "DAYMARK_PHASE_MACHINES": json.dumps(machines),
        "DAYMARK_IDENTITY_CLIENTS": json.dumps({ISSUER: APP}),
        "DAYMARK_CURSOR_SECRET": secret["ARN"],
        # More calls than any test makes.
        "DAYMARK_TENANT_RATES": json.dumps({"read": 10_000_000, "effect": 10_000_000}),
        "DAYMARK_TENANT_WINDOW_SECONDS": "60",
        "DAYMARK_EVENT_BUS": "daymark",
        "DAYMARK_TICK_GROUPS": "4",
        "DAYMARK_PORTFOLIO_BUCKETS": "8",
        "DAYMARK_TICK_PUBLISHERS": "1,2,3",
        "DAYMARK_SYNTHETIC_TICKS": "true",
        "DAYMARK_WEBSOCKET_ENDPOINT": "https://p1.execute-api.us-east-1.amazonaws.com/live",
        "POWERTOOLS_SERVICE_NAME": "under-test",
        "POWERTOOLS_METRICS_NAMESPACE": "Daymark",
    }


def forget() -> None:
    """Begin like a fresh process: drop what the composition roots built."""
    for name in (*ROOTS, "operations.api", "book.api", "monitoring.api", "operations.publish_reports", "operations.seal_audit"):
        for value in vars(importlib.import_module(name)).values():
            if hasattr(value, "cache_clear") and str(getattr(value, "__module__", "")).split(".")[0] in (
                "operations",
                "book",
                "monitoring",
                "market_data",
            ):
                value.cache_clear()


@cache
def price_files() -> list[tuple[str, bytes]]:
    """Real prices: the years that 504 sessions before Monday need, the series, and two vendor files."""
    years = {f"closes/{year}.npz" for year in (2015, 2016, 2017, 2018)}
    return [(key, content) for key, content in history().files([FRIDAY, MONDAY]) if key in years or not key.startswith("closes/")]


@pytest.fixture
def loaded(services: Services) -> Services:
    """A synthetic book of two tenants, real prices, and the custodian's statements of Monday 5 February 2018."""
    client = dynamodb_client(REGION)
    ledger = DynamoFenceLedger("daymark-fence", client)
    book, fence = DynamoBookStore("daymark-book", client, ledger), ledger.open("load", REGION)
    book.save_instruments(instruments(), fence)
    for record in synthetic_records():
        owned = record.portfolio
        book.save_household(Household(owned.tenant, owned.household_id, "Synthetic", owned.adviser_id), fence)
        book.save_record(record, fence)
    for key, content in price_files():
        services.s3.put_object(Bucket="daymark-prices", Key=key, Body=content)
    for tenant, lines in STATEMENTS.items():
        text = "\n".join([HEADER, *lines, ""])
        services.s3.put_object(Bucket="daymark-documents", Key=f"statements/{tenant}/2018-02-05/0001.csv", Body=text.encode())
    return services
