"""Starting and resuming phases on Step Functions: executions are named by the run, so whoever asks twice gets one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from daymark.adapters.dynamodb.errors import translated
from daymark.contracts.phases import VERSION
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput
from daymark.operations.models import OperationPhase, RunId

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# How the state machine fails an execution whose run ended in the journal as FAILED: that driver did its work.
PHASE_FAILED = "PhaseFailed"


class StepFunctionsPhaseStarter:
    """Starts the state machine of a run's phase, and starts it again when the execution that drove the run died.

    A run's executions are ``<run>``, ``<run>_resume_1``, ``<run>_resume_2`` and so on. The service accepts each name once, so of
    two callers that find the same execution dead both get the one execution that follows it.

    Args:
        machines: ARN of each phase's state machine.
        client: A Step Functions client with bounded time-outs.
    """

    def __init__(self, machines: Mapping[OperationPhase, str], client: SFNClient) -> None:
        self._machines = dict(machines)
        self._client = client

    def start(self, run: RunId, redo: str | None = None) -> str:
        """Start the run's machine and return the execution's ARN; a run that was started before answers with the same ARN.

        If that execution died (a step failed, it was stopped or timed out), another takes the run over.

        Args:
            run: The run; its name is the execution's name, which the service accepts once.
            redo: Keep what succeeded in the attempt before, except this task and what depends on it.

        Raises:
            InvalidInput: no machine is known for the phase.
            Unavailable: the service did not answer or throttled.
        """
        wake_up = _wake_up(run) | ({} if redo is None else {"redo": redo})
        return self._drive(run, chain([wake_up], repeat(wake_up | {"take_over": True})), _died)

    def resume(self, run: RunId, driver: str | None) -> str:
        """Drive on a run that its journal calls running, and return the ARN of the execution that does.

        Args:
            run: The run.
            driver: The driver that the journal names. While it is a running execution of the phase's machine in this region, it
                is the answer and nothing starts; any other driver is taken for dead, and the run is taken over.

        Raises:
            InvalidInput: no machine is known for the phase.
            Unavailable: the service did not answer or throttled.
        """
        machine = self._machine(run)
        if driver is not None and driver.startswith(_address(machine, "")) and not _ended(self._found(driver)):
            return driver
        # An execution under one of the run's names may have stood aside for the dead driver, so every one that ended is passed by.
        return self._drive(run, repeat(_wake_up(run) | {"take_over": True}), _ended)

    def _machine(self, run: RunId) -> str:
        machine = self._machines.get(run.phase)
        if machine is None:
            raise InvalidInput(f"no state machine is known for {run.phase}", field="phase")
        return machine

    def _drive(self, run: RunId, wake_ups: Iterable[Mapping[str, Any]], passed_by: Callable[[_Found], bool]) -> str:
        """The first execution under the run's names that is new, or was there and is not ``passed_by``."""
        machine = self._machine(run)
        for number, wake_up in enumerate(wake_ups):
            name = f"{run.execution_name}_resume_{number}" if number else run.execution_name
            started = self._start(machine, name, wake_up)
            address = started or _address(machine, name)
            if started or not passed_by(self._found(address)):
                return address
        raise AssertionError("the names never end")

    def _start(self, machine: str, name: str, wake_up: Mapping[str, Any]) -> str | None:
        """Start an execution; ``None`` if one of that name was there before."""
        try:
            with translated(f"starting {name}"):
                return self._client.start_execution(stateMachineArn=machine, name=name, input=canonical_json(wake_up))["executionArn"]
        except ClientError as refused:
            if refused.response.get("Error", {}).get("Code") != "ExecutionAlreadyExists":
                raise
            return None

    def _found(self, execution: str) -> _Found:
        """An execution's status and error; both empty once the service has forgotten it."""
        try:
            with translated(f"describing {execution}"):
                answer = self._client.describe_execution(executionArn=execution)
        except ClientError as refused:
            if refused.response.get("Error", {}).get("Code") != "ExecutionDoesNotExist":
                raise
            return _Found("", "")
        return _Found(answer["status"], answer.get("error", ""))


class _Found(NamedTuple):
    status: str
    error: str


def _died(found: _Found) -> bool:
    """Whether an execution ended although its run had not."""
    return found.status in ("FAILED", "ABORTED", "TIMED_OUT") and found.error != PHASE_FAILED


def _ended(found: _Found) -> bool:
    return found.status != "RUNNING"


def _wake_up(run: RunId) -> dict[str, Any]:
    return {"version": VERSION, "run_id": str(run)}


def _address(machine: str, name: str) -> str:
    return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
