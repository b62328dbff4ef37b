"""PhaseStarter on Step Functions: one living execution per run, however often it is asked for, and another when it died."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from uuid import uuid4

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

WAITING = {"QueryLanguage": "JSONata", "StartAt": "Work", "States": {"Work": {"Type": "Wait", "Seconds": 600, "End": True}}}
FAILING = {"QueryLanguage": "JSONata", "StartAt": "FailPhase", "States": {"FailPhase": {"Type": "Fail", "Error": "PhaseFailed"}}}
DEFINITION = {"QueryLanguage": "JSONata", "StartAt": "Answer", "States": {"Answer": {"Type": "Pass", "End": True}}}
ROLE = "arn:aws:iam::123456789012:role/sample"
RUN = RunId(DAY, OperationPhase.MID_DAY, 2)


@pytest.fixture(params=["moto", EMULATOR])
def machines(request):
    yield from made_machine(request, DEFINITION)


@pytest.fixture(params=["moto", EMULATOR])
def waiting(request):
    """A machine whose executions run until they are stopped, and its starter."""
    for client, machine in made_machine(request, WAITING):
        yield client, machine, StepFunctionsPhaseStarter({OperationPhase.MID_DAY: machine}, client)
        for execution in client.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]:
            client.stop_execution(executionArn=execution["executionArn"])


def made_machine(request, definition):
    endpoint = request.getfixturevalue("emulator") if request.param == "emulator" else None
    with mock_aws() if endpoint is None else nullcontext():
        client = boto3.client("stepfunctions", endpoint_url=endpoint, config=client_settings("us-east-1", 2.0, 10.0, 2))
        made = client.create_state_machine(name=f"phase-{uuid4().hex[:8]}", definition=json.dumps(definition), roleArn=ROLE)
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


def names(client, machine):
    return sorted(execution["name"] for execution in client.list_executions(stateMachineArn=machine)["executions"])


def told(client, execution):
    return json.loads(client.describe_execution(executionArn=execution)["input"])


def test_a_living_execution_is_the_answer_to_start_and_resume(waiting):
    client, machine, starter = waiting
    first = starter.start(RUN)
    assert starter.start(RUN) == starter.start(RUN, redo="find_tax_losses") == first
    assert starter.resume(RUN, first) == starter.resume(RUN, None) == first
    assert names(client, machine) == ["2018-02-05_MID_DAY_2"]


def test_what_was_just_started_is_the_answer_however_soon_it_ends(waiting, monkeypatch):
    client, machine, starter = waiting
    monkeypatch.setattr(client, "describe_execution", lambda **_: {"status": "SUCCEEDED"})
    assert starter.resume(RUN, None).endswith(":2018-02-05_MID_DAY_2")
    assert names(client, machine) == ["2018-02-05_MID_DAY_2"]


@pytest.mark.parametrize("by", ["start", "resume"])
def test_a_dead_execution_is_followed_by_one_that_takes_over(waiting, by):
    client, machine, starter = waiting
    dead = starter.start(RUN, redo="find_tax_losses")
    for number in (1, 2):
        client.stop_execution(executionArn=dead)
        # Two callers that found the same execution dead get the same successor.
        both = [starter.start(RUN, redo="find_tax_losses") if by == "start" else starter.resume(RUN, dead) for _ in range(2)]
        assert len(set(both)) == 1
        assert both[0].endswith(f":2018-02-05_MID_DAY_2_resume_{number}")
        expected = {"version": 1, "run_id": "2018-02-05/MID_DAY#2", "take_over": True}
        assert told(client, both[0]) == expected | ({"redo": "find_tax_losses"} if by == "start" else {})
        dead = both[0]
    assert len(names(client, machine)) == 3


def test_a_driver_woken_by_the_schedule_is_judged_by_its_own_execution(waiting):
    client, machine, starter = waiting
    scheduled = client.start_execution(stateMachineArn=machine, name="by-the-scheduler", input="{}")["executionArn"]
    assert starter.resume(RUN, scheduled) == scheduled
    client.stop_execution(executionArn=scheduled)
    resumed = starter.resume(RUN, scheduled)
    assert resumed.endswith(":2018-02-05_MID_DAY_2")
    assert told(client, resumed)["take_over"] is True


@pytest.mark.parametrize("change", [("us-east-1", "us-west-2"), ("by-the-scheduler", "long-forgotten"), ("arn:aws:states:", "a notebook ")])
def test_a_driver_that_cannot_be_seen_here_is_taken_for_dead(waiting, change):
    client, machine, starter = waiting
    known = client.start_execution(stateMachineArn=machine, name="by-the-scheduler", input="{}")["executionArn"]
    resumed = starter.resume(RUN, known.replace(*change))
    assert resumed.endswith(":2018-02-05_MID_DAY_2")


@pytest.mark.parametrize("definition", [pytest.param(DEFINITION, id="succeeded"), pytest.param(FAILING, id="failed")])
@pytest.mark.parametrize("machines", [EMULATOR], indirect=True)
def test_an_execution_that_ended_with_its_run_is_not_followed(machines, definition):
    client, machine = machines
    client.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition))
    starter = StepFunctionsPhaseStarter({OperationPhase.MID_DAY: machine}, client)
    first = starter.start(RUN)
    while client.describe_execution(executionArn=first)["status"] == "RUNNING":
        time.sleep(0.05)
    assert starter.start(RUN) == first
    assert names(client, machine) == ["2018-02-05_MID_DAY_2"]
