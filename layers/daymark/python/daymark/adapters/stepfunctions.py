"""Starting phases on Step Functions: one execution per run, named by the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from daymark.adapters.dynamodb.errors import translated
from daymark.core.audit import canonical_json
from daymark.core.errors import InvalidInput
from daymark.operations.models import OperationPhase, RunId

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

VERSION = 1


class StepFunctionsPhaseStarter:
    """Starts the state machine of a run's phase.

    Args:
        machines: ARN of each phase's state machine.
        client: A Step Functions client with bounded time-outs.
    """

    def __init__(self, machines: Mapping[OperationPhase, str], client: SFNClient) -> None:
        self._machines = dict(machines)
        self._client = client

    def start(self, run: RunId, redo: str | None = None) -> str:
        """Start the run's machine and return the execution's ARN; a run that was started before answers with the same ARN.

        Args:
            run: The run; its name is the execution's name, which the service accepts once.
            redo: Keep what succeeded in the attempt before, except this task and what depends on it.

        Raises:
            InvalidInput: no machine is known for the phase.
            Unavailable: the service did not answer or throttled.
        """
        machine = self._machines.get(run.phase)
        if machine is None:
            raise InvalidInput(f"no state machine is known for {run.phase}", field="phase")
        wake_up = {"version": VERSION, "run_id": str(run)} | ({} if redo is None else {"redo": redo})
        try:
            with translated(f"starting {run}"):
                answer = self._client.start_execution(stateMachineArn=machine, name=run.execution_name, input=canonical_json(wake_up))
        except ClientError as refused:
            if refused.response.get("Error", {}).get("Code") != "ExecutionAlreadyExists":
                raise
            return f"{machine.replace(':stateMachine:', ':execution:')}:{run.execution_name}"
        return answer["executionArn"]
