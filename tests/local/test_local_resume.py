"""A phase whose driver died in the middle is driven on by running the day again: the same attempt, and nothing twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import date

import boto3
import pytest

from daymark.adapters.dynamodb.client import dynamodb_client, stepfunctions_client
from daymark.adapters.dynamodb.day_records import DynamoDayRecords
from daymark.adapters.dynamodb.run_journal import DynamoRunJournal
from daymark.adapters.stepfunctions import StepFunctionsPhaseStarter
from daymark.local.trading_day import TradingDay
from daymark.local.workspace import REGION
from daymark.operations.catalogue import trading_day
from daymark.operations.models import OperationPhase, RunId, RunStatus, TransitionKind
from tests.local.conftest import SESSION, Installation

pytestmark = pytest.mark.emulator

NEXT_SESSION = date(2018, 2, 6)
RUN = RunId(NEXT_SESSION, OperationPhase.PRE_MARKET)


def test_a_phase_interrupted_under_way_is_finished_as_the_same_attempt(installation: Installation) -> None:
    outputs = installation.workspace.outputs()
    dynamodb, machines = dynamodb_client(REGION), boto3.client("stepfunctions")
    journal = DynamoRunJournal(outputs["OperationsTable"], dynamodb)
    records = DynamoDayRecords(outputs["OperationsTable"], dynamodb)
    starter = StepFunctionsPhaseStarter(json.loads(outputs["PhaseMachines"]), stepfunctions_client(REGION))

    first = starter.start(RUN)
    while not any(line.kind is TransitionKind.DISPATCHED for line in journal.read(RUN)):
        assert machines.describe_execution(executionArn=first)["status"] == "RUNNING"
        time.sleep(0.02)
    machines.stop_execution(executionArn=first)
    assert machines.describe_execution(executionArn=first)["status"] == "ABORTED"

    (summary,) = TradingDay(installation.workspace).run(NEXT_SESSION, (OperationPhase.PRE_MARKET,), lambda _summary: None)

    assert (summary.run, summary.status) == (RUN, RunStatus.SUCCEEDED)
    assert list(journal.runs(NEXT_SESSION)) == [RUN]
    lines = journal.read(RUN)
    takers = [line.body["driver"] for line in lines if line.kind in (TransitionKind.OPENED, TransitionKind.TAKEN_OVER)]
    assert takers == [first, f"{first}_resume_1"]
    assert machines.describe_execution(executionArn=takers[1])["status"] == "SUCCEEDED"
    succeeded = Counter(line.task for line in lines if line.kind is TransitionKind.SUCCEEDED)
    assert succeeded == dict.fromkeys(trading_day().tasks(OperationPhase.PRE_MARKET), 1)
    # What an uninterrupted phase left for the session before, this one left for its own: as much of each kind, of each tenant.
    for tenant in ("shared", "northstar", "harbor", "summit"):
        kept = [sorted(record.kind for record in records.find(tenant, day) if record.phase == RUN.phase) for day in (SESSION, NEXT_SESSION)]
        assert kept[0]
        assert kept[0] == kept[1]
