"""PhaseStarter on Step Functions: one execution per run, however often it is asked for."""

from __future__ import annotations

import json
from contextlib import nullcontext

import boto3
import pytest
from moto import mock_aws

from daymark.adapters.dynamodb.client import client_settings
from daymark.adapters.dynamodb.errors import Misconfigured
from daymark.adapters.stepfunctions import StepFunctionsPhaseStarter
from daymark.core.errors import InvalidInput
from daymark.operations.models import OperationPhase, RunId
from tests.contracts.conftest import EMULATOR
from tests.contracts.samples import DAY

DEFINITION = {"QueryLanguage": "JSONata", "StartAt": "Answer", "States": {"Answer": {"Type": "Pass", "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/sample"
RUN = RunId(DAY, OperationPhase.MID_DAY, 2)


@pytest.fixture(params=["moto", EMULATOR])
def machines(request):
    endpoint = request.getfixturevalue("emulator") if request.param == "emulator" else None
    with mock_aws() if endpoint is None else nullcontext():
        client = boto3.client("stepfunctions", endpoint_url=endpoint, config=client_settings("us-east-1", 2.0, 10.0, 2))
        made = client.create_state_machine(name=f"phase-{request.param}", definition=json.dumps(DEFINITION), roleArn=ROLE)
        yield client, made["stateMachineArn"]
        client.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_a_run_is_started_once_under_its_own_name(machines):
    client, machine = machines
    starter = StepFunctionsPhaseStarter({OperationPhase.MID_DAY: machine}, client)
    address = starter.start(RUN, redo="find_tax_losses")
    assert address.endswith(":2018-02-05_MID_DAY_2")
    assert starter.start(RUN) == address
    assert starter.start(RUN, redo="find_tax_losses") == address
    assert json.loads(client.describe_execution(executionArn=address)["input"]) == {
        "version": 1,
        "run_id": "2018-02-05/MID_DAY#2",
        "redo": "find_tax_losses",
    }
    assert len(client.list_executions(stateMachineArn=machine)["executions"]) == 1
    other = starter.start(RunId(DAY, OperationPhase.MID_DAY, 3))
    assert json.loads(client.describe_execution(executionArn=other)["input"]) == {"version": 1, "run_id": "2018-02-05/MID_DAY#3"}


def test_a_phase_without_a_machine_is_refused(machines):
    client, machine = machines
    with pytest.raises(InvalidInput):
        StepFunctionsPhaseStarter({OperationPhase.MID_DAY: machine}, client).start(RunId(DAY, OperationPhase.PRE_MARKET))
    with pytest.raises(Misconfigured):
        StepFunctionsPhaseStarter({OperationPhase.MID_DAY: machine[:-1] + "X"}, client).start(RUN)
